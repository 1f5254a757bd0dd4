"""The load generator, a process of its own (sender.py), and the route that shows how much it could send at most."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from deploy.local.ports import free_port
from deploy.local.supervisor import Service, open_supervisor
from deploy.local.system import ROOT

__all__ = ["CONNECTIONS", "Load", "Sent", "open_bare", "open_load"]

CONNECTIONS = 4


@dataclass(frozen=True)
class Sent:
    """What it took to have every row accepted; `position` is that of the newest receipt."""

    seconds: float
    cpu_seconds: float
    requests: int
    rows: int
    position: str

    @property
    def rows_a_second(self) -> float:
        """How fast."""
        return self.rows / self.seconds

    @property
    def share(self) -> float:
        """The generator's share of one core."""
        return self.cpu_seconds / self.seconds


class Load:
    """The generator, made by `open_load`; the requests are made before they are sent, each is sent once."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._seed = 0

    async def make(self, size: int, count: int) -> None:
        """Make requests of so many new visits each."""
        self._seed += 1
        await self._ask(do="make", seed=self._seed, size=size, count=count)

    async def send(self, url: str, token: str, *, connections: int = CONNECTIONS, checked: bool = True) -> Sent:
        """Send what was made; raises RuntimeError unless every visit was accepted, where the answers are checked."""
        told = await self._ask(do="send", url=url, token=token, connections=connections, checked=checked)
        return Sent(**told)

    async def _ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator has ended: {command['do']}; it said why above")
        told: dict[str, Any] = msgspec.json.decode(line)
        return told


@asynccontextmanager
async def open_load() -> AsyncIterator[Load]:
    """Start the generator; it ends with its input, however this process ends."""
    pipe = asyncio.subprocess.PIPE
    words = [sys.executable, "-m", "tests.bench.sender"]
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def open_bare(log_dir: Path) -> AsyncIterator[str]:
    """Serve a route that reads the body and answers a constant; gives its address."""
    port = free_port()
    async with open_supervisor(log_dir) as supervisor:
        await supervisor.start(Service("bare", ["-m", "tests.bench.bare", str(port)], port))
        yield f"http://127.0.0.1:{port}/"
