"""A row tells the trace of the request that wrote it, where that was traced."""

from alembic import op

from libs.common import log

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in log.traced():
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE log DROP COLUMN traceparent")
