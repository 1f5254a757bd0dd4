"""P8: a province's year, lượt and people exact, asked while rows arrive and old months are corrected."""

import asyncio
import math
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import asyncpg

from deploy.local.child import LocalError
from libs.common.db import connect
from libs.common.kafka import Message, Producer, open_producer, partition_of
from libs.contracts.topics import RECORDS
from tests.bench.bench import CACHE, Bench
from tests.bench.cpu import Meter
from tests.bench.figures import Figure
from tests.bench.floors import count_distinct
from tests.bench.world.databases import Worlds, open_worlds
from tests.bench.world.draws import FIRST_DAY, WORK
from tests.bench.world.field import DAYS, FACTS_A_RECORD, Field
from tests.bench.world.land import PROVINCE_CODE, Registry
from tests.bench.world.load import messages_of
from tests.bench.world.processes import API, CONSUMER, Stage, open_stage

__all__ = ["ask", "province_year", "run"]

FACTS = 10_000_000
ROWS_A_SECOND, CORRECTED = 1000, 0.02
TICK_SECONDS = 0.05
ASKS_A_ROUND = 25
ASKED_EVERY_SECONDS = 0.25
LONGEST_SECONDS, DEADLINE_SECONDS = 30, 300
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)


def province_year() -> dict[str, Any]:
    """Give the question: the province, twelve months, ten measures, what its teams have done."""
    return {
        "measures": sorted({entry[0] for entry in WORK}),
        "from": FIRST_DAY.isoformat(),
        "to": LAST_DAY.isoformat(),
        "group_by": ["measure", "time:month"],
        "filters": {"unit": [PROVINCE_CODE], "reporter_kind": "team"},
        "answers": ["luot", "nguoi"],
    }


async def ask(
    http: aiohttp.ClientSession, port: int, registry: Registry, question: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Ask the API and give the milliseconds until the whole answer was there, and the answer."""
    headers = registry.headers()
    begun = time.perf_counter()
    async with http.post(f"http://127.0.0.1:{port}/v1/metrics:query", json=question, headers=headers) as answer:
        body = await answer.read()
        took = (time.perf_counter() - begun) * 1000
        if answer.status != 200:
            raise LocalError(f"the question was answered with {answer.status}: {body[:500]!r}")
        return took, await answer.json()


async def run(bench: Bench) -> list[Figure]:
    """Ask a copy of the largest world."""
    async with (
        open_worlds(bench.local / "world", bench.say) as worlds,
        open_stage(bench.run_dir / "province", CACHE) as stage,
    ):
        url = await worlds.copy(FACTS, "province")
        try:
            return await _measure(bench, worlds, stage, url)
        finally:
            await worlds.drop("province")


async def _measure(bench: Bench, worlds: Worlds, stage: Stage, url: str) -> list[Figure]:
    found = _Found()
    async with stage.processes() as supervisor, aiohttp.ClientSession() as http:
        consumer, api = stage.consumer(url), stage.api(url)
        await supervisor.start(consumer, api)
        year = _Year(http, api.port, stage.registry, url)
        found.cold.append((await year.ask())[0])
        # The peer takes a minute: it counts before the rounds and after them, while nothing arrives, which favours it.
        found.peer.append(await year.compare())
        parts = {"consumer": supervisor.pid(CONSUMER), "api": supervisor.pid(API)}
        parts |= {"PostgreSQL": worlds.server.pid, "Kafka": stage.kafka.pid}
        field_work = _FieldWork(stage, url)
        for number in range(bench.rounds + 1):
            messages = field_work.messages(number)
            meter = Meter({**parts, "client": os.getpid()})
            async with field_work.arriving(messages):
                asked = await _round(year, field_work)
            found.note = meter.read().told()
            if number > 0:
                found.take(asked, field_work)
            await field_work.folded()
        found.peer.append(await year.compare())
    bench.say(f"P8: {len(found.asked)} asks; share of a core: {found.note}")
    return found.figures()


async def _round(year: "_Year", work: "_FieldWork") -> list[float]:
    """Ask now and then as long as rows arrive."""
    asked: list[float] = []
    while len(asked) < ASKS_A_ROUND and work.is_arriving():
        asked.append((await year.ask())[0])
        await asyncio.sleep(ASKED_EVERY_SECONDS)
    return asked


@dataclass(frozen=True)
class _Year:
    """The same question to both."""

    http: aiohttp.ClientSession
    port: int
    registry: Registry
    url: str

    async def ask(self) -> tuple[float, dict[str, Any]]:
        """Ask us."""
        return await ask(self.http, self.port, self.registry, province_year())

    async def counted(self) -> tuple[float, list[asyncpg.Record]]:
        """Ask the peer; it may take longer than we let a transaction live."""
        connection = await asyncpg.connect(self.url, ssl=False, server_settings={"transaction_timeout": "0"})
        try:
            return await count_distinct(connection, FIRST_DAY, LAST_DAY)
        finally:
            await connection.close()

    async def compare(self) -> float:
        """See that both say the same while nothing arrives; gives the milliseconds that SQL took."""
        _, ours = await self.ask()
        seconds, theirs = await self.counted()
        told = {
            (row["group"]["measure"], row["group"]["time:month"]): (row["luot"], row["nguoi"]) for row in ours["rows"]
        }
        counted = {(row["measure"], row["month"]): (row["luot"], row["nguoi"]) for row in theirs}
        if told != counted:
            wrong = [
                f"{key}: {told.get(key)} not {counted.get(key)}"
                for key in sorted(told.keys() | counted.keys())
                if told.get(key) != counted.get(key)
            ]
            raise LocalError(f"{len(wrong)} of {len(counted)} numbers are not those of SQL, the first: {wrong[0]}")
        return seconds * 1000


@dataclass
class _FieldWork:
    """Rows on their way through Kafka, so many a second; offsets begin at 0, so what is sent is what must be folded."""

    stage: Stage
    url: str
    sent: int = 0
    rate: float = 0.0
    behind: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def messages(self, salt: int) -> list[tuple[int, Message]]:
        """Make what arrives in a round: visits of the last days, every fiftieth row a correction of some old one."""
        world, count = Field(FACTS), LONGEST_SECONDS * ROWS_A_SECOND
        fresh = world.further(int(count * FACTS_A_RECORD), day=DAYS - 7, salt=10 + salt, correct=False)
        old = world.corrections(round(count * CORRECTED) + 1, salt=10 + salt)
        every = round(1 / CORRECTED)
        mixed = [old[n // every] if n % every == 0 else told for n, told in enumerate(fresh[:count])]
        partitions = [partition_of(told.reporter, RECORDS.partitions) for told in mixed]
        return list(zip(partitions, messages_of(mixed), strict=True))

    def is_arriving(self) -> bool:
        """Say whether there is more to send."""
        return not self._stop.is_set()

    @asynccontextmanager
    async def arriving(self, messages: list[tuple[int, Message]]) -> AsyncIterator[None]:
        """Send while the block runs; then note at what rate, and how far the consumer is behind."""
        self._stop.clear()
        async with (
            open_producer(self.stage.kafka.bootstrap, timeout_seconds=10) as producer,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._send(producer, messages))
            yield
            # What is folded may not have been acknowledged to us yet.
            self.behind = max(0, self.sent - await self._folded())
            self._stop.set()

    async def _send(self, producer: Producer, messages: list[tuple[int, Message]]) -> None:
        size, before, begun = round(ROWS_A_SECOND * TICK_SECONDS), self.sent, time.perf_counter()
        for number, at in enumerate(range(0, len(messages), size)):
            await asyncio.sleep(max(0, begun + number * TICK_SECONDS - time.perf_counter()))
            if self._stop.is_set():
                return
            if number > 0:
                self.rate = (self.sent - before) / (time.perf_counter() - begun)
            parted: dict[tuple[str, int], list[Message]] = {}
            for partition, message in messages[at : at + size]:
                parted.setdefault((RECORDS.name, partition), []).append(message)
            await producer.send(parted)
            self.sent += len(messages[at : at + size])
        self._stop.set()

    async def folded(self) -> None:
        """Wait until everything sent has been folded."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (done := await self._folded()) < self.sent:
            if time.monotonic() > deadline:
                raise LocalError(f"the consumer is still {self.sent - done:,} messages behind")
            await asyncio.sleep(TICK_SECONDS)

    async def _folded(self) -> int:
        connection = await connect(self.url, application_name="bench")
        done = await connection.fetchval("SELECT sum(next)::bigint FROM inbox WHERE topic = $1", RECORDS.name)
        await connection.close()
        return int(done)


@dataclass
class _Found:
    """What the rounds gave, in milliseconds."""

    cold: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)
    note: str = ""

    def take(self, asked: list[float], work: _FieldWork) -> None:
        """Take a round."""
        self.asked += asked
        self.p50.append(statistics.median(asked))
        self.p95.append(sorted(asked)[math.ceil(0.95 * len(asked)) - 1])
        self.rate.append(work.rate)
        self.behind.append(work.behind)

    def figures(self) -> list[Figure]:
        """Give the figures; the ratio is that of the peer's shorter time to our middle time of each round."""
        note = f"{len(self.asked)} asks while {statistics.median(self.rate):,.0f} rows/s arrived; {self.note}"
        quicker = [min(self.peer) / ours for ours in self.p50]
        return [
            Figure("P8", "p95_ms", "ms", tuple(self.p95), at_most=100, aim=30, note=note),
            Figure("P8", "p50_ms", "ms", tuple(self.p50)),
            Figure("P8", "max_ms", "ms", (max(self.asked),)),
            Figure("P8", "cold_ms", "ms", tuple(self.cold), note="the first answer of a new process"),
            Figure("P8", "ratio", "ratio", tuple(quicker), at_least=40, aim=150),
            Figure("P8", "count_distinct_ms", "ms", tuple(self.peer)),
            Figure("P8", "arriving", "rows/s", tuple(self.rate), at_least=0.95 * ROWS_A_SECOND),
            Figure("P8", "behind", "rows", tuple(self.behind), at_most=ROWS_A_SECOND),
        ]
