"""Read your own write: wait until the visits' log has been counted up to a position."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from libs.common.db import Unavailable
from libs.common.log import Position
from libs.common.problem import Fault, Problem

__all__ = ["OWNER", "Counted", "position_of"]

OWNER = "visits"
POLL_SECONDS = 0.01
RETRY_SECONDS = 0.2
IDLE_SECONDS = 0.5


def position_of(at_least: str) -> Position:
    """Read `visits:epoch.xid.seq`; raises Problem bad_position."""
    owner, _, text = at_least.partition(":")
    try:
        if owner == OWNER:
            return Position.parse(text)
    except ValueError:
        pass
    raise Problem("bad_position", faults=[Fault("bad_position", "/at_least")])


Read = Callable[[], Awaitable[Position | None]]
"""Gives what all partitions have reached; raises Unavailable."""


class Counted:
    """Waiters share one poller, which rests while nobody waits; what it opens to read with, it holds until then."""

    def __init__(self, open_read: Callable[[], AbstractAsyncContextManager[Read]]) -> None:
        self._open = open_read
        self._reached: Position | None = None
        self._waiters: dict[asyncio.Future[None], Position] = {}
        self._wanted = asyncio.Event()

    async def wait(self, position: Position, seconds: float) -> None:
        """Wait for a position; raises Problem not_counted_yet when the time is over."""
        if self._has(position):
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[reached] = position
        self._wanted.set()
        try:
            await asyncio.wait_for(reached, seconds)
        except TimeoutError:
            raise Problem("not_counted_yet", position=f"{OWNER}:{position}", headers={"retry-after": "1"}) from None
        finally:
            self._waiters.pop(reached, None)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll for those who wait, until told to stop; PostgreSQL being away is waited out."""
        while not stop.is_set():
            if not self._waiters:
                self._wanted.clear()
                try:
                    await asyncio.wait_for(self._wanted.wait(), IDLE_SECONDS)
                except TimeoutError:
                    continue
            try:
                async with self._open() as read:
                    await self._poll(read, stop)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self, read: Read, stop: asyncio.Event) -> None:
        while self._waiters and not stop.is_set():
            self._reached = await read()
            self._wake()
            await asyncio.sleep(POLL_SECONDS)

    def _wake(self) -> None:
        for reached, position in self._waiters.items():
            if self._has(position) and not reached.done():
                reached.set_result(None)

    def _has(self, position: Position) -> bool:
        return self._reached is not None and self._reached >= position
