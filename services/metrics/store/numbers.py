"""Dense numbers of people and households: looked up, only the missing inserted, read again."""

from collections.abc import Mapping, Set

from libs.common.db import Connection
from services.metrics.domain.facts import REFERENCE_KINDS

__all__ = ["number_households", "number_persons"]

# Each kind of reference has a sequence, hence a range of numbers, of its own.
_NEXT_NUMBER = "CASE kind {} END".format(
    " ".join(f"WHEN {n} THEN nextval('persons_{kind}')" for n, kind in enumerate(REFERENCE_KINDS))
)


async def number_persons(connection: Connection, kinds: Mapping[bytes, int]) -> dict[bytes, int]:
    """Give the number of every pseudonym, made where there was none; `kinds` are indexes of REFERENCE_KINDS."""
    numbers = await _known(connection, "persons", list(kinds))
    if missing := sorted(kinds.keys() - numbers.keys()):
        rows = await connection.fetch(
            f"""INSERT INTO persons (pseudonym, number)
               SELECT pseudonym, {_NEXT_NUMBER} FROM (
                   SELECT * FROM unnest($1::bytea[], $2::smallint[]) AS told (pseudonym, kind) ORDER BY pseudonym
               ) AS sorted
               ON CONFLICT DO NOTHING RETURNING pseudonym, number""",
            missing,
            [kinds[pseudonym] for pseudonym in missing],
        )
        numbers |= {pseudonym: number for pseudonym, number in rows}
    return await _completed(connection, "persons", kinds.keys(), numbers)


async def number_households(connection: Connection, pseudonyms: Set[bytes]) -> dict[bytes, int]:
    """Give the number of every household's pseudonym, made where there was none."""
    numbers = await _known(connection, "households", list(pseudonyms))
    if missing := sorted(pseudonyms - numbers.keys()):
        rows = await connection.fetch(
            """INSERT INTO households (pseudonym, number)
               SELECT pseudonym, nextval('households_number') FROM (
                   SELECT * FROM unnest($1::bytea[]) AS told (pseudonym) ORDER BY pseudonym
               ) AS sorted
               ON CONFLICT DO NOTHING RETURNING pseudonym, number""",
            missing,
        )
        numbers |= {pseudonym: number for pseudonym, number in rows}
    return await _completed(connection, "households", pseudonyms, numbers)


async def _known(connection: Connection, table: str, pseudonyms: list[bytes]) -> dict[bytes, int]:
    if not pseudonyms:
        return {}
    rows = await connection.fetch(
        f"SELECT pseudonym, number FROM {table} WHERE pseudonym = ANY($1::bytea[])", pseudonyms
    )
    return {pseudonym: number for pseudonym, number in rows}


async def _completed(
    connection: Connection, table: str, wanted: Set[bytes], numbers: dict[bytes, int]
) -> dict[bytes, int]:
    """Read those that another transaction made meanwhile; the insert has waited for its end."""
    if raced := list(wanted - numbers.keys()):
        numbers |= await _known(connection, table, raced)
    return numbers
