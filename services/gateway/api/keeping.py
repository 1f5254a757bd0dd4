"""Kept answers: what was answered stays good while the revision it was read at is the newest.

A portal's start page asks the same few questions for every visitor. The service behind names with each answer the
revision of everything that the answer depends on, and tells by a cheap request of its own which revision is current.
An answer given from here is at most `fresh_seconds` behind what the service would have said.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from libs.contracts.metrics_api import REVISION_HEADER
from services.gateway.clients import Answer

__all__ = ["Keeper", "Key"]

MAX_ANSWER_BYTES = 1024 * 1024
MAX_BYTES = 32 * 1024 * 1024

Key = tuple[str, ...]
"""Everything an answer depends on besides the data: who asks with which rights, and for what."""


@dataclass
class _Turn:
    """Those who ask the same thing at the same time: one asks upstream, the others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Keeper:
    """Answers by key, the least lately used dropped first; `fresh_seconds` 0 keeps nothing."""

    def __init__(self, fresh_seconds: float, *, max_bytes: int = MAX_BYTES) -> None:
        self.fresh_seconds = fresh_seconds
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._turns: dict[Key, _Turn] = {}
        self._current = ""
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, key: Key, ask_revision: Callable[[], Awaitable[str]]) -> Answer | None:
        """Give the kept answer if its revision is current."""
        answer = self._kept.get(key)
        if answer is None or not self.fresh_seconds:
            return None
        if answer.headers[REVISION_HEADER] != await self._revision(ask_revision):
            return None
        if key in self._kept:
            self._kept.move_to_end(key)
        return answer

    def keep(self, key: Key, answer: Answer) -> None:
        """Keep a good answer that names its revision."""
        size = len(answer.body)
        if answer.status != 200 or REVISION_HEADER not in answer.headers or size > MAX_ANSWER_BYTES:
            return
        if (replaced := self._kept.pop(key, None)) is not None:
            self._bytes -= len(replaced.body)
        self._kept[key] = answer
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.body)

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """Wait for one's turn among those who ask the same; the first to have it fills what the others then find."""
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[key]

    async def _revision(self, ask_revision: Callable[[], Awaitable[str]]) -> str:
        """Give the current revision, as asked for not longer than `fresh_seconds` ago."""
        if self._is_fresh():
            return self._current
        async with self._asking:
            if not self._is_fresh():
                # From before the request: what is committed while it is under way may be missing from its answer.
                asked_at = time.monotonic()
                self._current = await ask_revision()
                self._asked_at = asked_at
        return self._current

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._asked_at < self.fresh_seconds
