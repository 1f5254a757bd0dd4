"""Jobs that bring in a province's file: the file, sealed until it is let go, and what would become of its rows."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = [
    """CREATE TABLE imports (
        import_id uuid PRIMARY KEY,
        client_id text NOT NULL,
        root_id uuid,
        kind text NOT NULL,
        codes_as_of date,
        format text NOT NULL,
        size_bytes integer NOT NULL,
        file_digest bytea NOT NULL CHECK (length(file_digest) = 32),
        key_id text NOT NULL,
        file bytea,
        state text NOT NULL CHECK (state IN
            ('queued', 'planning', 'planned', 'committing', 'committed', 'failed', 'cancelled', 'expired')),
        rows_read integer NOT NULL DEFAULT 0,
        rows_total integer,
        counts jsonb NOT NULL DEFAULT '{}',
        told bytea,
        plan_digest bytea,
        changed_since boolean NOT NULL DEFAULT false,
        attempts integer NOT NULL DEFAULT 0,
        lease_id uuid,
        lease_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        committed_at timestamptz,
        expires_at timestamptz NOT NULL
    )""",
    # The same file of the same client is the same job for as long as that is open.
    """CREATE UNIQUE INDEX imports_open ON imports (client_id, kind, file_digest, coalesce(codes_as_of, '-infinity'))
       WHERE state IN ('queued', 'planning', 'planned', 'committing')""",
    "CREATE INDEX imports_waiting ON imports (created_at) WHERE state IN ('queued', 'planning', 'committing')",
    "CREATE INDEX imports_expiring ON imports (expires_at) WHERE file IS NOT NULL OR told IS NOT NULL",
    # Rows may say what stands in a cell, so they are sealed; only what is counted and filtered by is not.
    """CREATE TABLE import_rows (
        import_id uuid NOT NULL REFERENCES imports ON DELETE CASCADE,
        number integer NOT NULL,
        outcome text NOT NULL,
        key_id text NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (import_id, number)
    )""",
    "CREATE INDEX import_rows_outcome ON import_rows (import_id, outcome, number)",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("import_rows", "imports"):
        op.execute(f"DROP TABLE {table}")
