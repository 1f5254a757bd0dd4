"""Facts and cells name units, reporters, measures and platforms by numbers: their keys were most of their bytes."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAMES = [
    "CREATE TABLE ids (number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE)",
    "CREATE TABLE codes (number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE)",
    """INSERT INTO ids (id) SELECT unit_id FROM facts UNION SELECT reporter_id FROM facts
       UNION SELECT unit_id FROM cells UNION SELECT reporter_id FROM cells""",
    """INSERT INTO codes (code)
       SELECT measure FROM facts UNION SELECT platform FROM facts UNION SELECT measure FROM cells
       UNION SELECT platform FROM cells UNION SELECT stage FROM facts WHERE stage IS NOT NULL
       UNION SELECT channel FROM facts WHERE channel IS NOT NULL""",
]

# The widest first: nothing is lost between them to alignment.
FACTS = """CREATE TABLE {name} (
    record_id uuid NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    fold_in bigint NOT NULL,
    fold_out bigint,
    person bigint,
    national_id bigint,
    phone bigint,
    ref bigint,
    receipt bigint,
    household bigint,
    unit integer NOT NULL,
    day date NOT NULL,
    reporter integer NOT NULL,
    measure integer NOT NULL,
    platform integer NOT NULL,
    stage integer,
    channel integer,
    line smallint NOT NULL,
    reporter_kind smallint NOT NULL
)"""
FACTS_KEYS = [
    "ALTER TABLE facts ADD PRIMARY KEY (record_id, line, fold_in)",
    "CREATE INDEX facts_place ON facts (unit, day) WHERE fold_out IS NULL",
    "CREATE INDEX facts_person ON facts (person, day) WHERE fold_out IS NULL AND person IS NOT NULL",
    "CREATE INDEX facts_household ON facts (household, day) WHERE fold_out IS NULL AND household IS NOT NULL",
]
# Unit and day come first: what is folded today lies together, however many years lie beside it.
CELLS = """CREATE TABLE {name} (
    quantity bigint NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    unknown bigint NOT NULL DEFAULT 0 CHECK (unknown BETWEEN 0 AND quantity),
    unit integer NOT NULL,
    day date NOT NULL,
    reporter integer NOT NULL,
    measure integer NOT NULL,
    platform integer NOT NULL,
    reporter_kind smallint NOT NULL,
    persons bytea NOT NULL DEFAULT '',
    households bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 80)"""
CELLS_KEYS = [
    "ALTER TABLE cells ADD PRIMARY KEY (unit, day, reporter, measure, platform)",
    "ALTER TABLE cells ALTER persons SET STORAGE EXTERNAL, ALTER households SET STORAGE EXTERNAL",
    "CREATE INDEX cells_day ON cells USING brin (day date_minmax_multi_ops) WITH (autosummarize = on)",
]

FACT_NAMES = """JOIN ids AS unit_of ON unit_of.number = {table}.unit
    JOIN ids AS reporter_of ON reporter_of.number = {table}.reporter
    JOIN codes AS measure_of ON measure_of.number = {table}.measure
    JOIN codes AS platform_of ON platform_of.number = {table}.platform"""
NAMED = "unit_of.id AS unit_id, measure_of.code AS measure, platform_of.code AS platform, reporter_of.id AS reporter_id"
VIEWS = [
    f"""CREATE VIEW named_facts AS
        SELECT record_id, line, {NAMED}, day, reporter_kind, stage_of.code AS stage, channel_of.code AS channel,
            quantity, person, national_id, phone, ref, receipt, household, fold_in, fold_out
        FROM facts {FACT_NAMES.format(table="facts")}
        LEFT JOIN codes AS stage_of ON stage_of.number = stage
        LEFT JOIN codes AS channel_of ON channel_of.number = channel""",
    f"""CREATE VIEW named_cells AS
        SELECT {NAMED}, day, reporter_kind, quantity, unknown, persons, households
        FROM cells {FACT_NAMES.format(table="cells")}""",
]

MOVED_FACTS = """INSERT INTO new_facts (record_id, line, unit, measure, platform, day, reporter_kind, reporter, stage,
        channel, quantity, person, national_id, phone, ref, receipt, household, fold_in, fold_out)
    SELECT record_id, line, unit_of.number, measure_of.number, platform_of.number, day, reporter_kind,
        reporter_of.number, stage_of.number, channel_of.number, quantity, person, national_id, phone, ref, receipt,
        household, fold_in, fold_out
    FROM facts JOIN ids AS unit_of ON unit_of.id = unit_id JOIN ids AS reporter_of ON reporter_of.id = reporter_id
        JOIN codes AS measure_of ON measure_of.code = measure JOIN codes AS platform_of ON platform_of.code = platform
        LEFT JOIN codes AS stage_of ON stage_of.code = stage LEFT JOIN codes AS channel_of ON channel_of.code = channel
    ORDER BY fold_in"""
MOVED_CELLS = """INSERT INTO new_cells (unit, measure, platform, day, reporter, reporter_kind, quantity, unknown,
        persons, households)
    SELECT unit_of.number, measure_of.number, platform_of.number, day, reporter_of.number, reporter_kind, quantity,
        unknown, persons, households
    FROM cells JOIN ids AS unit_of ON unit_of.id = unit_id JOIN ids AS reporter_of ON reporter_of.id = reporter_id
        JOIN codes AS measure_of ON measure_of.code = measure JOIN codes AS platform_of ON platform_of.code = platform
    ORDER BY day"""


def upgrade() -> None:
    for statement in NAMES:
        op.execute(statement)
    for table, made, moved, keys in (
        ("facts", FACTS, MOVED_FACTS, FACTS_KEYS),
        ("cells", CELLS, MOVED_CELLS, CELLS_KEYS),
    ):
        op.execute(made.format(name=f"new_{table}"))
        op.execute(moved)
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE new_{table} RENAME TO {table}")
        for statement in keys:
            op.execute(statement)
    for view in VIEWS:
        op.execute(view)


def downgrade() -> None:
    for view in ("named_facts", "named_cells"):
        op.execute(f"CREATE TABLE old_{view} AS SELECT * FROM {view}")
        op.execute(f"DROP VIEW {view}")
    for statement in OLDER:
        op.execute(statement)


OLDER = [
    "DROP TABLE facts, cells, ids, codes",
    "ALTER TABLE old_named_facts RENAME TO facts",
    "ALTER TABLE facts ADD PRIMARY KEY (record_id, line, fold_in), ADD CHECK (quantity > 0)",
    """ALTER TABLE facts ALTER unit_id SET NOT NULL, ALTER measure SET NOT NULL, ALTER platform SET NOT NULL,
        ALTER day SET NOT NULL, ALTER reporter_kind SET NOT NULL, ALTER reporter_id SET NOT NULL,
        ALTER quantity SET NOT NULL""",
    "CREATE INDEX facts_place ON facts (unit_id, day) WHERE fold_out IS NULL",
    *FACTS_KEYS[2:],
    "ALTER TABLE old_named_cells RENAME TO cells",
    "ALTER TABLE cells ADD PRIMARY KEY (unit_id, measure, platform, day, reporter_id)",
    "ALTER TABLE cells ADD CHECK (quantity >= 0), ADD CHECK (unknown BETWEEN 0 AND quantity)",
    """ALTER TABLE cells ALTER reporter_kind SET NOT NULL, ALTER quantity SET NOT NULL, ALTER quantity SET DEFAULT 0,
        ALTER unknown SET NOT NULL, ALTER unknown SET DEFAULT 0, ALTER persons SET NOT NULL,
        ALTER persons SET DEFAULT '', ALTER households SET NOT NULL, ALTER households SET DEFAULT ''""",
    "ALTER TABLE cells SET (fillfactor = 80)",
    *CELLS_KEYS[1:],
]
