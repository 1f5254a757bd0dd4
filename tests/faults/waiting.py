"""Waiting for a condition, never for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["holds", "until"]


async def holds(condition: Callable[[], Awaitable[bool]], seconds: float, every: float = 0.05) -> bool:
    """Poll until a condition holds or the time is over; says whether it does."""
    deadline = time.monotonic() + seconds
    while not (met := await condition()):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(every)
    return met


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float, every: float = 0.1) -> None:
    """Poll until a condition holds; raises AssertionError when the time is over."""
    if not await holds(condition, seconds, every):
        raise AssertionError(f"not within {seconds:.0f} s: {what}")
