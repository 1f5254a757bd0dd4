"""What each fold changed, the roll-ups made of it, and which unit counts in which."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = [
    # A fold of the older version would leave no changes behind. Without a default here it fails, and its process ends.
    "ALTER TABLE folds ADD COLUMN entries integer NOT NULL DEFAULT 0",
    "ALTER TABLE folds ALTER COLUMN entries DROP DEFAULT",
    """CREATE TABLE fold_changes (
        n bigint PRIMARY KEY,
        entries integer NOT NULL CHECK (entries > 0),
        changes bytea NOT NULL
    )""",
    # Packed small already, and deleted within a minute.
    "ALTER TABLE fold_changes ALTER changes SET STORAGE EXTERNAL",
    """CREATE TABLE rollups (
        level smallint NOT NULL,
        unit_id uuid NOT NULL,
        month date NOT NULL,
        measure text NOT NULL,
        platform text NOT NULL,
        reporter_kind smallint NOT NULL,
        n bigint NOT NULL,
        stamp bigint NOT NULL,
        quantity bigint NOT NULL,
        unknown bigint NOT NULL,
        first_day date NOT NULL,
        last_day date NOT NULL,
        persons bytea NOT NULL,
        households bytea NOT NULL,
        reporters bytea NOT NULL,
        PRIMARY KEY (level, unit_id, month, measure, platform, reporter_kind)
    ) WITH (fillfactor = 80)""",
    """ALTER TABLE rollups ALTER persons SET STORAGE EXTERNAL, ALTER households SET STORAGE EXTERNAL,
        ALTER reporters SET STORAGE EXTERNAL""",
    "CREATE SEQUENCE rollup_stamps AS bigint",
    """CREATE TABLE rollup_units (
        unit_id uuid PRIMARY KEY,
        commune_id uuid NOT NULL,
        province_id uuid NOT NULL,
        ready smallint NOT NULL CHECK (ready BETWEEN 0 AND 2),
        version bigint NOT NULL
    )""",
    """CREATE TABLE rollup_state (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        begun boolean NOT NULL,
        version bigint NOT NULL DEFAULT 0,
        drops bigint NOT NULL DEFAULT 0
    )""",
    # Where nothing has been counted yet nothing is missing; else the units are listed first.
    "INSERT INTO rollup_state (begun) SELECT NOT EXISTS (SELECT FROM cells)",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("rollup_state", "rollup_units", "rollups", "fold_changes"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP SEQUENCE rollup_stamps")
    op.execute("ALTER TABLE folds DROP COLUMN entries")
