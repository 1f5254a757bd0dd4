"""At which level of the key chain a row's pseudonyms and digest were made, so that they can be lifted to a new key."""

from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE log ADD key_level smallint NOT NULL DEFAULT 1 CHECK (key_level >= 1)")


def downgrade() -> None:
    op.execute("ALTER TABLE log DROP key_level")
