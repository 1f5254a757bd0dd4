"""Our services as processes: started together, watched, stopped together."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

import aiohttp

from deploy.local.child import POLL_SECONDS, Child, LocalError, ProcessDied, inherited, start_child

READY_SECONDS = 60.0
STOP_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Service:
    """What to start: the words after `python`, the port of its health answers, and environment variables of its own."""

    name: str
    arguments: Sequence[str]
    port: int
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def ready_url(self) -> str:
        """Answers 200 once the service can do its work."""
        return f"http://127.0.0.1:{self.port}/health/ready"


@dataclass(frozen=True)
class Seen:
    """A service as it is now; `answer` says what keeps a running one from being ready, `exit_code` how one ended."""

    name: str
    state: Literal["ready", "not ready", "ended", "stopped"]
    pid: int | None
    port: int
    exit_code: int | None = None
    answer: str = ""


class NotReady(LocalError):
    """A service runs but did not become ready in time."""


class Supervisor:
    """Services of this machine by name, opened by `open_supervisor`."""

    def __init__(self, log_dir: Path, *, stop_seconds: int = STOP_SECONDS) -> None:
        """Each service writes to `<name>.log` in this folder; SIGKILL follows SIGTERM after so many seconds."""
        self._log_dir = log_dir
        self._stop_seconds = stop_seconds
        self._children: dict[str, Child] = {}
        self._services: dict[str, Service] = {}
        self._told_to_stop: set[str] = set()

    @property
    def names(self) -> list[str]:
        """Every service that was ever started, in that order."""
        return list(self._services)

    def running(self, name: str) -> bool:
        """Does a service run? Raises KeyError if it was never started."""
        return self._children[name].running

    def pid(self, name: str) -> int:
        """The process id of a service; raises KeyError if it was never started."""
        return self._children[name].pid

    async def start(self, *services: Service, ready_seconds: float = READY_SECONDS) -> None:
        """Start services and return when all are ready; also starts those again that have ended.

        Raises ProcessDied as soon as one ends, NotReady when the time is over. The others are left running.
        """
        for service in services:
            await self._start(service)
        deadline = asyncio.get_running_loop().time() + ready_seconds
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            waiting = {service.name: "no answer yet" for service in services}
            while waiting:
                for service in [each for each in services if each.name in waiting]:
                    self._children[service.name].check()
                    waiting[service.name] = await _ask(http, service.ready_url)
                    if not waiting[service.name]:
                        del waiting[service.name]
                if waiting and asyncio.get_running_loop().time() > deadline:
                    raise NotReady(self._explain(waiting, ready_seconds))
                if waiting:
                    await asyncio.sleep(POLL_SECONDS)

    async def wait(self) -> NoReturn:
        """Wait until any service ends, however it ends, and raise ProcessDied."""
        while True:
            for child in self._children.values():
                child.check()
            await asyncio.sleep(POLL_SECONDS)

    async def tell(self, of_end: Callable[[ProcessDied], None]) -> NoReturn:
        """Wait for ever, and tell of each service that ends by itself, once; nothing else happens to the others."""
        told: dict[str, Child] = {}
        while True:
            for name, child in list(self._children.items()):
                if child.running or name in self._told_to_stop or told.get(name) is child:
                    continue
                told[name] = child
                try:
                    child.check()
                except ProcessDied as death:
                    of_end(death)
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> list[Seen]:
        """How every service is now."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_SECONDS)) as http:
            return list(await asyncio.gather(*(self._look_at(http, name) for name in self._services)))

    async def start_again(self, name: str, *, ready_seconds: float = READY_SECONDS) -> None:
        """Start a service that has ended or was stopped, and return when it is ready."""
        await self.start(self._services[name], ready_seconds=ready_seconds)

    async def stop_one(self, name: str) -> None:
        """SIGTERM one service, SIGKILL it a little later; returns when it is gone, of which nobody is told."""
        self._told_to_stop.add(name)
        await self._children[name].stop(self._stop_seconds)

    async def kill(self, name: str) -> None:
        """SIGKILL one service, as a crash would; returns when it is gone."""
        await self._children[name].kill()

    async def restart(self, name: str, *, ready_seconds: float = READY_SECONDS) -> None:
        """Stop a service if it runs, start it again, and return when it is ready."""
        await self.stop_one(name)
        await self.start_again(name, ready_seconds=ready_seconds)

    async def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those still there a little later. Returns when all are gone."""
        await asyncio.gather(*(child.stop(self._stop_seconds) for child in self._children.values()))

    async def _start(self, service: Service) -> None:
        known = self._children.get(service.name)
        if known is not None and known.running:
            raise LocalError(f"{service.name} runs already (pid {known.pid})")
        if known is not None:
            await known.kill()
        child = await start_child(
            service.name,
            [sys.executable, *service.arguments],
            log_file=self._log_dir / f"{service.name}.log",
            stop_seconds=self._stop_seconds,
            env=inherited({"PYTHONUNBUFFERED": "1", **service.env}),
        )
        self._services[service.name] = service
        self._children[service.name] = child
        self._told_to_stop.discard(service.name)

    async def _look_at(self, http: aiohttp.ClientSession, name: str) -> Seen:
        child, service = self._children[name], self._services[name]
        if not child.running:
            state: Literal["stopped", "ended"] = "stopped" if name in self._told_to_stop else "ended"
            return Seen(name, state, None, service.port, child.process.returncode)
        obstacle = await _ask(http, service.ready_url)
        return Seen(name, "not ready" if obstacle else "ready", child.pid, service.port, answer=obstacle)

    def _explain(self, waiting: Mapping[str, str], seconds: float) -> str:
        lines = [f"not ready after {seconds:.0f} s: {', '.join(waiting)}"]
        for name, answer in waiting.items():
            lines += [f"{name} answers: {answer}", f"the end of {self._children[name].log_file}:"]
            lines += self._children[name].last_lines()
        return "\n".join(lines)


@asynccontextmanager
async def open_supervisor(log_dir: Path, *, stop_seconds: int = STOP_SECONDS) -> AsyncIterator[Supervisor]:
    """A supervisor whose services are stopped at the end, whatever happens."""
    supervisor = Supervisor(log_dir, stop_seconds=stop_seconds)
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def _ask(http: aiohttp.ClientSession, url: str) -> str:
    """Empty when ready, else what stands in the way."""
    try:
        async with http.get(url) as answer:
            body = await answer.text(errors="replace")
            return "" if answer.status == 200 else f"{answer.status} {body.strip()}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"no answer from {url} ({type(error).__name__})"
