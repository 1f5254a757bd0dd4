"""The loops that fill the tables beside the live ones; stopped and started again around the switch."""

import asyncio
from collections.abc import Mapping

from libs.common.process import Loop

__all__ = ["Filling"]


class Filling:
    """Runs loops, the first of which that fails tells so at the next `check`."""

    def __init__(self, loops: Mapping[str, Loop]) -> None:
        self._loops = loops
        self._running: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}

    def start(self, *names: str) -> None:
        """Start some, by default all; those that run already go on."""
        for name in set(names or self._loops) - self._running.keys():
            stop = asyncio.Event()
            self._running[name] = stop, asyncio.ensure_future(self._run(name, stop))

    async def stop(self, *names: str) -> None:
        """Stop some, by default all, when each has finished what is in hand; raises what one has raised."""
        stopping = {name: self._running.pop(name) for name in names or list(self._running)}
        for stop, _ in stopping.values():
            stop.set()
        for outcome in await asyncio.gather(*(task for _, task in stopping.values()), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def check(self) -> None:
        """Raise what a loop has raised."""
        for _, task in self._running.values():
            if task.done():
                task.result()

    async def aclose(self) -> None:
        """Give up what is in hand: its transactions are rolled back."""
        for _, task in self._running.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)
        self._running.clear()

    async def _run(self, name: str, stop: asyncio.Event) -> None:
        await self._loops[name](stop)
        if not stop.is_set():
            raise RuntimeError(f"{name} ended without being told to")
