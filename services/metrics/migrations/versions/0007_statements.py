"""Statements: reported figures, every revision of each, with the words they use."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE statement_words (
        kind text NOT NULL CHECK (kind IN ('sources', 'parts', 'caveats', 'units')),
        code text NOT NULL,
        vi text NOT NULL,
        en text NOT NULL,
        day date,
        PRIMARY KEY (kind, code)
    )""",
    """CREATE TABLE statements (
        id text NOT NULL,
        revision integer NOT NULL CHECK (revision >= 1),
        source text NOT NULL,
        indicator text NOT NULL,
        qualifier text NOT NULL,
        value numeric NOT NULL CHECK (value >= 0),
        unit_of_count text NOT NULL,
        denominator text,
        shape text NOT NULL,
        since date,
        as_of date,
        due date,
        part text,
        level text,
        province_code text NOT NULL,
        unit_codes text[] NOT NULL,
        sum_of text[] NOT NULL,
        flags text[] NOT NULL,
        note text,
        loaded_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (id, revision)
    )""",
    "CREATE TABLE statements_revision (one boolean PRIMARY KEY DEFAULT true CHECK (one), n bigint NOT NULL)",
    "INSERT INTO statements_revision (n) VALUES (0)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("statements_revision", "statements", "statement_words"):
        op.execute(f"DROP TABLE {table}")
