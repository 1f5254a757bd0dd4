"""The composition root: opens resources, builds each process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from libs.common import db
from libs.common.auth import Guard
from libs.common.consume import Backlog, Follow, Meters
from libs.common.consume_shares import Sharing, run_shared_consumer
from libs.common.http import build_app
from libs.common.inbox import reached
from libs.common.kafka import identify
from libs.common.pools import Pools
from libs.common.problem import Catalogue
from libs.common.process import Loop, Patience, Pulse, serve
from libs.common.replica import Replica
from libs.common.schema import await_migration
from libs.common.telemetry import new_registry
from libs.common.tracing import Tracing
from libs.common.tracing_opened import open_tracing
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from libs.contracts.topics import CATALOGUE, CLIENTS, DENOMINATORS, MEMBERS, RECORDS, TARGETS, TEAMS, UNITS
from services.metrics.api import NetworkApi, QueryApi, RehearsalApi, StatementsApi
from services.metrics.api.seconds import QuerySeconds
from services.metrics.consumer import Folds, TodayReader, handle, handle_network, picture_handlers, rebuild
from services.metrics.domain.clock import local_day
from services.metrics.domain.keys import NO_KEYS, Lifter
from services.metrics.domain.memory import Memories
from services.metrics.domain.network.layout import Layouts
from services.metrics.domain.picture import Picture
from services.metrics.domain.today import Today
from services.metrics.settings import CommandSettings, Settings
from services.metrics.store.ids import quick_of
from services.metrics.use_cases.campaign import Campaign
from services.metrics.use_cases.counted import Counted, Read
from services.metrics.use_cases.keep_recounting import RecountPace, keep_recounting
from services.metrics.use_cases.keep_rollups import RollupPace, keep_rollups
from services.metrics.use_cases.lift import lift_known, settle_level
from services.metrics.use_cases.rebuild import Filling, Rebuild
from services.metrics.use_cases.recount import Found, Wanted, recount_units, territory_of

__all__ = [
    "await_migrated",
    "build_api",
    "lift_people",
    "lifter_of",
    "migrate",
    "open_database",
    "open_rebuild",
    "read_territory",
    "recount",
    "run",
]

NETWORK = (TEAMS, MEMBERS, DENOMINATORS)
LIFT_SECONDS = 3600.0
RECOUNT_SECONDS = 60.0  # A month of a unit, read only.
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: CommandSettings) -> None:
    """Bring the database to the newest revision."""
    db.migrate(settings.database_url, MIGRATIONS)


async def await_migrated(settings: CommandSettings) -> None:
    """Wait until somebody else has migrated."""
    await await_migration(settings.database_url, MIGRATIONS)


def lifter_of(settings: CommandSettings) -> Lifter:
    """Read the keys that lift pseudonyms; raises ValueError for one that is too short."""
    if settings.lift_keys_file is None:
        return NO_KEYS
    return Lifter(tuple(bytes.fromhex(line) for line in settings.lift_keys_file.read_text().split()))


@asynccontextmanager
async def open_database(settings: CommandSettings) -> AsyncIterator[db.Engine]:
    """Open the database for an operator's command."""
    async with db.open_engine(settings.database_url, application_name="metrics command", pool_size=1) as engine:
        yield engine


async def lift_people(settings: CommandSettings, told: Callable[[int, int], None]) -> int:
    """Lift people and households to the newest key, in one transaction; gives how many."""
    async with (
        db.open_engine(
            settings.database_url,
            application_name="metrics lift",
            pool_size=1,
            transaction_timeout_seconds=LIFT_SECONDS,
        ) as engine,
        db.transaction(engine) as connection,
    ):
        return await lift_known(connection, lifter_of(settings), told)


@asynccontextmanager
async def open_rebuild(settings: Settings) -> AsyncIterator[tuple[Rebuild, Filling] | None]:
    """Open what a rebuild beside the live tables needs; None where another is under way."""
    given = rebuild.Given(
        settings.database_url,
        settings.kafka,
        settings.token_issuer,
        lifter_of(settings),
        settings.fold_seconds,
        settings.rollup_entries,
        partial(db.migrate, location=MIGRATIONS),
    )
    async with rebuild.open_rebuild(given) as opened:
        yield opened


async def read_territory(settings: Settings, reference: str, seconds: float) -> dict[UUID, str]:
    """Give the units, with code and name, that lie in one that bears a code today, or has an id.

    Raises NoUnitToday where there is none, Away where Kafka does not answer, NoSuchTopic where it knows no map yet,
    TimeoutError where the registry has not told all of the map in time.
    """
    await identify(settings.kafka, [UNITS.name])  # What reads the map waits for a Kafka that is away.
    picture = await rebuild.read_map(settings.kafka, settings.token_issuer, seconds)
    return territory_of(picture, reference, local_day(_now()))


async def recount(settings: CommandSettings, wanted: Wanted) -> AsyncIterator[Found]:
    """Count all cells that are wanted again; raises NeverCounted."""
    async with db.open_engine(
        settings.database_url,
        application_name="metrics recount",
        pool_size=1,
        transaction_timeout_seconds=RECOUNT_SECONDS,
    ) as engine:
        async for found in recount_units(engine, wanted):
            yield found


def _now() -> datetime:
    return datetime.now(UTC)


def build_api(
    engine: db.Engine,
    guard: Guard,
    picture: Picture,
    settings: Settings,
    ready: Callable[[], bool],
    registry: CollectorRegistry,
    now: Callable[[], datetime] = _now,
) -> tuple[list[BaseRoute], Counted]:
    """Build the routes, and the poller that they wait with."""

    @asynccontextmanager
    async def open_read() -> AsyncIterator[Read]:
        async with db.autocommit(engine) as connection:
            yield partial(reached, connection, RECORDS.name)

    seconds = QuerySeconds(registry)
    counted, memories = Counted(open_read), Memories(settings.memory_bytes, quick_of)
    network = NetworkApi(
        engine, guard, picture, memories, Layouts(), seconds.of("network"), ready, settings.smallest_shown, now
    )
    queries = QueryApi(
        engine,
        guard,
        picture,
        memories,
        counted,
        seconds.of("metrics"),
        ready,
        now,
        smallest_shown=settings.smallest_shown,
        at_least_seconds=settings.at_least_seconds,
    )
    statements = StatementsApi(engine, guard, picture, seconds.of("statements"), ready, now)
    rehearsals = RehearsalApi(engine, guard, picture, memories, seconds.of("rehearsal"), ready, settings.smallest_shown)
    apis = (queries, rehearsals, statements, network)
    return [route for api in apis for route in api.routes()], counted


async def _consume(
    engine: db.Engine,
    settings: Settings,
    meters: Meters,
    pulse: Pulse,
    backlog: Backlog,
    lifter: Lifter,
    stop: asyncio.Event,
) -> None:
    patience, settled = Patience(), False
    while not (settled or stop.is_set()):
        pulse.beat()
        try:
            async with db.transaction(engine) as connection:
                settled = await settle_level(connection, lifter)
        except db.Unavailable:
            await patience.wait()
    folding = partial(handle, lifter=lifter)
    follow = Follow(engine, settings.kafka, [RECORDS], folding, meters, stop, pulse.beat, backlog)
    await run_shared_consumer(follow, Sharing(settings.database_url, "metrics fold", by_partition=True))


async def _keep_network(
    engine: db.Engine, settings: Settings, meters: Meters, pulse: Pulse, stop: asyncio.Event
) -> None:
    # Teams and members are few and rarely change: a loop of their own, which a rush of records does not hold up.
    # Who is in a team is told by one topic, the team by another: one replica takes all, the others stand by.
    follow = Follow(engine, settings.kafka, NETWORK, handle_network, meters, stop, pulse.beat)
    await run_shared_consumer(follow, Sharing(settings.database_url, "metrics network", by_partition=False))


async def _roll_up(
    engine: db.Engine,
    settings: Settings,
    registry: CollectorRegistry,
    replica: Replica,
    picture: Picture,
    backlog: Backlog,
    stop: asyncio.Event,
) -> None:
    await replica.until_ready(stop)
    pace = RollupPace(entries=settings.rollup_entries)
    await keep_rollups(engine, settings.database_url, picture.units, pace, backlog, registry, stop)


async def _tell_campaign(campaign: Campaign, replica: Replica, stop: asyncio.Event) -> None:
    await replica.until_ready(stop)  # Without the map there are no provinces.
    await campaign.run(stop)


@dataclass
class _Process:
    """What the parts of a process are put into, and what they share."""

    settings: Settings
    replica: Replica
    picture: Picture
    registry: CollectorRegistry
    tracing: Tracing
    pools: Pools
    stack: AsyncExitStack
    loops: dict[str, Loop]
    pulses: dict[str, Pulse] = field(default_factory=dict)

    async def open(self, name: str, size: int, seconds: float) -> db.Engine:
        """Open a pool until the process ends."""
        engine = db.open_engine(
            self.settings.database_url,
            application_name=f"metrics {name}",
            pool_size=size,
            transaction_timeout_seconds=seconds,
        )
        opened = await self.stack.enter_async_context(engine)
        self.pools.add(name, opened)
        return opened

    async def consume(self) -> None:
        """Fold records, keep the network, roll up."""
        settings, registry = self.settings, self.registry
        backlog, meters, folds = Backlog(), Meters.on(registry, self.tracing), Folds.on(registry).told_by
        self.pulses |= {"consumer": (pulse := Pulse()), "network": (network := Pulse())}
        folding = await self.open("fold", 2, settings.fold_seconds)
        keeping = await self.open("network", 2, settings.fold_seconds)
        rolling = await self.open("rollups", 1, settings.fold_seconds)
        looking = await self.open("campaign", 1, settings.fold_seconds)
        reader = TodayReader(settings.kafka, [RECORDS], Today(), lifter_of(settings), backlog, _now)
        campaign = Campaign(
            looking, registry, self.picture.units, reader.today, lambda: reader.whole, _now, settings.smallest_shown
        )
        recounting = await self.open("recount", 1, settings.fold_seconds)
        self.loops |= {
            "consumer": partial(_consume, folding, settings, folds(meters), pulse, backlog, lifter_of(settings)),
            "network": partial(_keep_network, keeping, settings, meters, network),
            "rollups": partial(_roll_up, rolling, settings, registry, self.replica, self.picture, backlog),
            "today": reader.run,
            "campaign": partial(_tell_campaign, campaign, self.replica),
            "recount": partial(keep_recounting, recounting, RecountPace(settings.recount_cells), registry),
        }


async def run(settings: Settings, *, api: bool, consumer: bool) -> None:
    """Run the API, the consumer, or both in one process for one machine, until told to stop."""
    registry, process = new_registry(), "api" if not consumer else "all" if api else "consumer"
    async with open_tracing(settings, "metrics", process, registry) as tracing:
        await _run(settings, registry, tracing, api=api, consumer=consumer)


async def _run(settings: Settings, registry: CollectorRegistry, tracing: Tracing, *, api: bool, consumer: bool) -> None:
    parts: dict[str, Callable[[], bool]] = {}
    routes: list[BaseRoute] = []
    picture, guard = Picture(), Guard(settings.token_issuer)
    # To fold nothing of the registry is needed; to roll up, the map.
    topics = [UNITS, TEAMS, CATALOGUE, DENOMINATORS, TARGETS, CLIENTS] if api else [UNITS]
    replica = Replica(settings.kafka, topics, picture_handlers(picture, guard), registry)
    async with AsyncExitStack() as stack:
        process = _Process(
            settings, replica, picture, registry, tracing, Pools(registry), stack, {"replica": replica.run}
        )
        loops, pulses = process.loops, process.pulses
        if consumer:
            await process.consume()
        if api:
            reading = await process.open("query", settings.pool_size, settings.query_seconds)
            routes, counted = build_api(reading, guard, picture, settings, replica.ready.is_set, registry)
            loops["counted"] = counted.run
            parts["registry"] = replica.ready.is_set
        app = build_app(
            catalogue=Catalogue.of(entries()),
            routes=routes,
            operations=OPERATIONS,
            registry=registry,
            ready=lambda: {name: part() for name, part in parts.items()} | {n: p.alive() for n, p in pulses.items()},
            alive=lambda: {name: pulse.going() for name, pulse in pulses.items()},
            tracing=tracing,
        )
        await serve(app, host=settings.host, port=settings.port if api else settings.consumer_port, loops=loops)
