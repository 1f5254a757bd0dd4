"""The composition root: opens resources, builds each process."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from libs.common.auth import Guard
from libs.common.db import migrate as run_migrations
from libs.common.db import open_engine, transaction
from libs.common.http import build_app
from libs.common.problem import Catalogue, Sentence
from libs.common.process import Loop, Pulse, serve
from libs.common.relay import RelaySettings, announce, run_relay
from libs.common.replica import Replica
from libs.common.telemetry import new_registry
from libs.contracts.problems import entries
from libs.contracts.topics import CATALOGUE, CLIENTS, TEAMS, UNITS
from services.visits import events
from services.visits.api import Resources, routes
from services.visits.consumer import handlers, settle_loop
from services.visits.domain.directory import Directory
from services.visits.domain.identity import KeyChain
from services.visits.settings import Settings

__all__ = ["announce_all", "migrate", "run"]


def migrate(settings: Settings) -> None:
    """Bring the database to the newest revision."""
    run_migrations(settings.database_url, Path(__file__).parent / "migrations")


def _keys(path: Path) -> KeyChain:
    return KeyChain(tuple(bytes.fromhex(line) for line in path.read_text().split()))


async def announce_all(settings: Settings) -> None:
    """Have the relay send every record again."""
    async with (
        open_engine(settings.database_url, application_name="visits announce", pool_size=1) as engine,
        transaction(engine) as connection,
    ):
        await announce(connection)


async def run(settings: Settings, *, api: bool, consumer: bool, relay: bool) -> None:
    """Run the parts asked for in one process, until told to stop."""
    registry = new_registry()
    catalogue = Catalogue({code: Sentence(**entry) for code, entry in entries().items()})
    directory, guard = Directory(), Guard(settings.token_issuer)
    parts: dict[str, Callable[[], bool]] = {}
    loops: dict[str, Loop] = {}
    async with open_engine(
        settings.database_url,
        application_name="visits",
        pool_size=settings.pool_size,
        transaction_timeout_seconds=settings.transaction_seconds,
    ) as engine:
        changed = asyncio.Event()
        if api or consumer:
            replica = Replica(
                settings.kafka_bootstrap,
                [UNITS, TEAMS, CATALOGUE, CLIENTS],
                handlers(directory, guard),
                registry,
                changed.set,
            )
            loops["replica"] = replica.run
            parts["registry"] = replica.ready.is_set
        if consumer:
            settling = Pulse()

            async def settle(stop: asyncio.Event) -> None:
                await replica.until_ready(stop)
                await settle_loop(engine, directory, guard.root_of, stop, changed, settling.beat)

            loops["settle"] = settle
            parts["settle"] = settling.alive
        if relay:
            relaying = Pulse()

            async def relay_records(stop: asyncio.Event) -> None:
                await run_relay(
                    settings.database_url,
                    settings.kafka_bootstrap,
                    owner="visits",
                    routes=events.ROUTES,
                    settings=RelaySettings(
                        send_timeout_seconds=settings.relay_send_timeout_seconds,
                        replication=settings.kafka_replication,
                    ),
                    registry=registry,
                    stop=stop,
                    beat=relaying.beat,
                )

            loops["relay"] = relay_records
            parts["relay"] = relaying.alive
        resources = Resources(
            engine, guard, directory, _keys(settings.pseudonym_keys_file), catalogue, parts.get("registry", bool)
        )
        app = build_app(
            catalogue=catalogue,
            routes=routes(resources) if api else (),
            registry=registry,
            ready=lambda: {name: part() for name, part in parts.items()},
        )
        port = settings.port if api else settings.consumer_port if consumer else settings.relay_port
        await serve(app, host=settings.host, port=port, loops=loops)
