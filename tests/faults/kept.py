"""A process that is started again at once whenever it ends, as systemd would; how it ended is noted."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.local.child import Child, ProcessDied, inherited, start_child

__all__ = ["Kept", "keep"]

STOP_SECONDS = 10
POLL_SECONDS = 0.05
CRASH_PAUSE_SECONDS = 0.5


@dataclass
class Kept:
    """A process of ours under its name, with the port of its health answers."""

    name: str
    arguments: Sequence[str]
    port: int
    env: Mapping[str, str]
    log_file: Path
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    died_by_itself: list[str] = field(default_factory=list)
    _child: Child | None = None
    _killed: bool = False

    @property
    def pid(self) -> int:
        """The process id of the one that runs now."""
        assert self._child is not None
        return self._child.pid

    async def until_ready(self, seconds: float = 60) -> None:
        """Wait until it answers that it is ready; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self.ready.wait()

    async def kill(self) -> None:
        """SIGKILL; returns when it is gone, which starts it again."""
        assert self._child is not None
        self.ready.clear()
        self._killed = True
        await self._child.kill()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP or SIGCONT, unless it has just ended by itself."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def _run(self) -> None:
        while True:
            self._child = await start_child(
                self.name,
                [sys.executable, *self.arguments],
                log_file=self.log_file,
                stop_seconds=STOP_SECONDS,
                env=inherited({"PYTHONUNBUFFERED": "1", **self.env}),
            )
            looking = asyncio.ensure_future(self._look())
            try:
                await self._child.wait()
            except ProcessDied as death:
                if not self._killed:
                    self.died_by_itself.append(str(death))
                    await asyncio.sleep(CRASH_PAUSE_SECONDS)
            finally:
                looking.cancel()
                self.ready.clear()
                self._killed = False

    async def _look(self) -> None:
        """Set `ready` once the process says that it is."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            while not self.ready.is_set():
                if await self._is_ready(http):
                    self.ready.set()
                await asyncio.sleep(POLL_SECONDS)

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"http://127.0.0.1:{self.port}/health/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _stop(self) -> None:
        if self._child is not None:
            await self._child.stop(STOP_SECONDS)


@asynccontextmanager
async def keep(*processes: Kept) -> AsyncIterator[None]:
    """Keep some processes running within the block."""
    tasks = [asyncio.ensure_future(process._run()) for process in processes]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(process._stop() for process in processes))
