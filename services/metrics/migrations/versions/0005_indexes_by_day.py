"""Indexes over people and households are written where the days are, and numbers are read where pseudonyms lie.

Whom a fact names lies anywhere among all people of all years: an index that begins with them is written in another page
at each fact, and each page whole into the log once after every checkpoint. One that begins with the day is written
where the other facts of that day are.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LIVE = "fold_out IS NULL AND {column} IS NOT NULL"
TABLES = {"person": "persons", "household": "households"}


def upgrade() -> None:
    for column, table in TABLES.items():
        _index_facts(column, f"day, {column}")
        _key(table, "PRIMARY KEY (pseudonym) INCLUDE (number)")


def downgrade() -> None:
    for column, table in TABLES.items():
        _index_facts(column, f"{column}, day")
        _key(table, "PRIMARY KEY (pseudonym)")


def _index_facts(column: str, columns: str) -> None:
    op.execute(f"DROP INDEX facts_{column}")
    op.execute(f"CREATE INDEX facts_{column} ON facts ({columns}) WHERE {LIVE.format(column=column)}")


def _key(table: str, key: str) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD {key}")
