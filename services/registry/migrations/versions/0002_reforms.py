"""Reforms of the map: decrees as they were drafted, changed, scheduled, enacted or withdrawn."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = [
    # No query looks children up in the log any more: the atlas does.
    "DROP INDEX log_parent",
    """CREATE TABLE reforms (
        reform_id uuid PRIMARY KEY,
        revision integer NOT NULL CHECK (revision >= 1),
        status text NOT NULL CHECK (status IN ('draft', 'scheduled', 'enacted', 'failed', 'withdrawn')),
        decree text NOT NULL,
        effective_date date NOT NULL,
        operations json NOT NULL,
        client_id text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now(),
        failure json,
        begun uuid[] NOT NULL DEFAULT '{}',
        ended uuid[] NOT NULL DEFAULT '{}',
        written uuid[] NOT NULL DEFAULT '{}'
    )""",
    "CREATE INDEX reforms_due ON reforms (effective_date) WHERE status = 'scheduled'",
    # Who did what, by the id that their client made: the same sent again is known by it.
    """CREATE TABLE reform_actions (
        reform_id uuid NOT NULL REFERENCES reforms,
        revision integer NOT NULL,
        action text NOT NULL,
        action_id uuid NOT NULL,
        digest bytea NOT NULL,
        client_id text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (reform_id, revision),
        UNIQUE (reform_id, action_id)
    )""",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("reform_actions", "reforms"):
        op.execute(f"DROP TABLE {table}")
    op.execute("CREATE INDEX log_parent ON log (type, (body ->> 'parent_id'))")
