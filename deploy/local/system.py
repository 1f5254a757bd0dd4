"""The whole system on this machine: PostgreSQL, Kafka, every process, ready or a clear reason why not."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import sqlalchemy.exc
from alembic.util.exc import CommandError

from deploy.local.child import LocalError, ProcessDied, inherited, run_to_end
from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.lock import hold_lock
from deploy.local.ports import remembered_port
from deploy.local.postgres import PostgresServer, open_postgres
from deploy.local.processes import APART, TOGETHER, WITH_DATABASE, Process, ports_of, services_of, targets_of
from deploy.local.prometheus import write_targets
from deploy.local.say import Say
from deploy.local.secrets import LocalSecrets, ensure_secrets, write_environment
from deploy.local.supervisor import Supervisor, open_supervisor
from libs.common.db import Unavailable, connect, migrate
from libs.common.kafka import Away, identify

__all__ = ["LOCAL", "ROOT", "TARGETS_FILE", "WITH_DATABASE", "System", "open_system"]

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local"
TARGETS_FILE = "targets.json"


@dataclass(frozen=True)
class System:
    """The running system; `environment` is what its processes were given."""

    secrets: LocalSecrets
    supervisor: Supervisor
    environment: Mapping[str, str]
    processes: Sequence[Process]
    postgres: PostgresServer | None
    kafka: KafkaServer | None
    log_dir: Path

    @property
    def gateway_url(self) -> str:
        """The public door."""
        return f"http://127.0.0.1:{self.environment['GATEWAY_PORT']}"

    @property
    def targets(self) -> Mapping[str, str]:
        """Where each process tells its metrics: job -> host:port, as `open_prometheus` takes them."""
        return targets_of(self.processes, self.environment)

    async def wait(self, of_end: Callable[[ProcessDied], None]) -> NoReturn:
        """Wait until PostgreSQL or Kafka ends, however it ends, and raise ProcessDied with its last lines.

        Each process of ours that ends is told of; the others go on, as they do in a deployment.
        """
        parts = [
            self.supervisor.tell(of_end),
            *(part.wait() for part in (self.postgres, self.kafka) if part is not None),
        ]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
        raise AssertionError("a part ended without saying so")

    def servers(self) -> list[Mapping[str, Any]]:
        """PostgreSQL and Kafka, where they are our own."""
        own = (("postgres", self.postgres), ("kafka", self.kafka))
        return [
            {"name": name, "state": "ready", "pid": server.pid, "port": server.port}
            for name, server in own
            if server is not None
        ]


@asynccontextmanager
async def open_system(
    say: Say, *, local: Path = LOCAL, cache: Path = LOCAL / "cache", apart: bool = False
) -> AsyncIterator[System]:
    """Start everything, load the reference data, and stop everything at the end.

    Each process runs apart, as in a deployment, or a service's processes together, which costs half as much.
    Data, logs, secrets and remembered ports lie under `local`, Kafka's jars under `cache`.
    DATABASE_URL_REGISTRY, _VISITS, _METRICS and KAFKA_BOOTSTRAP, where set, name servers to use instead of own ones.
    Raises LocalError with a clear line for whatever stands in the way.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_lock(local / "lock"))
        secrets = ensure_secrets(local / "secrets")
        processes = APART if apart else TOGETHER
        environment = _environment(processes, secrets, local, say)
        postgres, kafka = await _start_servers(stack, environment, secrets, local, cache, say)
        write_environment(local / "environment", environment)
        supervisor = await stack.enter_async_context(open_supervisor(local / "log"))
        system = System(secrets, supervisor, environment, processes, postgres, kafka, local / "log")
        write_targets(local / TARGETS_FILE, system.targets)
        say(f"starting {', '.join(each.name for each in processes)}")
        await supervisor.start(*services_of(processes, environment))
        say("everything is ready")
        yield system
        say("stopping")


def _environment(processes: Sequence[Process], secrets: LocalSecrets, local: Path, say: Say) -> dict[str, str]:
    ports = {
        variable: str(remembered_port(local / "ports.json", name, say))
        for variable, name in ports_of(processes).items()
    }
    urls = {name: f"http://127.0.0.1:{ports[f'{name.upper()}_PORT']}" for name in (*WITH_DATABASE, "gateway")}
    return {
        **ports,
        **{f"GATEWAY_{name.upper()}_URL": urls[name] for name in WITH_DATABASE},
        "GATEWAY_PUBLIC_URL": urls["gateway"],
        "REGISTRY_SIGNING_KEY_FILE": str(secrets.keys.signing),
        "REGISTRY_SEALING_KEYS_FILE": str(secrets.keys.sealing),
        "VISITS_PSEUDONYM_KEYS_FILE": str(secrets.keys.pseudonym),
        "METRICS_LIFT_KEYS_FILE": str(secrets.keys.lift),
    }


async def _start_servers(
    stack: AsyncExitStack, environment: dict[str, str], secrets: LocalSecrets, local: Path, cache: Path, say: Say
) -> tuple[PostgresServer | None, KafkaServer | None]:
    """Start Kafka while PostgreSQL is started and filled; what fails ends the other, too."""

    async def filled() -> PostgresServer | None:
        server = await _start_postgres(stack, environment, local, say)
        await _prepare(environment, secrets, say)
        return server

    try:
        async with asyncio.TaskGroup() as group:
            kafka = group.create_task(_start_kafka(stack, environment, local, cache, say))
            postgres = group.create_task(filled())
    except* LocalError as several:
        raise several.exceptions[0] from None
    return postgres.result(), kafka.result()


async def _start_postgres(
    stack: AsyncExitStack, environment: dict[str, str], local: Path, say: Say
) -> PostgresServer | None:
    names = {service: f"DATABASE_URL_{service.upper()}" for service in WITH_DATABASE}
    given = {name: os.environ[name] for name in names.values() if name in os.environ}  # noqa: TID251
    environment.update(given)
    for name, url in given.items():
        await _answers(name, url)
    if len(given) == len(names):
        say("PostgreSQL: using the servers of DATABASE_URL_…")
        return None
    port = remembered_port(local / "ports.json", "postgres", say)
    server = await stack.enter_async_context(open_postgres(local / "postgres", port=port, say=say))
    for service, name in names.items():
        if name not in given:
            await server.create_database(service)
            environment[name] = server.url(service)
    environment["WATCH_DATA_DIR"] = str(server.data_dir)  # On the disk that may fill up.
    say(f"PostgreSQL is up on port {server.port}")
    return server


async def _start_kafka(
    stack: AsyncExitStack, environment: dict[str, str], local: Path, cache: Path, say: Say
) -> KafkaServer | None:
    if given := os.environ.get("KAFKA_BOOTSTRAP"):  # noqa: TID251
        environment["KAFKA_BOOTSTRAP"] = given
        await _kafka_answers(given)
        say(f"Kafka: using {given}")
        return None
    port = remembered_port(local / "ports.json", "kafka", say)
    server = await stack.enter_async_context(open_kafka(local / "kafka", cache, port=port, say=say))
    environment["KAFKA_BOOTSTRAP"] = server.bootstrap
    say(f"Kafka is up on port {server.port}")
    return server


async def _answers(name: str, url: str) -> None:
    """Raise LocalError unless a given database answers: better now than after every service has tried."""
    try:
        connection = await connect(url, application_name="tungnha local")
    except (Unavailable, asyncpg.PostgresError, ValueError, sqlalchemy.exc.ArgumentError) as error:
        raise LocalError(f"{name}: the database does not answer ({error})") from None
    await connection.close()


async def _kafka_answers(bootstrap: str) -> None:
    try:
        await identify(bootstrap, [])
    except Away as error:
        raise LocalError(f"KAFKA_BOOTSTRAP: Kafka at {bootstrap} does not answer ({error})") from None


async def _run(environment: Mapping[str, str], *words: str) -> str:
    return await run_to_end([sys.executable, "-m", *words], env=inherited(environment), cwd=ROOT)


async def _prepare(environment: Mapping[str, str], secrets: LocalSecrets, say: Say) -> None:
    """Migrate the databases and load the reference data, which both need PostgreSQL alone."""

    for service in WITH_DATABASE:  # Here, for a process that only migrates spends its time on starting.
        await asyncio.to_thread(_migrate, service, environment[f"DATABASE_URL_{service.upper()}"])

    async def registry() -> None:
        loaded = await _run(environment, "services.registry", "load", "all", "--clients", str(secrets.clients_file))
        for line in loaded.splitlines():
            say(f"registry: {line}")

    async def metrics() -> None:
        loaded = await _run(environment, "services.metrics", "load-statements", str(ROOT / "data/seed_statements.csv"))
        say(f"metrics: {loaded.strip()}")

    await asyncio.gather(registry(), metrics())


def _migrate(service: str, url: str) -> None:
    try:
        migrate(url, ROOT / "services" / service / "migrations")
    except (Unavailable, CommandError) as error:
        raise LocalError(f"{service}: the database cannot be migrated ({error})") from error
