"""P5, P9, P10: the whole chain with everything on; what the metrics cost; memory, bytes on disk."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from deploy.local.kafka import KafkaServer, open_kafka
from libs.common.db import Connection, connect
from libs.contracts.topics import RECORDS
from tests.bench.bench import CACHE, Bench
from tests.bench.copying import open_copy_floor
from tests.bench.cpu import Meter, Spent, rss_bytes
from tests.bench.figures import Figure
from tests.bench.load import CONNECTIONS, Load, open_bare, open_load
from tests.bench.rounds import interleaved, ratios
from tests.bench.services import ALL, Services, open_services
from tests.bench.visits import FACTS_A_VISIT, MONTH

__all__ = ["run"]

ROWS_A_REQUEST = 500
REQUESTS_A_PUSH = 30
MEMORY_VISITS = 350_000  # Of three facts each: a million facts and a little more.
MEMORY_SECONDS = 120.0
VISIBLE_SECONDS = 60.0
GROWTH = 1.05  # What an allocator may add by itself.
SMALL_BYTES = 150e6
NOT_YET = 503


@dataclass
class _Chain:
    """A whole system, what has been sent through it, and its memory after each push."""

    services: Services
    load: Load
    http: aiohttp.ClientSession
    log: Connection
    servers: Mapping[str, int]
    visits: int = 0
    spent: list[Spent] = field(default_factory=list)
    memory: list[dict[str, int]] = field(default_factory=list)

    async def push(self) -> float:
        """Send visits and ask until the answer has them all; gives visits/s from the first request to that answer."""
        await self.load.make(ROWS_A_REQUEST, REQUESTS_A_PUSH)
        token = await self.services.token("app")
        meter, begun = Meter({**self.services.pids(), **self.servers}), time.perf_counter()
        sent = await self.load.send(f"{self.services.url('gateway')}/v1/visits:batch", token)
        self.visits += sent.rows
        await self._until_visible(sent.position)
        seconds = time.perf_counter() - begun
        spent = meter.read()
        self.spent.append(Spent(spent.seconds, {**spent.cpu, "generator": sent.cpu_seconds}))
        self.remember()
        return sent.rows / seconds

    def remember(self) -> None:
        """Note each process's memory."""
        self.memory.append({name: rss_bytes(pid) for name, pid in self.services.pids().items()})

    async def _until_visible(self, position: str) -> None:
        """Ask for all visits no older than a receipt; raises RuntimeError where the answer has another number."""
        question = {"measures": ["FLD-07"], "from": MONTH[0], "to": MONTH[1], "at_least": position}
        url = f"{self.services.url('gateway')}/v1/metrics:query"
        deadline = time.monotonic() + VISIBLE_SECONDS
        while True:
            async with self.http.post(url, json=question, headers=await self.services.headers("portal")) as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
            if answer.status != NOT_YET or time.monotonic() > deadline:
                break
        if answer.status != 200 or told["total"]["luot"] != self.visits:
            raise RuntimeError(f"{self.visits} visits were sent; {answer.status} {str(told)[:1000]}")


async def run(bench: Bench) -> list[Figure]:
    """Measure P5 and P9 in the same rounds, then fill the same chain for P10."""
    async with AsyncExitStack() as stack:
        load = await stack.enter_async_context(open_load())
        chain = await stack.enter_async_context(_open_chain(bench, load, await bench.kafka()))
        chain.remember()
        figures = await _speed(bench, stack, chain) if bench.wants("P5") or bench.wants("P9") else []
        if bench.wants("P10"):
            seconds = await _fill(chain)
            figures += _memory(chain, seconds) + await _disk(chain)
    return figures


async def _speed(bench: Bench, stack: AsyncExitStack, chain: _Chain) -> list[Figure]:
    await chain.push()
    floor = await stack.enter_async_context(open_copy_floor(bench, chain.log, CONNECTIONS))
    ways: dict[str, Callable[[], Awaitable[float]]] = {"floor": floor.rows_a_second}
    if bench.wants("P9"):
        broker = await stack.enter_async_context(open_kafka(bench.run_dir / "quiet" / "kafka", CACHE, say=bench.say))
        quiet = await stack.enter_async_context(_open_chain(bench, chain.load, broker, quiet=True))
        ways["quiet"] = quiet.push
    found = await interleaved(bench.rounds, **ways, plain=chain.push)
    async with open_bare(bench.run_dir / "chain" / "log") as bare:
        limit = await chain.load.send(bare, "", checked=False)
    plain = tuple(found["plain"])
    note = f"CPU: {chain.spent[-1].told()}"
    figures = [
        Figure("P5", "ratio", "ratio", ratios(plain, found["floor"]), at_least=0.05, aim=0.10),
        Figure("P5", "visible", "visits/s", plain, note=note),
        Figure("P5", "generator_limit", "visits/s", (limit.rows_a_second,), note="the same against a bare route"),
        Figure("P5", "floor", "rows/s", tuple(found["floor"]), note="binary COPY into the same table, 4 connections"),
    ]
    if bench.wants("P9"):
        figures += [
            Figure("P9", "ratio", "ratio", ratios(plain, found["quiet"]), at_least=0.85, aim=0.95),
            Figure("P9", "without", "visits/s", tuple(found["quiet"]), note="metrics that count nothing, no tracing"),
        ]
    return figures


async def _fill(chain: _Chain) -> float:
    """Send until a million facts are in, or for two minutes; gives the seconds it took."""
    begun = time.monotonic()
    while chain.visits < MEMORY_VISITS and time.monotonic() - begun < MEMORY_SECONDS:
        await chain.push()
    return time.monotonic() - begun


def _memory(chain: _Chain, seconds: float) -> list[Figure]:
    rest, warm, end = chain.memory[0], chain.memory[len(chain.memory) * 2 // 3], chain.memory[-1]
    facts = f"after {chain.visits * FACTS_A_VISIT:,} facts, the last of them in {seconds:.0f} s"
    figures = []
    for name in end:
        figures += [
            Figure("P10", f"rest_{name}", "bytes", (rest[name],), note="RSS once ready", less_is_better=True),
            Figure("P10", f"rss_{name}", "bytes", (end[name],), aim=SMALL_BYTES, note=facts, less_is_better=True),
            Figure(
                "P10",
                f"growth_{name}",
                "ratio",
                (end[name] / warm[name],),
                at_most=GROWTH,
                note="RSS at the end by that after two thirds",
            ),
        ]
    return figures


async def _disk(chain: _Chain) -> list[Figure]:
    """Give the bytes of each database and of the records' topic by row of what it keeps; WAL is not in it."""
    figures = []
    for service, table in (("registry", "log"), ("visits", "log"), ("metrics", "facts")):
        connection = await connect(chain.services.database_url(service), application_name="bench")
        try:
            rows = await connection.fetchval(f"SELECT count(*) FROM {table}")
            size = await connection.fetchval(
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        finally:
            await connection.close()
        note = f"{rows:,} rows of {table}, indexes and all other tables included"
        figures.append(
            Figure("P10", f"disk_{service}", "bytes/row", (float(size) / rows,), note=note, less_is_better=True)
        )
    return [*figures, _kafka_disk(chain)]


def _kafka_disk(chain: _Chain) -> Figure:
    storage = chain.services.kafka.data_dir / "storage"
    files = [path for folder in storage.glob(f"{RECORDS.name}-*") for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_blocks * 512 for path in files)
    note = f"{chain.visits:,} records of {FACTS_A_VISIT} lines, before compaction"
    return Figure("P10", "disk_kafka", "bytes/row", (size / chain.visits,), note=note, less_is_better=True)


@asynccontextmanager
async def _open_chain(bench: Bench, load: Load, kafka: KafkaServer, *, quiet: bool = False) -> AsyncIterator[_Chain]:
    label = "quiet" if quiet else "chain"
    async with (
        open_services(bench, *ALL, label=label, kafka=kafka, quiet=quiet) as services,
        aiohttp.ClientSession() as http,
    ):
        log = await connect(services.database_url("visits"), application_name="bench")
        servers = {"postgres": (await bench.postgres()).pid, "kafka": kafka.pid}
        try:
            yield _Chain(services, load, http, log, servers)
        finally:
            await log.close()
