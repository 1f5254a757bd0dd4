"""Crash at every step: each await of the batch write, the relay and the fold is once the last thing a process does.

A census counts the passes of every step in one undisturbed life of each kind. Then, for every step passed, for the
first, second and fifth pass and for both ways of dying, a process dies there, another takes over, and what came of it
is compared with what comes of a life without deaths.
"""

import asyncio
import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from deploy.local.kafka import open_kafka
from deploy.local.postgres import open_postgres
from tests.faults.part import Outcome, Run
from tests.faults.steps_death import WAYS, Death
from tests.faults.steps_worlds import Fold, Relay, Stage, World, Write, set_the_stage
from tests.support.kafka import CACHE

__all__ = ["run"]

PASSES = (1, 2, 5)
SERVERS = 3
ROOT = Path(__file__).parents[2]
KINDS: Sequence[Callable[[], World]] = (Write, Relay, Fold)
DIED = -9


class _Server:
    """A process that has imported everything, and forks for each life."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def told(self) -> Any:
        """Give the next line it writes."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server of the lives has ended")
        return json.loads(line)

    async def live(self, life: str, death: Death | None, folder: Path, arguments: Mapping[str, Any]) -> int:
        """Live a life; gives the exit code."""
        asked = {"life": life, "death": death, "folder": str(folder), "arguments": arguments}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        code: int = await self.told()
        return code

    async def end(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def _server(log: Path) -> AsyncIterator[tuple[_Server, list[str]]]:
    """Start a server; gives it and every step it knows."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.steps_server",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            limit=2**24,
        )
    server = _Server(process)
    try:
        yield server, await server.told()
    finally:
        await server.end()


@dataclass
class _Play:
    """All lives and deaths of one run."""

    stage: Stage
    folder: Path
    outcome: Outcome
    census: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    deaths: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    _serial: "count[int]" = field(default_factory=count)

    async def take_census(self, server: _Server, make: Callable[[], World]) -> None:
        """Live one life without a death and count the passes of its steps."""
        world, folder = make(), self._folder()
        arguments = await world.arguments(self.stage)
        if await server.live(world.name, None, folder, {**arguments, "disturbed": True}) != 0:
            raise RuntimeError(f"{world.name}: a life without a death failed\n{_failure(folder)}")
        passed = json.loads((folder / "passes.json").read_text())
        self.census[world.name] = Counter({(place, way): times for place, way, times in passed})

    def deaths_to_die(self) -> list[tuple[Callable[[], World], Death]]:
        """Give every death that the census says can be died."""
        return [
            (make, Death(place, way, at_pass))
            for make in KINDS
            for (place, way), times in sorted(self.census[make().name].items())
            for at_pass in PASSES
            if at_pass <= times
        ]

    async def die(self, server: _Server, make: Callable[[], World], death: Death) -> None:
        """Die once, live again, compare."""
        world, folder = make(), self._folder()
        what = f"{world.name}, {death.way} at pass {death.at_pass} of {death.place}"
        arguments = await world.arguments(self.stage)
        code = await server.live(world.name, death, folder, {**arguments, "disturbed": True})
        if code == 0:
            self.missed.append(what)
            return
        if code == DIED:
            self.deaths[world.name, death.place] += 1
            code = await server.live(world.name, None, folder, {**arguments, "disturbed": False})
        if code != 0:
            self.outcome.wrong.append(f"{what}: exit code {code}\n{_failure(folder)}")
            return
        self.outcome.wrong += [f"{what}: {each}" for each in await world.differences(self.stage, folder)]

    def _folder(self) -> Path:
        folder = self.folder / f"life-{next(self._serial)}"
        folder.mkdir()
        return folder


def _failure(folder: Path) -> str:
    failure = folder / "failure.txt"
    return failure.read_text() if failure.exists() else "it left no word"


async def run(asked: Run, *, most: int | None = None) -> Outcome:
    """Die everywhere, or at most so often, at places chosen by the seed."""
    outcome = Outcome()
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(open_postgres(asked.folder / "postgres" / "data", say=_silent))
        kafka = await stack.enter_async_context(open_kafka(asked.folder / "kafka" / "data", CACHE, say=_silent))
        opened = [await stack.enter_async_context(_server(asked.folder / f"lives-{n}.log")) for n in range(SERVERS)]
        servers, known = [server for server, _ in opened], opened[0][1]
        play = _Play(await set_the_stage(postgres, kafka, asked.seed), asked.folder, outcome)
        for make in KINDS:
            await play.take_census(servers[0], make)
        queue = play.deaths_to_die()
        random.Random(asked.seed).shuffle(queue)  # noqa: S311 - the same in every run of a seed
        await _die_all(play, servers, queue[:most], asked)
    _tell(play, known, asked)
    if not outcome.wrong:
        # A database for each death: nobody would want to look at these any more.
        await asyncio.to_thread(shutil.rmtree, asked.folder / "postgres")
    return outcome


def _silent(_: str) -> None:
    """Say nothing of how servers start."""


async def _die_all(
    play: _Play, servers: Sequence[_Server], queue: Sequence[tuple[Callable[[], World], Death]], asked: Run
) -> None:
    left = list(queue)

    async def work(server: _Server) -> None:
        while left:
            make, death = left.pop()
            await play.die(server, make, death)
            if len(left) % 100 == 0:
                asked.say(f"steps: {len(left)} of {len(queue)} deaths to come, {len(play.outcome.wrong)} differences")

    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(work(server))


def _tell(play: _Play, known: Sequence[str], asked: Run) -> None:
    """Put the figures into the outcome and print how often each step was the last."""
    figures, passed = play.outcome.figures, set()
    for name, census in play.census.items():
        places = {place for place, _ in census}
        passed |= places
        died = {place: play.deaths[name, place] for place in places}
        figures[f"{name}: steps"], figures[f"{name}: deaths"] = len(places), sum(died.values())
        for place in sorted(places, key=_by_line):
            times = "/".join(str(census[place, way]) for way in WAYS)
            asked.say(f"{name:6} {died[place]:2} deaths  {times:>9} passes {'/'.join(WAYS)}  {place}")
    modules = {_module(place) for place in passed}
    never = [place for place in known if place not in passed and _module(place) in modules]
    for place in never:
        asked.say(f"       never passed  {place}")
    for what in play.missed:
        asked.say(f"       did not come to pass: {what}")
    figures["steps never passed, of the same modules"] = len(never)
    figures["deaths that did not come to pass"] = len(play.missed)


def _module(place: str) -> str:
    return place.partition(":")[0]


def _by_line(place: str) -> tuple[str, int, str]:
    module, line, rest = place.split(":", 2)
    return module, int(line), rest
