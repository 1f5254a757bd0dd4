"""A row tells the trace of the request that wrote it, where that was traced."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE log ADD COLUMN traceparent text")


def downgrade() -> None:
    op.execute("ALTER TABLE log DROP COLUMN traceparent")
