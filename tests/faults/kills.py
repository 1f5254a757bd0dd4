"""Who is killed when: a shuffled deck of victims, one every second or so, each started again at once."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from deploy.local.say import Say
from tests.faults.cluster import Cluster
from tests.faults.kept import Kept, keep
from tests.faults.ledger import Ledger
from tests.faults.waiting import holds
from tests.faults.watch import Watch

__all__ = ["TEN_MINUTES", "Killer", "deck"]

POLL_SECONDS = 0.005
IN_FLIGHT_SECONDS = 4.0
MOST_IDLE = 20
PROGRESS_SECONDS = 20.0
BLOWS_AT_ONCE = 0.2
TAKE_OVER_SECONDS = 20.0
RELAY_ZOMBIE, CONSUMER_ZOMBIE = "zombie relay", "zombie consumer"
TEN_MINUTES = {
    "gateway": 50,
    "visits api": 50,
    "relay": 50,
    "metrics consumer": 50,
    "PostgreSQL": 25,
    "Kafka": 25,
    RELAY_ZOMBIE: 10,
    CONSUMER_ZOMBIE: 10,
}


def deck(victims: Mapping[str, float], chance: random.Random) -> list[str]:
    """Give so many victims of each kind, at least one, in a random order."""
    cards = [kind for kind, number in victims.items() for _ in range(max(1, round(number)))]
    chance.shuffle(cards)
    return cards


@dataclass
class Killer:
    """Kills and starts again; counts what met work in flight and what did not."""

    cluster: Cluster
    watch: Watch
    ledger: Ledger
    chance: random.Random
    say: Say
    rows_a_kill: int
    counted: Counter[str] = field(default_factory=Counter)
    idle: Counter[str] = field(default_factory=Counter)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _under_way: int = 0

    async def run(self, cards: list[str], seconds: float) -> None:
        """Play the deck, evenly over the time; what met no work in flight does not count and is put back."""
        begun, played = time.monotonic(), 0
        every = seconds / (len(cards) + 1)
        async with asyncio.TaskGroup() as group:
            while cards or self._under_way:
                await asyncio.sleep(max(POLL_SECONDS * 5, begun + (played + 1) * every - time.monotonic()))
                await self._until_progress()
                free = [n for n, card in enumerate(cards) if not self._lock(card).locked()]
                if not free:
                    continue
                kind = cards.pop(free[0])
                played += 1
                await self._lock(kind).acquire()
                self._under_way += 1
                group.create_task(self._play(kind, cards))

    async def _until_progress(self) -> None:
        """Mostly let some rows be stored between two kills, or a slow machine would only ever start processes."""
        enough = self.ledger.tally["stored"] + self.rows_a_kill
        if self.chance.random() < BLOWS_AT_ONCE:
            return

        async def more_is_stored() -> bool:
            return self.ledger.tally["stored"] >= enough

        await holds(more_is_stored, PROGRESS_SECONDS, POLL_SECONDS)

    def _lock(self, kind: str) -> asyncio.Lock:
        """Give the lock of what a kind stands for: a zombie and a kill of one kind do not meet."""
        name = {RELAY_ZOMBIE: "relay", CONSUMER_ZOMBIE: "metrics consumer"}.get(kind, kind)
        return self._locks.setdefault(name, asyncio.Lock())

    async def _play(self, kind: str, cards: list[str]) -> None:
        ways: dict[str, Callable[[], Awaitable[bool]]] = {
            "PostgreSQL": self._postgres,
            "Kafka": self._kafka,
            RELAY_ZOMBIE: self._relay_zombie,
            CONSUMER_ZOMBIE: self._consumer_zombie,
        }
        try:
            met = await ways.get(kind, lambda: self._service(self.cluster.processes[kind], kind))()
            (self.counted if met else self.idle)[kind] += 1
            if not met and self.idle[kind] <= MOST_IDLE:
                cards.append(kind)
        finally:
            self._under_way -= 1
            self._lock(kind).release()

    async def _service(self, process: Kept, kind: str) -> bool:
        await process.until_ready(120)
        met = await self._until_in_flight(kind)
        await process.kill()
        await process.until_ready(120)
        return met

    async def _until_in_flight(self, kind: str) -> bool:
        return await holds(lambda: self.watch.in_flight(kind), IN_FLIGHT_SECONDS, POLL_SECONDS)

    async def _postgres(self) -> bool:
        """An immediate stop, or the postmaster killed; then started again."""
        met = await self._until_in_flight("PostgreSQL")
        if self.chance.random() < 0.5:
            os.kill(self.cluster.postgres.pid, signal.SIGQUIT)
        else:
            await self.cluster.postgres.kill()
        await self.cluster.postgres.restart()
        return met

    async def _kafka(self) -> bool:
        met = await self._until_in_flight("Kafka")
        await self.cluster.kafka.kill()
        await self.cluster.kafka.restart()
        return met

    async def _relay_zombie(self) -> bool:
        """Stop the leader, end its session, let a second take over, then let the first go on where it stood."""
        first, second = self.cluster.processes["relay"], self.cluster.another("relay")
        await first.until_ready(120)
        leader = await self.watch.relay_leader()
        async with keep(second):
            await second.until_ready()
            met = await self._until_in_flight("relay")
            first.send(signal.SIGSTOP)
            try:
                before = await self.watch.position()
                is_zombie = leader is not None and await self.watch.end_session(leader)
                moved = await holds(lambda: self._relay_moved(leader, before), TAKE_OVER_SECONDS)
            finally:
                first.send(signal.SIGCONT)
            await self._until_in_flight("relay")
            await second.kill()
        await holds(self._leads, TAKE_OVER_SECONDS)
        return met and is_zombie and moved

    async def _relay_moved(self, leader: int | None, before: tuple[int, ...] | None) -> bool:
        now, position = await self.watch.relay_leader(), await self.watch.position()
        return now not in (None, leader) and position is not None and position != before

    async def _leads(self) -> bool:
        return await self.watch.relay_leader() is not None

    async def _consumer_zombie(self) -> bool:
        """Stop one of two consumers, end its sessions, wait until the other folds, then let the first go on."""
        first, second = self.cluster.processes["metrics consumer"], self.cluster.another("metrics consumer")
        await first.until_ready(120)
        # Also the one by which it holds its partitions: as long as that lasts, nobody else takes them.
        of_first = await self.watch.sessions("metrics fold", "share metrics fold")
        async with keep(second):
            await second.until_ready()
            met = await self._until_in_flight("metrics consumer")
            first.send(signal.SIGSTOP)
            try:
                ended = [await self.watch.end_session(pid) for pid in of_first]
                before = await self.watch.folded()
                moved = await holds(lambda: self._folded_more(before), TAKE_OVER_SECONDS)
            finally:
                first.send(signal.SIGCONT)
            await self._until_in_flight("metrics consumer")
            await second.kill()
        return met and any(ended) and moved

    async def _folded_more(self, before: tuple[int, ...] | None) -> bool:
        return before is not None and (await self.watch.folded() or before) > before
