"""People and households lifted to the newest key: the same, under pseudonyms that an older key does not give."""

from collections.abc import Callable

from libs.common.db import Connection
from services.metrics.domain.keys import Lifter
from services.metrics.store import lifting as store

__all__ = ["lift_known", "settle_level"]

PAGE = 100_000


async def lift_known(connection: Connection, lifter: Lifter, told: Callable[[int, int], None]) -> int:
    """Lift all, whole or not at all; gives how many. The caller commits; folds wait meanwhile, queries do not.

    `told` is given how many are lifted and how many there are. Raises Ahead where the file lacks a key that was used.
    """
    await store.begin_lift(connection)
    level = await store.read_level(connection)
    if level == lifter.level:
        return 0
    known, lifted = await store.count_known(connection), 0
    for table in store.KNOWN:
        after = b""
        while rows := await store.read_known(connection, table, after, PAGE):
            await store.keep_lifted(
                connection, [(lifter.lift(pseudonym, level, lifter.level), number) for pseudonym, number in rows]
            )
            after = rows[-1][0]
            lifted += len(rows)
            told(lifted, known)
        await store.replace_known(connection, table)
    await store.write_level(connection, lifter.level)
    return lifted


async def settle_level(connection: Connection, lifter: Lifter) -> bool:
    """Begin at the newest level where nobody is known yet, so that a rebuilt database needs no lifting; then true."""
    await store.begin_lift(connection)
    if await store.read_level(connection) < lifter.level and not await store.count_known(connection):
        await store.write_level(connection, lifter.level)
    return True
