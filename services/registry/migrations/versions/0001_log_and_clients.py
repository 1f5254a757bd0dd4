"""The log of revisions, partners, and the digests of clients' secrets."""

from alembic import op

from libs.common import log

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = [
    *log.schema(),
    "CREATE INDEX log_type ON log (type, record_id, revision DESC, edition DESC)",
    "CREATE INDEX log_code ON log (type, (body ->> 'code'))",
    "CREATE INDEX log_parent ON log (type, (body ->> 'parent_id'))",
    """CREATE TABLE partners (
        partner_id uuid PRIMARY KEY,
        code text NOT NULL UNIQUE,
        name text NOT NULL,
        kind text NOT NULL
    )""",
    """CREATE TABLE client_secrets (
        client_id text NOT NULL,
        secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        PRIMARY KEY (client_id, secret_sha256)
    )""",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("client_secrets", "partners", "log_position", "log", "log_epoch"):
        op.execute(f"DROP TABLE {table}")
