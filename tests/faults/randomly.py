"""The random part: clients write through the public door while everything behind it is killed."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.system import ROOT
from tests.faults.cluster import Cluster, open_cluster
from tests.faults.door import Door, open_door
from tests.faults.ends import read_topic, until_quiet, wrong_ends, wrong_receipts
from tests.faults.kills import TEN_MINUTES, Killer, deck
from tests.faults.ledger import Ledger
from tests.faults.oracle import Compared, compare_answers, compare_cells
from tests.faults.part import Outcome, Run
from tests.faults.poison import Poisoner
from tests.faults.recount import Fact, Recount
from tests.faults.waiting import until
from tests.faults.watch import Watch
from tests.faults.world import LATE, World, write_late_teams
from tests.faults.writers import CLIENTS, Writer

__all__ = ["Scene", "open_scene", "run", "settle", "verify", "write", "write_and_kill"]

ROWS_A_MINUTE = 30_000
MARGIN = 1.08
LEAST_ROWS_A_SECOND = 250  # Slower, and hardly anything is ever in flight.
HELD = """SELECT count(*) FROM (
    SELECT DISTINCT ON (record_id) held, partition_key FROM log WHERE kind <> 'progress'
    ORDER BY record_id, revision DESC, edition DESC) AS row
    WHERE held AND partition_key = ANY($1::uuid[])"""


@dataclass
class Scene:
    """The system, its clients, and what they know."""

    run: Run
    cluster: Cluster
    door: Door
    world: World
    ledger: Ledger = field(default_factory=Ledger)

    def writers(self, chance: random.Random) -> list[Writer]:
        """Make the eight writers, each with a generator of its own."""
        return [
            Writer(number, client, self.door, self.ledger, self.world, random.Random(chance.getrandbits(64)))  # noqa: S311
            for number, client in enumerate(CLIENTS)
        ]


@asynccontextmanager
async def open_scene(run: Run, **places: Path) -> AsyncIterator[Scene]:
    """Start the system and its clients."""
    async with open_cluster(run.folder, run.say, **places) as cluster:
        world = await World.read(cluster)
        async with open_door(cluster.gateway_url, cluster.secrets.clients) as door:
            yield Scene(run, cluster, door, world)


async def write(scene: Scene, chance: random.Random, enough: Callable[[], bool], rows_a_second: float) -> None:
    """Let the writers write, no faster than asked for, until it is enough; their last sends are answered."""
    begun = time.monotonic()

    async def one(writer: Writer) -> None:
        while not enough():
            if scene.ledger.tally["stored"] < (time.monotonic() - begun + 1) * rows_a_second:
                await writer.turn()
            else:
                await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        for writer in scene.writers(chance):
            group.create_task(one(writer))


async def settle(scene: Scene) -> None:
    """Make the late teams known and wait until what was held for them is counted."""
    file = scene.run.folder / "late.csv"
    write_late_teams(ROOT / "data" / "teams_sa_dec.csv", file)
    scene.ledger.late_are_known = True
    await scene.cluster.command("services.registry", "load", "teams", str(file))
    late = [scene.world.teams[code][0] for code in LATE]

    async def none_is_held() -> bool:
        return not (await scene.cluster.ask("visits", HELD, late))[0][0]

    await until(none_is_held, "what was held for the late teams is settled", 120)


async def verify(scene: Scene) -> Outcome:
    """Wait until all is quiet, then compare everything."""
    begun = time.monotonic()
    await until_quiet(scene.cluster, scene.run.say)
    quiet = time.monotonic() - begun
    scene.run.say(f"all is quiet after {quiet:.1f} s; comparing")
    compared = await compare(scene)
    topic = await read_topic(scene.cluster)
    receipts, untrue = await wrong_receipts(scene.door, scene.ledger)
    scene.run.say(f"{compared.facts:,} facts and {receipts:,} receipts compared")
    return Outcome(
        {
            "seconds until all was quiet": round(quiet, 1),
            "facts compared": compared.facts,
            "cells compared": compared.cells,
            "totals compared": compared.totals,
            "sets compared": compared.sets,
            "receipts read again": receipts,
            "messages in the topic": topic.messages,
            "keys whose last message was compared": len(topic.last),
            "dead letters": len(topic.poison),
            "differences": len(compared.differences),
        },
        [
            *compared.differences,
            *await wrong_ends(scene.cluster, topic),
            *untrue,
            *scene.ledger.wrong,
            *(f"never answered: {change}" for change in scene.ledger.unanswered()),
        ],
    )


async def compare(scene: Scene, mended: Sequence[Fact] = ()) -> Compared:
    """Compare cells and answers with the recounts; `mended` are the facts of dead letters that were driven again."""
    recount = Recount(scene.ledger, scene.world, scene.cluster.secrets.keys.pseudonym)
    recount.facts += mended
    cells = await compare_cells(scene.cluster, scene.ledger, recount, with_log=not mended)
    return cells + await compare_answers(scene.door, recount.facts)


async def run(run: Run) -> Outcome:
    """Write and kill for so many minutes, then compare."""
    victims = {kind: number * run.minutes / 10 for kind, number in TEN_MINUTES.items()}
    return await write_and_kill(run, victims, int(ROWS_A_MINUTE * run.minutes))


async def write_and_kill(run: Run, victims: Mapping[str, float], rows: int) -> Outcome:
    """Write at least so many rows while so many are killed, then compare, mend the poison, compare again."""
    chance = random.Random(run.seed)  # noqa: S311 - to be repeated, not to be secret
    async with open_scene(run) as scene:
        watch = Watch(scene.cluster, scene.door)
        cards = deck(victims, chance)
        killer = Killer(scene.cluster, watch, scene.ledger, chance, run.say, rows // len(cards))
        poisoner = Poisoner(scene.cluster, scene.world, scene.ledger, chance)
        seconds = run.minutes * 60
        pace = max(LEAST_ROWS_A_SECOND, MARGIN * rows / seconds)
        begun = time.monotonic()
        killing = asyncio.ensure_future(killer.run(cards, seconds))
        beside = [asyncio.ensure_future(poisoner.run()), asyncio.ensure_future(_tell(scene, killer, begun))]
        try:
            await write(scene, random.Random(chance.getrandbits(64)), killing.done, pace)  # noqa: S311
            await killing
        finally:
            for task in (killing, *beside):
                task.cancel()
            await asyncio.gather(killing, *beside, return_exceptions=True)
            watch.close()
        wrote = time.monotonic() - begun
        await settle(scene)
        outcome = await verify(scene)
        redriven = await poisoner.redrive()
        after = await compare(scene, poisoner.facts)
    figures = {"seconds of writing and killing": round(wrote, 1), **_figures(scene, killer), **outcome.figures}
    figures["differences once the poison was mended"] = len(after.differences)
    return Outcome(figures, [*_shortfalls(scene, rows), *outcome.wrong, *redriven, *after.differences])


async def _tell(scene: Scene, killer: Killer, begun: float) -> None:
    while True:
        await asyncio.sleep(15)
        stored, seconds = scene.ledger.tally["stored"], time.monotonic() - begun
        killed, idle = sum(killer.counted.values()), sum(killer.idle.values())
        unknown = sum(scene.door.unknown.values())
        scene.run.say(
            f"{seconds:5.0f} s  {stored:7,} rows stored ({stored / seconds:4.0f}/s), {killed} kills"
            f" (and {idle} of idle), {unknown} unknown outcomes"
        )


def _figures(scene: Scene, killer: Killer) -> dict[str, float | str]:
    tally, processes = scene.ledger.tally, scene.cluster.processes.values()
    figures: dict[str, float | str] = {}
    for kind in sorted(killer.counted | killer.idle):
        figures[f"kills: {kind}"] = killer.counted[kind]
        figures[f"kills: {kind}, not in flight"] = killer.idle[kind]
    figures["rows sent"] = sum(change.attempts for _, change in scene.ledger.changes())
    figures["rows stored"] = tally["stored"]
    figures["rows held at first"] = tally["held"]
    figures["rows rejected"] = tally["rejected"]
    figures["answers: duplicate"] = tally["answers: duplicate"]
    figures["requests"] = tally["requests"]
    figures["requests sent again"] = tally["resends"]
    figures["requests 50 at once"] = tally["crowds of 50"]
    figures["stale changes refused"] = tally["stale, refused"]
    figures["unknown outcomes"] = sum(scene.door.unknown.values())
    figures |= {f"unknown outcomes: {name}": number for name, number in sorted(scene.door.unknown.items())}
    figures |= {f"ended by itself: {process.name}": len(process.died_by_itself) for process in processes
                if process.died_by_itself}  # fmt: skip
    return figures


def _shortfalls(scene: Scene, asked: int) -> list[str]:
    stored = scene.ledger.tally["stored"]
    return [f"only {stored:,} rows were stored, {asked:,} are asked for"] if stored < asked else []
