"""Heads, persons and households, facts, cells, progress, and the data revision."""

from alembic import op

from libs.common import inbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KINDS = ("national_id", "phone", "ref", "receipt")
KIND_RANGE = 1 << 30

SEQUENCES = [
    f"""CREATE SEQUENCE persons_{kind} AS bigint
        MINVALUE {n * KIND_RANGE} START {n * KIND_RANGE} MAXVALUE {(n + 1) * KIND_RANGE - 1}"""
    for n, kind in enumerate(KINDS)
]

STATEMENTS = [
    *inbox.schema(),
    """CREATE TABLE heads (
        record_id uuid PRIMARY KEY,
        revision integer NOT NULL,
        edition integer NOT NULL
    ) WITH (fillfactor = 90)""",
    *SEQUENCES,
    """CREATE TABLE persons (
        pseudonym bytea PRIMARY KEY CHECK (length(pseudonym) = 16),
        number bigint NOT NULL UNIQUE
    )""",
    "CREATE SEQUENCE households_number AS bigint MINVALUE 0 START 0 MAXVALUE 4294967295",
    """CREATE TABLE households (
        pseudonym bytea PRIMARY KEY CHECK (length(pseudonym) = 16),
        number bigint NOT NULL UNIQUE
    )""",
    """CREATE TABLE facts (
        record_id uuid NOT NULL,
        line smallint NOT NULL,
        unit_id uuid NOT NULL,
        measure text NOT NULL,
        platform text NOT NULL,
        day date NOT NULL,
        reporter_kind smallint NOT NULL,
        reporter_id uuid NOT NULL,
        stage text,
        channel text,
        quantity bigint NOT NULL CHECK (quantity > 0),
        person bigint,
        national_id bigint,
        phone bigint,
        ref bigint,
        receipt bigint,
        household bigint,
        fold_in bigint NOT NULL,
        fold_out bigint,
        PRIMARY KEY (record_id, line, fold_in)
    )""",
    "CREATE INDEX facts_place ON facts (unit_id, day) WHERE fold_out IS NULL",
    "CREATE INDEX facts_person ON facts (person, day) WHERE fold_out IS NULL AND person IS NOT NULL",
    "CREATE INDEX facts_household ON facts (household, day) WHERE fold_out IS NULL AND household IS NOT NULL",
    """CREATE TABLE cells (
        unit_id uuid NOT NULL,
        measure text NOT NULL,
        platform text NOT NULL,
        day date NOT NULL,
        reporter_id uuid NOT NULL,
        reporter_kind smallint NOT NULL,
        quantity bigint NOT NULL DEFAULT 0 CHECK (quantity >= 0),
        unknown bigint NOT NULL DEFAULT 0 CHECK (unknown BETWEEN 0 AND quantity),
        persons bytea NOT NULL DEFAULT '',
        households bytea NOT NULL DEFAULT '',
        PRIMARY KEY (unit_id, measure, platform, day, reporter_id)
    ) WITH (fillfactor = 80)""",
    # A serialised bitmap does not shrink further, so trying to compress it is work for nothing.
    "ALTER TABLE cells ALTER persons SET STORAGE EXTERNAL, ALTER households SET STORAGE EXTERNAL",
    # Cells come nearly in the order of their days; the multi-range kind bears those that come late.
    "CREATE INDEX cells_day ON cells USING brin (day date_minmax_multi_ops) WITH (autosummarize = on)",
    """CREATE TABLE progress (
        progress_id uuid PRIMARY KEY,
        revision integer NOT NULL,
        reporter_id uuid NOT NULL,
        device text,
        synced_through timestamptz,
        held_since timestamptz
    )""",
    "CREATE INDEX progress_reporter ON progress (reporter_id)",
    "CREATE SEQUENCE fold_ids AS bigint",
    """CREATE TABLE folds (
        fold bigint PRIMARY KEY,
        epoch integer NOT NULL,
        n bigint NOT NULL,
        folded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (epoch, n)
    )""",
    """CREATE TABLE data_revision (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        epoch integer NOT NULL,
        n bigint NOT NULL,
        changed_at timestamptz
    )""",
    # A database made anew, to be rebuilt from the topics, must not give revisions that were given before.
    "INSERT INTO data_revision (epoch, n) VALUES ((extract(epoch FROM now()) / 60)::integer, 0)",
]

TABLES = (
    "data_revision",
    "folds",
    "progress",
    "cells",
    "facts",
    "households",
    "persons",
    "heads",
    "dead_letters",
    "inbox",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    for sequence in ("fold_ids", "households_number", *(f"persons_{kind}" for kind in KINDS)):
        op.execute(f"DROP SEQUENCE {sequence}")
