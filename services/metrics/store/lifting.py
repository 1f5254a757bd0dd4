"""People and households, whose pseudonyms are lifted to a newer key, each under the number that it has."""

from collections.abc import Sequence

from libs.common.db import Connection

__all__ = [
    "KNOWN",
    "begin_lift",
    "count_known",
    "keep_lifted",
    "read_known",
    "read_level",
    "replace_known",
    "write_level",
]

KNOWN = ("persons", "households")


async def read_level(connection: Connection) -> int:
    """Give the level that people are kept at."""
    level: int = await connection.fetchval("SELECT level FROM key_level")
    return level


async def write_level(connection: Connection, level: int) -> None:
    """Say at which level people are kept from now on; the caller has lifted all of them."""
    await connection.execute("UPDATE key_level SET level = $1", level)


async def begin_lift(connection: Connection) -> None:
    """Be alone with people until the transaction ends: every fold begins in the inbox, and waits there."""
    await connection.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
    await connection.execute("CREATE TEMPORARY TABLE lifted (pseudonym bytea, number bigint) ON COMMIT DROP")


async def count_known(connection: Connection) -> int:
    """Count people and households."""
    known: int = await connection.fetchval("SELECT (SELECT count(*) FROM persons) + (SELECT count(*) FROM households)")
    return known


async def read_known(connection: Connection, table: str, after: bytes, limit: int) -> list[tuple[bytes, int]]:
    """Give a page of one of `KNOWN`, in the order of the pseudonyms."""
    rows = await connection.fetch(
        f"SELECT pseudonym, number FROM {table} WHERE pseudonym > $1 ORDER BY pseudonym LIMIT $2", after, limit
    )
    return [(pseudonym, number) for pseudonym, number in rows]


async def keep_lifted(connection: Connection, rows: Sequence[tuple[bytes, int]]) -> None:
    """Put a lifted page aside."""
    await connection.copy_records_to_table("lifted", records=rows, columns=("pseudonym", "number"))


async def replace_known(connection: Connection, table: str) -> None:
    """Put what was set aside in the place of a table's rows."""
    await connection.execute(f"TRUNCATE {table}")
    await connection.execute(f"INSERT INTO {table} (pseudonym, number) SELECT * FROM lifted ORDER BY pseudonym")
    await connection.execute("TRUNCATE lifted")
