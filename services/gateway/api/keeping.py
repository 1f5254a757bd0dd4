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
from dataclasses import dataclass

from libs.common.problem import Problem
from libs.common.telemetry import get_logger
from libs.contracts.metrics_api import REVISION_HEADER
from services.gateway.clients import Answer

__all__ = ["Keeper", "Key", "Question"]

logger = get_logger(__name__)

MAX_ANSWER_BYTES = 1024 * 1024
MAX_BYTES = 32 * 1024 * 1024

Key = tuple[str, ...]
"""Everything an answer depends on besides the data: who asks with which rights, and for what."""


@dataclass(frozen=True, slots=True)
class Question:
    """How to ask upstream, for the answer and for the current revision."""

    key: Key
    ask: Callable[[], Awaitable[Answer]]
    ask_revision: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer, and when it was last known to be what would be answered."""

    answer: Answer
    good_at: float


class Keeper:
    """Answers by key, the least lately used dropped first; `fresh_seconds` 0 keeps nothing."""

    def __init__(self, fresh_seconds: float, *, max_bytes: int = MAX_BYTES) -> None:
        self._fresh_seconds = fresh_seconds
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, _Known] = OrderedDict()
        self._renewing: dict[Key, asyncio.Future[_Known]] = {}
        self._revision = ""
        self._revision_at = float("-inf")
        self._asking_revision = asyncio.Lock()

    async def answer(self, question: Question) -> Answer:
        """Give the kept answer, or ask; of several who ask the same at once one asks upstream."""
        if not self._fresh_seconds:
            return await question.ask()
        now = time.monotonic()
        kept = self._kept.get(question.key)
        if kept is not None and now - kept.good_at < self._fresh_seconds:
            self._kept.move_to_end(question.key)
            if now - kept.good_at > self._fresh_seconds / 2 and question.key not in self._renewing:
                self._renew(question).add_done_callback(_tell_failure)
            return kept.answer
        while (renewing := self._renewing.get(question.key)) is not None:
            renewed = await asyncio.shield(renewing)
            if now - renewed.good_at < self._fresh_seconds:
                return renewed.answer
        return (await asyncio.shield(self._renew(question))).answer

    def _renew(self, question: Question) -> asyncio.Future[_Known]:
        """Begin to renew; whoever waits for it may leave, the others still have it."""
        renewing = self._renewing[question.key] = asyncio.ensure_future(self._renewed(question))
        return renewing

    async def _renewed(self, question: Question) -> _Known:
        try:
            kept = self._kept.get(question.key)
            if kept is not None:
                current, current_at = await self._current(question)
                if kept.answer.headers[REVISION_HEADER] == current:
                    return self._keep(question.key, _Known(kept.answer, current_at))
            asked_at = time.monotonic()
            return self._keep(question.key, _Known(await question.ask(), asked_at))
        finally:
            del self._renewing[question.key]

    async def _current(self, question: Question) -> tuple[str, float]:
        """Give the current revision and since when that is known, asked for again once half its time is over."""
        async with self._asking_revision:
            if time.monotonic() - self._revision_at > self._fresh_seconds / 2:
                # From before the request: what is committed while it is under way may be missing from its answer.
                asked_at = time.monotonic()
                self._revision = await question.ask_revision()
                self._revision_at = asked_at
            return self._revision, self._revision_at

    def _keep(self, key: Key, known: _Known) -> _Known:
        """Keep a good answer that names its revision."""
        answer = known.answer
        replaced = self._kept.pop(key, None)
        if replaced is not None:
            self._bytes -= len(replaced.answer.body)
        if answer.status == 200 and REVISION_HEADER in answer.headers and len(answer.body) <= MAX_ANSWER_BYTES:
            self._kept[key] = known
            self._bytes += len(answer.body)
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.answer.body)
        return known


def _tell_failure(renewing: asyncio.Future[_Known]) -> None:
    """Say what went wrong where nobody waits; whoever asks next finds out for himself."""
    if not renewing.cancelled() and (error := renewing.exception()) is not None:
        code = error.code if isinstance(error, Problem) else repr(error)
        logger.warning("answer.not_renewed", error=code)
