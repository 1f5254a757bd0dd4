"""The log of records: record, history, receipts, outbox and feed in one table."""

from alembic import op

from libs.common import log

revision = "0001"
down_revision = None


def upgrade() -> None:
    statements = log.schema(
        "kind text NOT NULL CHECK (kind IN ('visit', 'partner_report', 'progress'))",
        "state text NOT NULL CHECK (state IN ('recorded', 'voided', 'held', 'expired', 'progress'))",
        "change_id uuid",
        "digest bytea",
        "client_id text",
        "batch_id uuid",
        "occurred_given timestamptz",
        "occurred_at timestamptz",
        "received_at timestamptz NOT NULL",
        "sent_at timestamptz",
        "reason text",
        "waiting_for text[] NOT NULL DEFAULT '{}'",
    )
    for statement in statements:
        op.execute(statement)
    # A client's id of a creation, correction or void is unique across all records.
    op.execute("CREATE UNIQUE INDEX log_change ON log (change_id) WHERE edition = 0 AND change_id IS NOT NULL")
    op.execute("CREATE INDEX log_batch ON log (batch_id) WHERE batch_id IS NOT NULL")
    op.execute(
        "CREATE INDEX log_reporter ON log (partition_key, received_at DESC, record_id DESC)"
        " WHERE revision = 1 AND edition = 0 AND kind <> 'progress'"
    )
    op.execute("CREATE INDEX log_held ON log (partition_key, record_id) WHERE state = 'held'")


def downgrade() -> None:
    for table in ("log", "log_epoch", "log_position"):
        op.execute(f"DROP TABLE {table}")
