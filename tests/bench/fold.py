"""P4, P11: the fold, beside COPY of the same facts; its rate and a query's time as the database and partitions grow."""

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import asyncpg

from deploy.local.supervisor import Service, Supervisor
from libs.common.db import Connection, connect, open_engine
from libs.common.process import calm_collector
from libs.contracts.topics import RECORDS, Topic
from tests.bench.bench import CACHE, Bench
from tests.bench.cpu import Meter
from tests.bench.figures import Figure
from tests.bench.floors import copy_binary
from tests.bench.province import ask, province_year
from tests.bench.rounds import interleaved, ratios
from tests.bench.world.databases import Worlds, open_worlds
from tests.bench.world.draws import Told
from tests.bench.world.field import DAYS, Field
from tests.bench.world.load import batches, begin, by_partition, fold
from tests.bench.world.processes import CONSUMER, Stage, open_stage

__all__ = ["run"]

SMALL, SIZES = 100_000, (100_000, 1_000_000, 10_000_000)
PARTITIONS = (1, 4, 8)
KAFKA_FACTS, MORE_FACTS, WARMING_FACTS = 100_000, 40_000, 5_000
COPIED_EVERY_ROUND = 1_000_000  # Up to this size; into a larger world a few batches more are nothing.
ASKS = 10
POLL_SECONDS, DEADLINE_SECONDS = 0.01, 120


async def run(bench: Bench) -> list[Figure]:
    """Fold into copies of the cached worlds."""
    figures: list[Figure] = []
    async with (
        open_worlds(bench.local / "world", bench.say) as worlds,
        open_stage(bench.run_dir / "fold", CACHE) as stage,
    ):
        if bench.wants("P4"):
            figures += await _from_kafka(bench, worlds, stage)
        if bench.wants("P11"):
            figures += await _by_size(bench, worlds)
            figures += await _queries(bench, worlds, stage)
            figures += await _by_partitions(bench, worlds, stage)
    return figures


async def _from_kafka(bench: Bench, worlds: Worlds, stage: Stage) -> list[Figure]:
    ends = await stage.fill(Field(SMALL).further(KAFKA_FACTS))
    ours = _Folding(worlds, stage, RECORDS, ends)
    copied = _Copying(worlds, await ours.facts_of_each_fold())
    taken = await interleaved(bench.rounds, floor=copied, ours=ours)
    note = f"share of a core: {ours.shares}; floor: {copied.shares}"
    bench.say(f"P4: {note}")
    return [
        Figure("P4", "ratio", "ratio", ratios(taken["ours"], taken["floor"]), at_least=0.20, aim=0.40, note=note),
        Figure("P4", "fold", "facts/s", tuple(taken["ours"])),
        Figure("P4", "floor", "facts/s", tuple(taken["floor"])),
        Figure("P4", "fold_cpu", "CPU µs/fact", tuple(ours.cpu[-bench.rounds :])),
        Figure("P4", "floor_cpu", "CPU µs/fact", tuple(copied.cpu[-bench.rounds :])),
    ]


@dataclass
class _Folding:
    """The real consumer over a fresh copy of the small world, with all messages lying in the topic.

    Timed from the commit in which it notes where it begins, when its process is ready and nothing has been fetched yet,
    to the commit that moves the last partition's offset behind its last message.
    """

    worlds: Worlds
    stage: Stage
    topic: Topic
    ends: dict[int, int]
    shares: str = ""
    cpu: list[float] = field(default_factory=list)

    async def __call__(self) -> float:
        """Give facts a second."""
        url = await self.worlds.copy(SMALL, "fold")
        try:
            return await self._fold(url)
        finally:
            await self.worlds.drop("fold")

    async def facts_of_each_fold(self) -> "_Facts":
        """Fold once, and give what came into the facts' table, fold by fold, as it came."""
        url = await self.worlds.copy(SMALL, "fold")
        connection = await connect(url, application_name="bench")
        before = await connection.fetchval("SELECT max(fold_in) FROM facts")
        await self._fold(url)
        names = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'facts'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        columns = [row["attname"] for row in names if row["attname"] != "fold_out"]
        folds = await connection.fetch(
            "SELECT fold_in, count(*) FROM facts WHERE fold_in > $1 GROUP BY fold_in ORDER BY fold_in", before
        )
        facts = _Facts(columns, [], sum(row["count"] for row in folds))
        for row in folds:
            part = io.BytesIO()
            sql = f"SELECT {', '.join(columns)} FROM facts WHERE fold_in = $1 ORDER BY record_id, line"
            await connection.copy_from_query(sql, row["fold_in"], output=part, format="binary")
            facts.folds.append(part.getvalue())
        await connection.close()
        return facts

    async def _fold(self, url: str) -> float:
        connection = await connect(url, application_name="bench")
        before = await connection.fetchval(COUNT_FACTS)
        service = self.stage.consumer(url, self.topic)
        async with self.stage.processes() as supervisor:
            async with _held_back(url):
                await supervisor.start(service)
                await _knows_the_map(service)
            await _until(supervisor, connection, "SELECT count(*) > 0 FROM inbox WHERE topic = $1", self.topic.name)
            begun = time.perf_counter()
            meter = Meter({"consumer": supervisor.pid(CONSUMER), "PostgreSQL": self.worlds.server.pid})
            done = "SELECT array_agg(next ORDER BY partition) = $2::bigint[] FROM inbox WHERE topic = $1"
            ends = [self.ends[n] for n in range(self.topic.partitions)]
            await _until(supervisor, connection, done, self.topic.name, ends)
            seconds = time.perf_counter() - begun
            spent = meter.read()
        folded = await connection.fetchval(COUNT_FACTS) - before
        await connection.close()
        self.shares = spent.told()
        self.cpu.append(spent.total / folded * 1e6)
        return float(folded / seconds)


COUNT_FACTS = "SELECT count(*) FROM facts"


@asynccontextmanager
async def _held_back(url: str) -> AsyncIterator[None]:
    """Keep a consumer from noting where it begins, so that it begins when all else of its process is ready."""
    unbounded = {"transaction_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    connection = await asyncpg.connect(url, ssl=False, server_settings=unbounded)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE inbox IN SHARE ROW EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def _knows_the_map(service: Service) -> None:
    """Wait until a process has read what the registry has told."""
    async with asyncio.timeout(DEADLINE_SECONDS), aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"http://127.0.0.1:{service.port}/metrics") as answer:
                if "\nreplica_ready 1" in await answer.text():
                    return
            await asyncio.sleep(POLL_SECONDS * 10)


async def _until(supervisor: Supervisor, connection: Connection, condition: str, *params: object) -> None:
    """Wait for what the consumer does; raises ProcessDied if it ends instead."""
    watching = asyncio.ensure_future(supervisor.wait())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not await connection.fetchval(condition, *params):
                if watching.done():
                    watching.result()
                await asyncio.sleep(POLL_SECONDS)
    finally:
        watching.cancel()


@dataclass
class _Facts:
    """Rows of the facts' table in PostgreSQL's binary form, those of each fold together."""

    columns: list[str]
    folds: list[bytes]
    count: int


@dataclass
class _Copying:
    """The floor: the same rows, in the same transactions, into the same table of a fresh copy of the same world."""

    worlds: Worlds
    facts: _Facts
    shares: str = ""
    cpu: list[float] = field(default_factory=list)

    async def __call__(self) -> float:
        """Give facts a second."""
        connection = await connect(await self.worlds.copy(SMALL, "floor"), application_name="bench")
        meter = Meter({"client": os.getpid(), "PostgreSQL": self.worlds.server.pid})
        for rows in self.facts.folds:
            await copy_binary([connection], "facts", self.facts.columns, [rows])
        spent = meter.read()
        await connection.close()
        await self.worlds.drop("floor")
        self.shares = spent.told()
        self.cpu.append(spent.total / self.facts.count * 1e6)
        return self.facts.count / spent.seconds


async def _by_size(bench: Bench, worlds: Worlds) -> list[Figure]:
    calm_collector()  # As the consumer does, whose work this process does here.
    ways = {f"at_{facts}": _Growing(worlds, facts) for facts in SIZES}
    taken = await interleaved(bench.rounds, **ways)
    for facts in SIZES:
        await worlds.drop(f"more_{facts}")
    rates = [taken[f"at_{facts}"] for facts in SIZES]
    return [
        Figure("P11", "ratio", "ratio", ratios(rates[-1], rates[0]), at_least=0.8, aim=0.95),
        *(Figure("P11", f"fold_{facts}", "facts/s", tuple(each)) for facts, each in zip(SIZES, rates, strict=True)),
    ]


@dataclass
class _Growing:
    """Folds more, at the pace of the largest world, into a copy of a world: the consumer's work below Kafka."""

    worlds: Worlds
    facts: int
    rounds: int = 0
    _url: str = ""

    async def __call__(self) -> float:
        """Give facts a second."""
        if not self._url or self.facts <= COPIED_EVERY_ROUND:
            self._url = await self.worlds.copy(self.facts, f"more_{self.facts}")
        world, day = Field(self.facts), DAYS + 10 * self.rounds
        self.rounds += 1
        await self._fold(world.further(WARMING_FACTS, day=day, salt=2 * self.rounds))
        return await self._fold(world.further(MORE_FACTS, day=day, salt=2 * self.rounds + 1))

    async def _fold(self, arrived: Sequence[Told]) -> float:
        parted = by_partition(arrived)
        offsets = [await begin(self._url, n) for n in range(len(parted))]
        async with open_engine(self._url, application_name="bench fold", pool_size=1) as engine:
            begun = time.perf_counter()
            for partition, told in enumerate(parted):
                for batch in batches(told):
                    offsets[partition] = await fold(engine, partition, offsets[partition], batch)
            seconds = time.perf_counter() - begun
        return sum(told.body.count(b'"line":') for told in {told.record: told for told in arrived}.values()) / seconds


async def _queries(bench: Bench, worlds: Worlds, stage: Stage) -> list[Figure]:
    """Ask for the province's year in each world, in turn."""
    took: dict[int, list[float]] = {facts: [] for facts in SIZES}
    services = {
        facts: stage.api(worlds.server.url(await worlds.ensure(facts)), f"metrics-api-{facts}") for facts in SIZES
    }
    async with stage.processes() as supervisor, aiohttp.ClientSession() as http:
        await supervisor.start(*services.values())
        for number in range(ASKS + 2):
            for facts, service in services.items():
                milliseconds, _ = await ask(http, service.port, stage.registry, province_year())
                if number >= 2:  # What is read for the first time is not what a portal waits for all day.
                    took[facts].append(milliseconds)
    return [Figure("P11", f"query_{facts}", "ms", tuple(each)) for facts, each in took.items()]


async def _by_partitions(bench: Bench, worlds: Worlds, stage: Stage) -> list[Figure]:
    """Fold the same messages by one consumer from topics of other widths."""
    arrived = Field(SMALL).further(KAFKA_FACTS // 2, salt=3)
    ways: dict[str, _Folding] = {}
    for partitions in PARTITIONS:
        topic = replace(RECORDS, name=f"bench.records.{partitions}", partitions=partitions)
        ways[f"of_{partitions}"] = _Folding(worlds, stage, topic, await stage.fill(arrived, topic))
    taken = await interleaved(max(1, bench.rounds // 2), **ways)
    return [Figure("P11", f"partitions_{n}", "facts/s", tuple(taken[f"of_{n}"])) for n in PARTITIONS]
