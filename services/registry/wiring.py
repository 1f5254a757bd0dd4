"""The composition root: opens resources and builds each process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.common import db
from libs.common.auth import Guard
from libs.common.http import build_app
from libs.common.problem import Catalogue
from libs.common.process import Loop, Pulse, serve
from libs.common.relay import RelaySettings, run_relay
from libs.common.replica import Replica
from libs.common.sealing import Sealer, load_sealer
from libs.common.telemetry import new_registry
from libs.contracts.problems import entries
from libs.contracts.registry import ClientV1, SigningKeyV1
from libs.contracts.topics import CLIENTS, TOPICS, Topic, type_of
from services.registry.api import Door, routes
from services.registry.api.parts import today
from services.registry.consumer import ImportWorker
from services.registry.settings import CommandSettings, Settings
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.clients import Refused
from services.registry.use_cases.keys import announce_key
from services.registry.use_cases.tokens import Signer, load_signer

__all__ = ["OWNER", "catalogue", "guard_knows", "migrate", "open_database", "run_api", "run_relay_alone"]

OWNER = "registry"
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: CommandSettings) -> None:
    """Bring the database to the newest schema."""
    db.migrate(settings.database_url, MIGRATIONS)


@asynccontextmanager
async def open_database(settings: CommandSettings) -> AsyncIterator[db.Engine]:
    """Open the database for a command, which may hold a whole file's transaction."""
    async with db.open_engine(
        settings.database_url, application_name="registry command", pool_size=1, transaction_timeout_seconds=60
    ) as engine:
        yield engine


def catalogue() -> Catalogue:
    """Give every error code with its sentences."""
    return Catalogue.of(entries())


def topics() -> dict[str, Topic]:
    """Give the topic of each event type that the registry owns."""
    return {type_of(contract): topic for topic in TOPICS if topic.owner == OWNER for contract in topic.carries}


async def _relay(settings: Settings, registry: CollectorRegistry, pulse: Pulse, stop: asyncio.Event) -> None:
    await run_relay(
        settings.database_url,
        settings.kafka_bootstrap,
        owner=OWNER,
        routes=topics(),
        settings=RelaySettings(
            announce_every_seconds=settings.announce_every_seconds, replication=settings.kafka_replication
        ),
        registry=registry,
        stop=stop,
        beat=pulse.beat,
    )


async def run_relay_alone(settings: Settings) -> None:
    """Relay, with health and metrics on a port of its own."""
    registry, pulse = new_registry(), Pulse()
    app = build_app(catalogue=catalogue(), routes=[], registry=registry, ready=lambda: {"relay": pulse.alive()})
    loops: dict[str, Loop] = {"relay": partial(_relay, settings, registry, pulse)}
    await serve(app, host=settings.host, port=settings.relay_port, loops=loops)


async def run_api(settings: Settings, *, with_relay: bool) -> None:
    """Serve HTTP; with the relay, everything in one process for one machine. Raises Refused without a good key."""
    signer, sealer = _signer(settings), _sealer(settings)
    registry, pulse = new_registry(), Pulse()
    guard = Guard(issuer=settings.token_issuer)
    handlers = {type_of(ClientV1): guard.client_changed, type_of(SigningKeyV1): guard.key_changed}
    replica = Replica(settings.kafka_bootstrap, [CLIENTS], handlers, registry)
    loops: dict[str, Loop] = {"replica": replica.run}
    parts: dict[str, Callable[[], bool]] = {
        "registry": replica.ready.is_set,
        "signing_key": lambda: guard_knows(guard, signer.kid),
    }
    if with_relay:
        loops["relay"] = partial(_relay, settings, registry, pulse)
        parts["relay"] = pulse.alive

    async with (
        db.open_engine(settings.database_url, application_name="registry api") as engine,
        # A whole file is compared and written in one transaction.
        db.open_engine(
            settings.database_url, application_name="registry imports", pool_size=1, transaction_timeout_seconds=60
        ) as imports_engine,
    ):
        keeper = Keeper()
        worker = ImportWorker(imports_engine, sealer, keeper, today)
        loops["imports"] = worker.run
        async with db.transaction(engine) as connection:
            await announce_key(connection, signer.public())
            # The whole map takes a second or two, for which the first who asks should not have to wait.
            await keeper.newest(connection)
        door = Door(engine, guard, lambda: parts["registry"]() and parts["signing_key"]())
        app = build_app(
            catalogue=catalogue(),
            routes=routes(door, signer, keeper, sealer, worker.wake),
            registry=registry,
            ready=lambda: {name: part() for name, part in parts.items()},
        )
        await serve(app, host=settings.host, port=settings.port, loops=loops)


def guard_knows(guard: Guard, kid: str) -> bool:
    """Say whether a key has come back to us by its topic, as it comes to everyone."""
    return any(jwk["kid"] == kid for jwk in guard.jwks()["keys"])


def _signer(settings: Settings) -> Signer:
    if settings.signing_key_file is None:
        raise Refused(
            "thiếu REGISTRY_SIGNING_KEY_FILE; tạo khóa bằng: python -m services.registry make-key FILE",
            "REGISTRY_SIGNING_KEY_FILE is missing; make a key with: python -m services.registry make-key FILE",
        )
    return load_signer(settings.signing_key_file, issuer=settings.token_issuer)


def _sealer(settings: Settings) -> Sealer:
    if settings.sealing_keys_file is None:
        raise Refused(
            "thiếu REGISTRY_SEALING_KEYS_FILE: tệp khóa dạng hex, mỗi dòng một khóa ít nhất 32 byte",
            "REGISTRY_SEALING_KEYS_FILE is missing: keys in hexadecimal, one of at least 32 bytes a line",
        )
    return load_sealer(settings.sealing_keys_file)
