"""Who settled what was held."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE decisions (
            decision_id uuid PRIMARY KEY,
            record_id uuid NOT NULL,
            revision integer NOT NULL,
            edition integer NOT NULL,
            unit_id uuid NOT NULL,
            digest bytea NOT NULL,
            client_id text NOT NULL,
            decided_at timestamptz NOT NULL,
            UNIQUE (record_id, revision, edition)
        )"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE decisions")
