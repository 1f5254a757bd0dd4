"""Dense numbers of people and households: looked up, the missing ones made, in one statement each."""

from collections.abc import Mapping, Set

from libs.common.db import Connection
from services.metrics.domain.facts import REFERENCE_KINDS

__all__ = ["number_households", "number_persons"]

# Each kind of reference has a sequence, hence a range of numbers, of its own.
_NEXT_PERSON = "CASE kind {} END".format(
    " ".join(f"WHEN {n} THEN nextval('persons_{kind}')" for n, kind in enumerate(REFERENCE_KINDS))
)
_NEXT_HOUSEHOLD = "nextval('households_number')"
_BYTES = 16


async def number_persons(connection: Connection, kinds: Mapping[bytes, int]) -> dict[bytes, int]:
    """Give the number of every pseudonym, made where there was none; `kinds` are indexes of REFERENCE_KINDS."""
    return await _number(connection, "persons", _NEXT_PERSON, kinds)


async def number_households(connection: Connection, pseudonyms: Set[bytes]) -> dict[bytes, int]:
    """Give the number of every household's pseudonym, made where there was none."""
    return await _number(connection, "households", _NEXT_HOUSEHOLD, dict.fromkeys(pseudonyms, 0))


async def _number(connection: Connection, table: str, following: str, kinds: Mapping[bytes, int]) -> dict[bytes, int]:
    if not kinds:
        return {}
    # All in a row of bytes: an array would cost more to send than to look up.
    wanted = sorted(kinds)
    told = b"".join(wanted), bytes(map(kinds.__getitem__, wanted))
    rows = await connection.fetch(
        f"""WITH known AS MATERIALIZED (
               SELECT told.pseudonym, kind, number FROM (
                   SELECT substring($1::bytea FROM {_BYTES} * n + 1 FOR {_BYTES}) AS pseudonym, get_byte($2, n) AS kind
                   FROM generate_series(0, length($2::bytea) - 1) AS n
               ) AS told LEFT JOIN {table} USING (pseudonym)
           ), made AS (
               INSERT INTO {table} (pseudonym, number) SELECT pseudonym, {following} FROM (
                   SELECT * FROM known WHERE number IS NULL ORDER BY pseudonym
               ) AS missing
               ON CONFLICT DO NOTHING RETURNING pseudonym, number
           )
           SELECT pseudonym, number FROM known WHERE number IS NOT NULL UNION ALL SELECT * FROM made""",
        *told,
    )
    numbers = {pseudonym: number for pseudonym, number in rows}
    if raced := list(kinds.keys() - numbers.keys()):
        # Another transaction made them meanwhile; the insert has waited for its end.
        sql = f"SELECT pseudonym, number FROM {table} WHERE pseudonym = ANY($1::bytea[])"
        numbers |= {pseudonym: number for pseudonym, number in await connection.fetch(sql, raced)}
    return numbers
