"""Kept answers: what was answered stays good while the revision it was read at is the newest.

A portal's start page asks the same few questions for every visitor. The service behind names with each answer the
revision of everything that the answer depends on, and tells by a cheap request of its own which revision is current.
An answer given from here is at most `fresh_seconds` behind what the service would have said: it was asked for since
then, or its revision is the one that was current then.
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


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    asked_at: float

    @property
    def size(self) -> int:
        return len(self.answer.body)


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
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._turns: dict[Key, _Turn] = {}
        self._current = ""
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, key: Key, ask_revision: Callable[[], Awaitable[str]]) -> Answer | None:
        """Give the kept answer if it was asked for just now, or if its revision is current."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if not self._is_fresh(kept.asked_at):
            current = await self._revision(ask_revision)
            if kept.answer.headers[REVISION_HEADER] != current:
                return None
        if key in self._kept:
            self._kept.move_to_end(key)
        return kept.answer

    async def ask(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask, and keep a good answer that names its revision."""
        asked_at = time.monotonic()
        answer = await ask()
        if self.fresh_seconds and answer.status == 200 and REVISION_HEADER in answer.headers:
            self._keep(key, _Kept(answer, asked_at))
        return answer

    def _keep(self, key: Key, kept: _Kept) -> None:
        if kept.size > MAX_ANSWER_BYTES:
            return
        if (replaced := self._kept.pop(key, None)) is not None:
            self._bytes -= replaced.size
        self._kept[key] = kept
        self._bytes += kept.size
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.size

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
        if self._is_fresh(self._asked_at):
            return self._current
        async with self._asking:
            if not self._is_fresh(self._asked_at):
                # From before the request: what is committed while it is under way may be missing from its answer.
                asked_at = time.monotonic()
                self._current = await ask_revision()
                self._asked_at = asked_at
        return self._current

    def _is_fresh(self, asked_at: float) -> bool:
        return time.monotonic() - asked_at < self.fresh_seconds
