"""Work in parts that replicas divide among themselves: each part is one's at a time, and none is left without a taker.

A part is an advisory lock of PostgreSQL, held by a connection of its own; a further lock, which all hold together, says
how many they are. Whoever dies lets go of its parts with its connection. What is done with a part must be fenced
besides: a replica may notice late that its connection, and so its parts, are gone.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.common.db import GONE, Connection, Unavailable, connect, is_gone

__all__ = ["Shares", "open_shares"]

LOOK_SECONDS = 1.0
_ENTER = "SELECT pg_advisory_lock_shared(hashtext($1), -1)"
_COUNT = """SELECT count(*) FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ShareLock' AND granted
              AND objid = '4294967295'::oid AND classid = (hashtext($1)::bigint & 4294967295)::oid
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_TAKE = "SELECT pg_try_advisory_lock(hashtext($1), $2)"
_LEAVE = "SELECT pg_advisory_unlock(hashtext($1), $2)"


class Shares:
    """The parts, numbered from 0, that this replica has."""

    def __init__(self, connection: Connection, name: str, parts: int) -> None:
        self._connection = connection
        self._name = name
        self._parts = parts
        self._looked_at = float("-inf")
        self._surplus: set[int] = set()
        self.mine: set[int] = set()

    async def look(self) -> bool:
        """See now and then how many replicas there are; says whether parts have come or are to be given up.

        Parts that come are had at once. What is to be given up is kept until `settle`, so that work on it can end.
        """
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return False
        replicas = await self._connection.fetchval(_COUNT, self._name)
        self._looked_at = time.monotonic()
        fair = -(-self._parts // max(1, replicas))
        self._surplus = set(sorted(self.mine)[fair:])
        before = len(self.mine)
        for part in range(self._parts):
            if len(self.mine) >= fair:
                break
            if part not in self.mine and await self._connection.fetchval(_TAKE, self._name, part):
                self.mine.add(part)
        return bool(self._surplus) or len(self.mine) > before

    async def settle(self) -> None:
        """Give up what is more than fair."""
        for part in sorted(self._surplus):
            await self._connection.execute(_LEAVE, self._name, part)
        self.mine -= self._surplus
        self._surplus = set()

    async def rest(self, stop: asyncio.Event) -> None:
        """Wait until it is time to look again, or to stop."""
        try:
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
        except TimeoutError:
            return


@asynccontextmanager
async def open_shares(url: str, name: str, parts: int) -> AsyncIterator[Shares]:
    """Take part in the work called `name`; raises Unavailable when PostgreSQL is or goes away."""
    connection = await connect(url, application_name=f"share {name}")
    try:
        try:
            await connection.execute(_ENTER, name)
            yield Shares(connection, name, parts)
        except GONE as error:
            if not is_gone(error):
                raise
            raise Unavailable(str(error) or type(error).__name__) from error
    finally:
        connection.terminate()
