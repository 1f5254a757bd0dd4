"""Members sealed beside the log, who is in which team, what changes were seen, where a team came from."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = [
    # A record of a place is looked up by its unit.
    "CREATE INDEX log_unit ON log (type, (body ->> 'unit_id'))",
    # The only table with names and phones, and these only as ciphertext bound to the member's id.
    """CREATE TABLE members (
        member_id uuid PRIMARY KEY,
        province_id uuid NOT NULL,
        key_id text NOT NULL,
        sealed bytea NOT NULL,
        left_on date
    )""",
    "CREATE INDEX members_left ON members (left_on) WHERE left_on IS NOT NULL",
    "CREATE INDEX members_key ON members (key_id)",
    """CREATE TABLE member_keys (
        digest bytea NOT NULL CHECK (length(digest) = 16),
        kind text NOT NULL,
        province_id uuid NOT NULL,
        member_id uuid NOT NULL REFERENCES members ON DELETE CASCADE,
        PRIMARY KEY (digest, kind, province_id, member_id)
    )""",
    "CREATE INDEX member_keys_member ON member_keys (member_id)",
    """CREATE TABLE memberships (
        member_id uuid NOT NULL,
        team_id uuid,
        unit_id uuid,
        begins date,
        ends date,
        CHECK ((team_id IS NULL) <> (unit_id IS NULL))
    )""",
    "CREATE INDEX memberships_member ON memberships (member_id)",
    "CREATE INDEX memberships_team ON memberships (team_id, member_id)",
    "CREATE INDEX memberships_unit ON memberships (unit_id, member_id) WHERE unit_id IS NOT NULL",
    # A client's id of a change, with the keyed digest of what it sent; erasing a member takes the digest away.
    """CREATE TABLE changes (
        change_id uuid PRIMARY KEY,
        record_id uuid NOT NULL,
        digest bytea
    )""",
    "CREATE INDEX changes_record ON changes (record_id)",
    """CREATE TABLE team_successors (
        successor_id uuid NOT NULL,
        team_id uuid NOT NULL,
        PRIMARY KEY (successor_id, team_id)
    )""",
    # What a file said of a team when it was last loaded: said again it changes nothing, whatever was changed since.
    "CREATE TABLE team_rows (team_id uuid PRIMARY KEY, sha256 bytea NOT NULL)",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("team_rows", "team_successors", "changes", "memberships", "member_keys", "members"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP INDEX log_unit")
