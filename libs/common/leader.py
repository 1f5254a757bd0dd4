"""One leader among replicas of a process: an advisory lock held by a connection of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from libs.common.db import GONE, Connection, Unavailable, connect, is_gone
from libs.common.reason import reason_of

__all__ = ["Leadership", "NotLeading", "lead"]

STANDBY_SECONDS = 0.5
_TRY = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"


class NotLeading(Exception):
    """The lease is over: the lock may have gone to another replica meanwhile."""


class Leadership:
    """The right to act, proven each time the connection that holds the lock has answered."""

    def __init__(self, connection: Connection, lease_seconds: float) -> None:
        self.connection = connection
        self._lease_seconds = lease_seconds
        self._proven_at = time.monotonic()

    def prove(self) -> None:
        """Note that the connection has just answered, hence still holds the lock."""
        self._proven_at = time.monotonic()

    def check(self) -> None:
        """Raise NotLeading unless the lock was proven within the lease (monotonic clock)."""
        if time.monotonic() - self._proven_at > self._lease_seconds:
            raise NotLeading("the lock was not proven within the lease")


@asynccontextmanager
async def lead(
    url: str, name: str, *, lease_seconds: float, stop: asyncio.Event, beat: Callable[[], None]
) -> AsyncIterator[Leadership | None]:
    """Wait until this replica leads under `name`; None where it is told to stop before that.

    Raises Unavailable when PostgreSQL is away.
    """
    connection = await connect(url, application_name=f"lead {name}")
    try:
        try:
            while not await connection.fetchval(_TRY, name):
                # PostgreSQL's own blocking wait would keep a transaction open, which holds every relay back.
                beat()
                if stop.is_set():
                    yield None
                    return
                await asyncio.sleep(STANDBY_SECONDS)
            yield Leadership(connection, lease_seconds)
        except GONE as error:
            if not is_gone(error):
                raise
            raise Unavailable(reason_of(error) or type(error).__name__) from error
    finally:
        connection.terminate()
