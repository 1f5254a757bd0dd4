"""At which level of the key chain people and households are kept."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """CREATE TABLE key_level (
            single boolean PRIMARY KEY DEFAULT true CHECK (single),
            level smallint NOT NULL CHECK (level >= 1)
        )"""
    )
    op.execute("INSERT INTO key_level (level) VALUES (1)")


def downgrade() -> None:
    op.execute("DROP TABLE key_level")
