"""Kept answers: what was answered stays good while the revision it was read at is the newest.

A portal's start page asks the same few questions for every visitor. The service behind names with each answer the
revision of everything that the answer depends on, and tells by a cheap request of its own which revision is current.
An answer given from here is at most `fresh_seconds` behind what the service would have said. While it is asked for it
is renewed in time, so that nobody waits for a new one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from libs.common.http import is_current
from libs.common.problem import Problem
from libs.common.telemetry import get_logger
from services.gateway.clients import Answer

__all__ = ["Keeper", "Key", "Known", "Question"]

logger = get_logger(__name__)

MAX_ANSWER_BYTES = 1024 * 1024
MAX_BYTES = 32 * 1024 * 1024

Key = tuple[str, UUID | None, frozenset[str], str, str]
"""Everything an answer depends on besides the data: who asks with which rights, and for what."""


@dataclass(frozen=True, slots=True)
class Question:
    """How to ask upstream, for the answer and for the current revision."""

    key: Key
    ask: Callable[[], Awaitable[Answer]]
    ask_revision: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Known:
    """An answer, and when it was last known to be what would be answered."""

    answer: Answer
    good_at: float
    _full: Response = field(init=False)
    _unchanged: Response = field(init=False)

    def __post_init__(self) -> None:
        answer = self.answer
        object.__setattr__(self, "_full", Response(answer.body, answer.status, dict(answer.headers)))
        object.__setattr__(self, "_unchanged", Response(None, 304, dict(answer.headers)))

    def to(self, request: Request) -> Response:
        """Give the response to a request; the same serves many, for nothing of one changes when it is sent."""
        tag = self.answer.headers.get("etag")
        unchanged = self.answer.status == 200 and tag is not None and is_current(request, tag)
        return self._unchanged if unchanged else self._full


class Keeper:
    """Answers by key, the least lately used dropped first; `fresh_seconds` 0 keeps nothing."""

    def __init__(
        self, fresh_seconds: float, *, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Known] = OrderedDict()
        self._renewing: dict[Key, asyncio.Future[Known]] = {}
        self._revision = ""
        self._revision_at = float("-inf")
        self._asking_revision = asyncio.Lock()

    def at_hand(self, key: Key) -> Known | None:
        """Give a kept answer that need not be renewed yet."""
        kept = self._kept.get(key)
        if kept is None or self._clock() - kept.good_at >= self._fresh_seconds / 2:
            return None
        self._kept.move_to_end(key)
        return kept

    async def answer(self, question: Question) -> Known:
        """Give the kept answer, or ask; of several who ask the same at once one asks upstream."""
        now = self._clock()
        if not self._fresh_seconds:
            return Known(await question.ask(), now)
        kept = self._kept.get(question.key)
        if kept is not None and now - kept.good_at < self._fresh_seconds:
            if question.key not in self._renewing:
                self._renew(question).add_done_callback(_tell_failure)
            return kept
        while (renewing := self._renewing.get(question.key)) is not None:
            renewed = await asyncio.shield(renewing)
            if now - renewed.good_at < self._fresh_seconds:
                return renewed
        return await asyncio.shield(self._renew(question))

    def _renew(self, question: Question) -> asyncio.Future[Known]:
        """Begin to renew; whoever waits for it may leave, the others still have it."""
        renewing = self._renewing[question.key] = asyncio.ensure_future(self._renewed(question))
        return renewing

    async def _renewed(self, question: Question) -> Known:
        try:
            kept = self._kept.get(question.key)
            if kept is not None:
                current, current_at = await self._current(question)
                if kept.answer.revision == current:
                    return self._keep(question.key, Known(kept.answer, current_at))
            asked_at = self._clock()
            return self._keep(question.key, Known(await question.ask(), asked_at))
        finally:
            del self._renewing[question.key]

    async def _current(self, question: Question) -> tuple[str, float]:
        """Give the current revision and since when that is known, asked for again once half its time is over."""
        async with self._asking_revision:
            if self._clock() - self._revision_at > self._fresh_seconds / 2:
                # From before the request: what is committed while it is under way may be missing from its answer.
                asked_at = self._clock()
                self._revision = await question.ask_revision()
                self._revision_at = asked_at
            return self._revision, self._revision_at

    def _keep(self, key: Key, known: Known) -> Known:
        """Keep a good answer that names its revision."""
        answer = known.answer
        replaced = self._kept.pop(key, None)
        if replaced is not None:
            self._bytes -= len(replaced.answer.body)
        if answer.status == 200 and answer.revision and len(answer.body) <= MAX_ANSWER_BYTES:
            self._kept[key] = known
            self._bytes += len(answer.body)
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.answer.body)
        return known


def _tell_failure(renewing: asyncio.Future[Known]) -> None:
    """Say what went wrong where nobody waits; whoever asks next finds out for himself."""
    if not renewing.cancelled() and (error := renewing.exception()) is not None:
        code = error.code if isinstance(error, Problem) else repr(error)
        logger.warning("answer.not_renewed", error=code)
