"""The composition root: opens resources and builds each process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.common import db
from libs.common.auth import Guard
from libs.common.http import build_app
from libs.common.pools import Pools
from libs.common.problem import Catalogue
from libs.common.process import Loop, Pulse, serve
from libs.common.relay import RelaySettings, run_relay
from libs.common.replica import Replica
from libs.common.schema import await_migration
from libs.common.sealing import CannotOpen, Sealer, load_sealer
from libs.common.telemetry import get_logger, new_registry
from libs.common.tracing import Tracing
from libs.common.tracing_opened import open_tracing
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from libs.contracts.registry import ClientV1, SigningKeyV1
from libs.contracts.topics import CLIENTS, TOPICS, Topic, type_of
from services.registry.api import Door, routes
from services.registry.api.parts import today
from services.registry.consumer import ImportWorker
from services.registry.settings import CommandSettings, Settings
from services.registry.use_cases import erasing
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.audited import AuditCount
from services.registry.use_cases.clients import Refused
from services.registry.use_cases.keep_reforms import keep_reforms
from services.registry.use_cases.keys import announce_key
from services.registry.use_cases.safe import Safe
from services.registry.use_cases.tokens import Signer, load_signer

__all__ = [
    "OWNER",
    "await_migrated",
    "catalogue",
    "forget_due",
    "guard_knows",
    "migrate",
    "open_database",
    "reseal_all",
    "run_api",
    "run_relay_alone",
    "today",
]

logger = get_logger(__name__)

OWNER = "registry"
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: CommandSettings) -> None:
    """Bring the database to the newest schema."""
    db.migrate(settings.database_url, MIGRATIONS)


async def await_migrated(settings: CommandSettings) -> None:
    """Wait until somebody else has migrated."""
    await await_migration(settings.database_url, MIGRATIONS)


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


async def _relay(
    settings: Settings, registry: CollectorRegistry, tracing: Tracing, pulse: Pulse, stop: asyncio.Event
) -> None:
    await run_relay(
        settings.database_url,
        settings.kafka,
        owner=OWNER,
        routes=topics(),
        settings=RelaySettings(
            announce_every_seconds=settings.announce_every_seconds,
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
        catalogue=catalogue(),
        routes=[],
        registry=registry,
        ready=lambda: {"relay": pulse.alive()},
        alive=lambda: {"relay": pulse.going()},
    )
    async with open_tracing(settings, OWNER, "relay", registry) as tracing:
        loops: dict[str, Loop] = {"relay": partial(_relay, settings, registry, tracing, pulse)}
        await serve(app, host=settings.host, port=settings.relay_port, loops=loops)


async def run_api(settings: Settings, *, with_relay: bool) -> None:
    """Serve HTTP; with the relay, everything in one process for one machine. Raises Refused without a good key."""
    registry = new_registry()
    async with open_tracing(settings, OWNER, "all" if with_relay else "api", registry) as tracing:
        await _run_api(settings, registry, tracing, with_relay=with_relay)


async def _run_api(settings: Settings, registry: CollectorRegistry, tracing: Tracing, *, with_relay: bool) -> None:
    signer, sealer, keeper = _signer(settings), _sealer(settings), Keeper()
    pulse, guard = Pulse(), Guard(settings.token_issuer)
    handlers = {type_of(ClientV1): guard.client_changed, type_of(SigningKeyV1): guard.key_changed}
    replica = Replica(settings.kafka, [CLIENTS], handlers, registry)
    loops: dict[str, Loop] = {"replica": replica.run}
    parts: dict[str, Callable[[], bool]] = {
        "registry": replica.ready.is_set,
        "signing_key": partial(guard_knows, guard, signer.kid),
    }
    if with_relay:
        loops["relay"] = partial(_relay, settings, registry, tracing, pulse)
        parts["relay"] = pulse.alive

    async with (
        db.open_engine(settings.database_url, application_name="registry api") as engine,
        _imports_engine(settings) as imports_engine,
    ):
        worker = ImportWorker(imports_engine, sealer, keeper, today)
        Pools(registry).add("api", engine).add("imports", imports_engine)
        loops |= {
            "forgetting": partial(_forget, engine, settings),
            "imports": worker.run,
            "audited": AuditCount(engine, registry).run,
            "reforms": partial(keep_reforms, engine, keeper, today, settings.reforms_every_seconds),
        }
        async with db.transaction(engine) as connection:
            await announce_key(connection, signer.public())
        await _read_map(imports_engine, keeper)
        app = build_app(
            catalogue=catalogue(),
            routes=routes(_door(engine, guard, parts), signer, keeper, sealer, worker.wake),
            operations=OPERATIONS,
            registry=registry,
            ready=lambda: {name: part() for name, part in parts.items()},
            alive=lambda: {"relay": pulse.going()} if with_relay else {},
            tracing=tracing,
        )
        await serve(app, host=settings.host, port=settings.port, loops=loops)


async def _read_map(engine: db.Engine, keeper: Keeper) -> None:
    """Read the whole map, for which the first who asks should not have to wait: for seconds, on a busy machine ten."""
    async with db.transaction(engine, readonly=True) as connection:
        await keeper.newest(connection)


def _door(engine: db.Engine, guard: Guard, parts: Mapping[str, Callable[[], bool]]) -> Door:
    return Door(engine, guard, lambda: parts["registry"]() and parts["signing_key"]())


def _imports_engine(settings: Settings) -> AbstractAsyncContextManager[db.Engine]:
    # A whole file is compared and written in one transaction.
    return db.open_engine(
        settings.database_url, application_name="registry imports", pool_size=1, transaction_timeout_seconds=60
    )


async def forget_due(engine: db.Engine, retention_months: int, told: Callable[[int], None]) -> int:
    """Erase who left long enough ago, each batch in a transaction of its own; tells the sum after each, gives it."""
    erased = 0
    while True:
        async with db.transaction(engine) as connection:
            batch = await erasing.erase_due(connection, today(), retention_months)
        if not batch:
            return erased
        erased += batch
        told(erased)


async def reseal_all(engine: db.Engine, settings: CommandSettings, told: Callable[[int, int], None]) -> int:
    """Seal every member under the newest key, each batch in a transaction of its own; tells how many are sealed and
    how many are left after each. Stopped and begun again it goes on. Raises Refused where a key is missing.
    """
    safe, done, left = Safe(_sealer(settings)), 0, 1
    while left:
        try:
            async with db.transaction(engine) as connection:
                rotated = await erasing.rotate(connection, safe)
        except CannotOpen as error:
            raise Refused(
                f"không mở được dữ liệu đã mã hóa: {error}", f"sealed data cannot be opened: {error}"
            ) from error
        done, left = done + rotated.sealed, rotated.left
        told(done, left)
    return done


async def _forget(engine: db.Engine, settings: Settings, stop: asyncio.Event) -> None:
    """Erase now and then who left long enough ago; with several replicas one does it at a time."""
    while not stop.is_set():
        try:
            erased = await forget_due(engine, settings.member_retention_months, lambda _: None)
            if erased:
                logger.info("members.erased", members=erased)
        except db.Unavailable as error:
            logger.warning("members.not_erased_now", error=str(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), settings.erase_every_seconds)


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


def _sealer(settings: CommandSettings) -> Sealer:
    if settings.sealing_keys_file is None:
        raise Refused(
            "thiếu REGISTRY_SEALING_KEYS_FILE: tệp khóa dạng hex, mỗi dòng một khóa ít nhất 32 byte",
            "REGISTRY_SEALING_KEYS_FILE is missing: keys in hexadecimal, one of at least 32 bytes a line",
        )
    try:
        return load_sealer(settings.sealing_keys_file)
    except ValueError as error:
        # What a line holds is not repeated: it may be most of a key.
        file = settings.sealing_keys_file
        raise Refused(f"tệp khóa {file} không đúng dạng hex", f"the keys of {file} are not hexadecimal") from error
