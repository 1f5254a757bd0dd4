"""A step is an await that was given a number: its passes are counted, and at one of them the process kills itself.

It does so in one of two ways: while the step waits (a statement is sent, its answer has not been read), or at the
moment it is over (answered, and nothing after it begun). Dying before a step is dying after the one before it.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["SUFFIXES", "WAYS", "WRAPPERS", "Death", "arm", "known", "passes"]

T = TypeVar("T")

WAYS = ("waiting", "over")


class Death(NamedTuple):
    """At which pass of which step the process dies, and how."""

    place: str
    way: str
    at_pass: int


known: list[str] = []
"""Every step there is, as modules were imported."""

passes: Counter[tuple[str, str]] = Counter()
"""How often each step was passed in this process, by place and way of dying."""

_deepest: WeakKeyDictionary[asyncio.Task[Any], object] = WeakKeyDictionary()
_armed: list[Death] = []


def arm(death: Death) -> None:
    """Die there."""
    _armed.append(death)


def _pass(place: str, way: str) -> None:
    passes[place, way] += 1
    if Death(place, way, passes[place, way]) in _armed:
        os.kill(os.getpid(), signal.SIGKILL)


async def _step(place: str, awaitable: Awaitable[T]) -> T:
    """Await, as one step; only the innermost of nested steps counts as waiting."""
    task, token = asyncio.current_task(), object()
    assert task is not None
    _deepest[task] = token

    def waiting() -> None:
        if _deepest.get(task) is token:
            _pass(place, "waiting")

    # The loop gets to this only if the step has to wait for something.
    handle = asyncio.get_running_loop().call_soon(waiting)
    try:
        return await awaitable
    finally:
        handle.cancel()
        _pass(place, "over")


class _Within(AbstractAsyncContextManager[Any]):
    """Entering and leaving a block are a step each."""

    def __init__(self, place: str, block: AbstractAsyncContextManager[Any]) -> None:
        self._place = place
        self._block = block

    async def __aenter__(self) -> Any:
        return await _step(f"{self._place} (enter)", self._block.__aenter__())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await _step(f"{self._place} (leave)", self._block.__aexit__(kind, error, trace))


class _Each:
    """Every turn of a loop is a step."""

    def __init__(self, place: str, turns: AsyncIterator[Any]) -> None:
        self._place = place
        self._turns = turns.__aiter__()

    def __aiter__(self) -> "_Each":
        return self

    async def __anext__(self) -> Any:
        return await _step(f"{self._place} (next)", self._turns.__anext__())


WRAPPERS = {"step": _step, "within": _Within, "each": _Each}
"""What the numbered code calls."""

SUFFIXES = {"step": [""], "within": [" (enter)", " (leave)"], "each": [" (next)"]}
"""How the steps of a place are told apart."""
