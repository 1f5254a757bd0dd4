"""The composition root: opens resources, builds each process."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from libs.common.announcing import announce
from libs.common.auth import Guard
from libs.common.db import Engine, open_engine, transaction
from libs.common.db import migrate as run_migrations
from libs.common.http import build_app
from libs.common.log import BEGINNING
from libs.common.pools import Pools
from libs.common.problem import Catalogue
from libs.common.process import Loop, Pulse, serve
from libs.common.relay import RelaySettings, run_relay
from libs.common.replica import Replica
from libs.common.schema import await_migration
from libs.common.telemetry import new_registry
from libs.common.tracing import Tracing
from libs.common.tracing_opened import open_tracing
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from libs.contracts.topics import CATALOGUE, CLIENTS, TEAMS, UNITS, WAVES
from services.visits import events, store
from services.visits.api import Resources, routes
from services.visits.consumer import Settler, handlers
from services.visits.domain.directory import Directory
from services.visits.domain.identity import KeyChain
from services.visits.settings import ApiSettings, CommandSettings, Settings
from services.visits.use_cases.lift import lift_page
from services.visits.use_cases.received import Received

__all__ = ["announce_all", "await_migrated", "lift_log", "migrate", "run", "run_relay_alone"]

MIGRATIONS = Path(__file__).parent / "migrations"

LIFTED_AT_ONCE = 1000


def migrate(settings: CommandSettings) -> None:
    """Bring the database to the newest revision."""
    run_migrations(settings.database_url, MIGRATIONS)


async def await_migrated(settings: CommandSettings) -> None:
    """Wait until somebody else has migrated."""
    await await_migration(settings.database_url, MIGRATIONS)


def _keys(path: Path) -> KeyChain:
    """Read the key chain; raises ValueError for a file without keys or with one that is too short."""
    return KeyChain(tuple(bytes.fromhex(line) for line in path.read_text().split()))


async def announce_all(settings: CommandSettings) -> None:
    """Have the relay send every record again."""
    async with (
        open_engine(settings.database_url, application_name="visits announce", pool_size=1) as engine,
        transaction(engine) as connection,
    ):
        await announce(connection)


async def lift_log(database_url: str, keys_file: Path, told: Callable[[int, int], None]) -> int:
    """Lift every record to the newest key, a page a transaction, and have the relay send all of them again.

    Stopped, it goes on when run again. `told` is given how many are lifted and how many there were to lift.
    """
    keys, lifted, after = _keys(keys_file), 0, BEGINNING
    async with open_engine(database_url, application_name="visits lift", pool_size=1) as engine:
        async with transaction(engine, readonly=True) as connection:
            behind = await store.count_behind(connection, keys.level)
        while True:
            async with transaction(engine) as connection:
                rows, after = await lift_page(connection, keys, after, LIFTED_AT_ONCE)
            if not rows:
                break
            lifted += rows
            told(lifted, behind)
        async with transaction(engine) as connection:
            await announce(connection)
    return lifted


async def _relay(
    settings: Settings, registry: CollectorRegistry, tracing: Tracing, pulse: Pulse, stop: asyncio.Event
) -> None:
    await run_relay(
        settings.database_url,
        settings.kafka,
        owner="visits",
        routes=events.ROUTES,
        settings=RelaySettings(
            send_timeout_seconds=settings.relay_send_timeout_seconds,
            replication=settings.kafka_replication,
            make_topics=settings.kafka_make_topics,
            tracing=tracing,
        ),
        registry=registry,
        stop=stop,
        beat=pulse.beat,
    )


async def run_relay_alone(settings: Settings) -> None:
    """Relay, with health and metrics on a port of its own."""
    registry, pulse = new_registry(), Pulse()
    app = build_app(
        catalogue=Catalogue.of(entries()),
        routes=(),
        registry=registry,
        ready=lambda: {"relay": pulse.alive()},
        alive=lambda: {"relay": pulse.going()},
    )
    async with open_tracing(settings, "visits", "relay", registry) as tracing:
        loops: dict[str, Loop] = {"relay": partial(_relay, settings, registry, tracing, pulse)}
        await serve(app, host=settings.host, port=settings.relay_port, loops=loops)


def _engine(settings: Settings) -> AbstractAsyncContextManager[Engine]:
    return open_engine(
        settings.database_url,
        application_name="visits",
        pool_size=settings.pool_size,
        transaction_timeout_seconds=settings.transaction_seconds,
    )


async def run(settings: Settings, *, consumer: bool, relay: bool) -> None:
    """Run the API or the consumer, or everything in one process for one machine, until told to stop.

    The API is served where the settings are its own.
    """
    registry = new_registry()
    process = "all" if relay else "consumer" if consumer else "api"
    async with open_tracing(settings, "visits", process, registry) as tracing:
        await _run(settings, registry, tracing, consumer=consumer, relay=relay)


async def _run(
    settings: Settings, registry: CollectorRegistry, tracing: Tracing, *, consumer: bool, relay: bool
) -> None:
    catalogue = Catalogue.of(entries())
    directory, guard = Directory(), Guard(settings.token_issuer)
    changed = asyncio.Event()
    topics = [UNITS, TEAMS, WAVES, CATALOGUE, CLIENTS]
    replica = Replica(settings.kafka, topics, handlers(directory, guard), registry, changed.set)
    loops: dict[str, Loop] = {"replica": replica.run}
    parts: dict[str, Callable[[], bool]] = {"registry": replica.ready.is_set}
    pulses: dict[str, Pulse] = {}
    if relay:
        relaying = pulses["relay"] = Pulse()
        loops["relay"], parts["relay"] = partial(_relay, settings, registry, tracing, relaying), relaying.alive
    async with _engine(settings) as engine:
        if consumer:
            settler = Settler(engine, directory, guard.root_of, changed)
            settling = pulses["settle"] = Pulse()
            loops["settle"] = partial(settler.run, replica, settling.beat)
            parts["settle"] = settling.alive
        Pools(registry).add("visits", engine)
        served: Sequence[BaseRoute] = ()
        port = settings.consumer_port
        if isinstance(settings, ApiSettings):
            port = settings.port
            keys, received = _keys(settings.pseudonym_keys_file), Received.on(registry, directory)
            served = routes(Resources(engine, guard, directory, keys, catalogue, received, replica.ready.is_set))
        app = build_app(
            catalogue=catalogue,
            routes=served,
            operations=OPERATIONS,
            registry=registry,
            ready=lambda: {name: part() for name, part in parts.items()},
            alive=lambda: {name: pulse.going() for name, pulse in pulses.items()},
            tracing=tracing,
        )
        await serve(app, host=settings.host, port=port, loops=loops)
