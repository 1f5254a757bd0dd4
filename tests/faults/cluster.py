"""The whole system as separate real processes on servers of its own, each of which can be killed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.child import inherited, run_to_end
from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer, open_postgres
from deploy.local.say import Say
from deploy.local.secrets import LocalSecrets, ensure_secrets
from deploy.local.system import LOCAL, ROOT
from libs.common.db import GONE, Unavailable, connect, is_gone
from tests.faults.kept import Kept, keep

__all__ = ["Cluster", "open_cluster"]

DATABASES = ("registry", "visits", "metrics")
# Name, words, and the variable of its port; a second relay or consumer is made when one is wanted.
PROCESSES = {
    "registry": ("services.registry", "all", "REGISTRY_PORT"),
    "visits api": ("services.visits", "api", "VISITS_PORT"),
    "visits consumer": ("services.visits", "consumer", "VISITS_CONSUMER_PORT"),
    "relay": ("services.visits", "relay", "VISITS_RELAY_PORT"),
    "metrics consumer": ("services.metrics", "consumer", "METRICS_CONSUMER_PORT"),
    "metrics api": ("services.metrics", "api", "METRICS_PORT"),
    "gateway": ("services.gateway", "api", "GATEWAY_PORT"),
}
QUERY_SECONDS, AWAY_SECONDS = 600.0, 60.0
READY_SECONDS = 120.0


@dataclass
class Cluster:
    """The running system."""

    postgres: PostgresServer
    kafka: KafkaServer
    secrets: LocalSecrets
    environment: Mapping[str, str]
    log_dir: Path
    processes: dict[str, Kept]

    @property
    def gateway_url(self) -> str:
        """The public door."""
        return f"http://127.0.0.1:{self.environment['GATEWAY_PORT']}"

    def another(self, name: str) -> Kept:
        """Make a second process of a kind, on a port of its own."""
        return _process(name, f"second {name}", self.environment, self.log_dir, free_port())

    async def ask(self, database: str, statement: str, *values: Any) -> list[Any]:
        """Give the rows of a query; PostgreSQL being away is waited out for a while."""
        deadline = asyncio.get_running_loop().time() + AWAY_SECONDS
        while True:
            try:
                # Half a million rows are compared with what was sent: that takes longer than a service may take.
                connection = await connect(
                    self.postgres.url(database),
                    application_name="faults",
                    transaction_timeout_seconds=QUERY_SECONDS,
                )
                try:
                    return await connection.fetch(statement, *values, timeout=QUERY_SECONDS)
                finally:
                    await connection.close(timeout=5)
            except (Unavailable, *GONE) as error:
                away = isinstance(error, Unavailable) or is_gone(error)
                if not away or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.05)

    async def command(self, *words: str) -> str:
        """Run an operator's command; raises LocalError with what it wrote where it fails."""
        return await _command(self.environment, *words)


def _process(name: str, called: str, environment: Mapping[str, str], log_dir: Path, port: int) -> Kept:
    module, word, variable = PROCESSES[name]
    env = {**environment, variable: str(port)}
    return Kept(called, ["-m", module, word], port, env, log_dir / f"{called.replace(' ', '-')}.log")


@asynccontextmanager
async def open_cluster(
    folder: Path, say: Say, *, postgres_dir: Path | None = None, kafka_dir: Path | None = None
) -> AsyncIterator[Cluster]:
    """Start everything on new data directories and stop everything at the end."""
    async with AsyncExitStack() as stack:
        secrets = ensure_secrets(folder / "secrets")
        opening = open_kafka(kafka_dir or folder / "kafka", LOCAL / "cache", say=_silent)
        starting = asyncio.ensure_future(stack.enter_async_context(opening))
        try:
            postgres = await stack.enter_async_context(open_postgres(postgres_dir or folder / "postgres", say=_silent))
            environment = _environment(postgres, secrets)
            await _prepare(postgres, secrets, environment)
        except BaseException:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            raise
        kafka = await starting
        environment["KAFKA_BOOTSTRAP"] = kafka.bootstrap
        processes = {
            name: _process(name, name, environment, folder / "log", int(environment[variable]))
            for name, (_, _, variable) in PROCESSES.items()
        }
        cluster = Cluster(postgres, kafka, secrets, environment, folder / "log", processes)
        await stack.enter_async_context(keep(*processes.values()))
        await asyncio.gather(*(process.until_ready(READY_SECONDS) for process in processes.values()))
        say(f"the system is up: PostgreSQL, Kafka and {len(processes)} processes; logs in {cluster.log_dir}")
        yield cluster


def _silent(_: str) -> None:
    """Say nothing."""


def _environment(postgres: PostgresServer, secrets: LocalSecrets) -> dict[str, str]:
    ports = {variable: str(free_port()) for _, _, variable in PROCESSES.values()}
    return {
        **ports,
        **{f"DATABASE_URL_{name.upper()}": postgres.url(name) for name in DATABASES},
        **{f"GATEWAY_{name.upper()}_URL": f"http://127.0.0.1:{ports[f'{name.upper()}_PORT']}" for name in DATABASES},
        "REGISTRY_SIGNING_KEY_FILE": str(secrets.keys.signing),
        "REGISTRY_SEALING_KEYS_FILE": str(secrets.keys.sealing),
        "VISITS_PSEUDONYM_KEYS_FILE": str(secrets.keys.pseudonym),
        "METRICS_LIFT_KEYS_FILE": str(secrets.keys.lift),
    }


async def _prepare(postgres: PostgresServer, secrets: LocalSecrets, environment: Mapping[str, str]) -> None:
    """Make the databases and load the reference data, which needs PostgreSQL alone."""
    for name in DATABASES:
        await postgres.create_database(name)

    async def registry() -> None:
        await _command(environment, "services.registry", "migrate")
        await _command(environment, "services.registry", "load", "all", "--clients", str(secrets.clients_file))

    others = (_command(environment, f"services.{name}", "migrate") for name in DATABASES if name != "registry")
    await asyncio.gather(registry(), *others)


async def _command(environment: Mapping[str, str], *words: str) -> str:
    return await run_to_end([sys.executable, "-m", *words], env=inherited(environment), cwd=ROOT)
