"""P1, P2: visits through the gateway into the log, beside COPY into the same table and beside the usual way."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from deploy.local.ports import free_port
from deploy.local.supervisor import Service, open_supervisor
from libs.common.db import Connection, connect
from libs.contracts.operations import OPERATIONS
from libs.contracts.visits_bodies import MAX_ROWS
from tests.bench.bench import Bench
from tests.bench.copying import open_copy_floor
from tests.bench.cpu import Meter, Spent
from tests.bench.figures import Figure
from tests.bench.load import CONNECTIONS, Load, Sent, open_bare, open_load
from tests.bench.rounds import interleaved, ratios
from tests.bench.services import Services, open_services

__all__ = ["run"]

REQUESTS = {1: 800, 50: 160, 500: 32, 5000: 4}
"""Rows a request, and how many requests a round."""

JUDGED = 500
BATCH, BULK = "/v1/visits:batch", "/v1/visits:bulk"
USUAL_REQUESTS = 8


@dataclass(frozen=True)
class _Turn:
    """One turn of one way: what the generator saw, what the processes used, what the generator reaches at most."""

    sent: Sent
    spent: Spent
    limit: float

    @property
    def cpu_ms(self) -> float:
        """Processor time of everything behind the generator, for each accepted visit."""
        return self.spent.total / self.sent.rows * 1000

    def told(self) -> str:
        """Say for people where the processor time went."""
        return f"CPU: {self.spent.told()}, generator {self.sent.share:.0%}"


@dataclass
class _Writing:
    """What the ways share; `turns` keeps every turn by way, the warming one first."""

    services: Services
    load: Load
    log: Connection
    bare: str
    postgres_pid: int
    turns: dict[str, list[_Turn]] = field(default_factory=lambda: defaultdict(list))

    async def ours(self, size: int) -> float:
        """Send visits through the gateway into an empty log; gives visits/s, once the log has each of them."""
        await self.log.execute("TRUNCATE log")
        pids = self.services.pids("gateway", "visits-api")
        url = f"{self.services.url('gateway')}{_path(size)}"
        turn = await self._turn(f"ours_{size}", size, REQUESTS[size], url, pids)
        stored = await self.log.fetchval("SELECT count(*) FROM log")
        if stored != turn.sent.rows:
            raise RuntimeError(f"{turn.sent.rows} visits were accepted, the log has {stored} rows")
        return turn.sent.rows_a_second

    async def usual(self, usual: "_Usual") -> float:
        """Send visits to the usual way at its own port; gives visits/s, once its table has each of them."""
        await usual.connection.execute("TRUNCATE visits, lines, outbox")
        turn = await self._turn("usual", JUDGED, USUAL_REQUESTS, usual.url, {"usual": usual.pid})
        stored = await usual.connection.fetchval("SELECT count(*) FROM visits")
        if stored != turn.sent.rows:
            raise RuntimeError(f"{turn.sent.rows} visits were accepted, the usual way has {stored}")
        return turn.sent.rows_a_second

    async def _turn(self, way: str, size: int, requests: int, url: str, pids: Mapping[str, int]) -> _Turn:
        token = await self.services.token("app")
        await self.load.make(size, requests)
        meter = Meter({**pids, "postgres": self.postgres_pid})
        sent = await self.load.send(url, token)
        spent = meter.read()
        limit = await self.load.send(self.bare, token, checked=False)
        turn = _Turn(sent, spent, limit.rows_a_second)
        self.turns[way].append(turn)
        return turn


@dataclass(frozen=True)
class _Usual:
    url: str
    pid: int
    connection: Connection


async def run(bench: Bench) -> list[Figure]:
    """Measure P1 and P2 in the same rounds."""
    sizes = _sizes(bench) if bench.wants("P1") else [JUDGED]
    async with AsyncExitStack() as stack:
        writing = await stack.enter_async_context(_open_writing(bench))
        await writing.ours(JUDGED)
        floor = await stack.enter_async_context(open_copy_floor(bench, writing.log, CONNECTIONS))
        ways: dict[str, Callable[[], Awaitable[float]]] = {"floor": floor.rows_a_second}
        if bench.wants("P2"):
            usual = await stack.enter_async_context(_open_usual(bench, writing.services))
            ways["usual"] = partial(writing.usual, usual)
        ways |= {f"ours_{size}": partial(writing.ours, size) for size in sizes}
        found = await interleaved(bench.rounds, **ways)
    turns = {way: all_turns[-bench.rounds :] for way, all_turns in writing.turns.items()}
    return _p1(found, turns, sizes) + (_p2(found, turns) if bench.wants("P2") else [])


def _path(size: int) -> str | None:
    """Give where so many rows are sent at once; None where nothing takes them."""
    if size <= MAX_ROWS:
        return BATCH
    return BULK if any(operation.path == BULK for operation in OPERATIONS) else None


def _sizes(bench: Bench) -> list[int]:
    sizes = [size for size in REQUESTS if _path(size)]
    if left_out := REQUESTS.keys() - sizes:
        bench.say(f"P1: nothing takes requests of {left_out} rows; they are left out")
    return sizes


def _p1(found: Mapping[str, list[float]], turns: Mapping[str, list[_Turn]], sizes: list[int]) -> list[Figure]:
    judged, of_judged = found[f"ours_{JUDGED}"], turns[f"ours_{JUDGED}"]
    figures = [
        Figure("P1", "ratio", "ratio", ratios(judged, found["floor"]), 0.18, aim=0.30, note=of_judged[-1].told()),
        Figure(
            "P1",
            "cpu_ms_per_visit",
            "CPU ms/visit",
            tuple(turn.cpu_ms for turn in of_judged),
            at_most=0.10,
            aim=0.06,
            note="gateway, visits api and all of PostgreSQL",
        ),
        Figure("P1", "floor", "rows/s", tuple(found["floor"]), note="binary COPY into the same table, 4 connections"),
    ]
    for size in sizes:
        way = f"ours_{size}"
        figures.append(Figure("P1", f"visits_{size}", "visits/s", tuple(found[way]), note=turns[way][-1].told()))
        cpu = tuple(turn.cpu_ms for turn in turns[way])
        figures.append(Figure("P1", f"cpu_ms_per_visit_{size}", "CPU ms/visit", cpu))
        limits = tuple(turn.limit for turn in turns[way])
        figures.append(
            Figure("P1", f"generator_limit_{size}", "visits/s", limits, note="the same against a bare route")
        )
    return figures


def _p2(found: Mapping[str, list[float]], turns: Mapping[str, list[_Turn]]) -> list[Figure]:
    usual = turns["usual"]
    return [
        Figure(
            "P2",
            "ratio",
            "ratio",
            ratios(found[f"ours_{JUDGED}"], found["usual"]),
            at_least=3,
            aim=6,
            note="the usual way is asked at its own port, ours through the gateway",
        ),
        Figure("P2", "usual", "visits/s", tuple(found["usual"]), note=usual[-1].told()),
        Figure("P2", "usual_cpu_ms_per_visit", "CPU ms/visit", tuple(turn.cpu_ms for turn in usual)),
        Figure("P2", "generator_limit", "visits/s", tuple(turn.limit for turn in usual)),
    ]


@asynccontextmanager
async def _open_writing(bench: Bench) -> AsyncIterator[_Writing]:
    async with (
        open_services(bench, "gateway", "visits-api", label="write") as services,
        open_load() as load,
        open_bare(bench.run_dir / "write" / "log") as bare,
    ):
        log = await connect(services.database_url("visits"), application_name="bench")
        try:
            yield _Writing(services, load, log, bare, (await bench.postgres()).pid)
        finally:
            await log.close()


@asynccontextmanager
async def _open_usual(bench: Bench, services: Services) -> AsyncIterator[_Usual]:
    port, database_url = free_port(), await bench.database("")
    words = ["-m", "tests.bench.usual", str(port), database_url, str(services.secrets.keys.signing)]
    async with open_supervisor(bench.run_dir / "write" / "log") as supervisor:
        await supervisor.start(Service("usual", words, port))
        connection = await connect(database_url, application_name="bench")
        try:
            yield _Usual(f"http://127.0.0.1:{port}{BATCH}", supervisor.pid("usual"), connection)
        finally:
            await connection.close()
