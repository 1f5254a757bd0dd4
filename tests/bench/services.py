"""The real processes, each started by itself, on the run's servers: new databases, new topics."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.child import inherited, run_to_end
from deploy.local.kafka import KafkaServer
from deploy.local.ports import free_port
from deploy.local.secrets import LocalSecrets, ensure_secrets
from deploy.local.supervisor import Service, Supervisor, open_supervisor
from deploy.local.system import ROOT, WITH_DATABASE
from libs.contracts.topics import TOPICS
from tests.bench.bench import Bench

__all__ = ["ALL", "Services", "open_services"]

ENTRY = {
    "registry": ("services.registry", "all", "REGISTRY_PORT"),
    "gateway": ("services.gateway", "api", "GATEWAY_PORT"),
    "visits-api": ("services.visits", "api", "VISITS_PORT"),
    "visits-relay": ("services.visits", "relay", "VISITS_RELAY_PORT"),
    "visits-consumer": ("services.visits", "consumer", "VISITS_CONSUMER_PORT"),
    "metrics-api": ("services.metrics", "api", "METRICS_PORT"),
    "metrics-consumer": ("services.metrics", "consumer", "METRICS_CONSUMER_PORT"),
}
"""Each process by its name here: module, command, the variable of its port."""

ALL = tuple(ENTRY)
TOKEN_SECONDS = 240.0  # Tokens live for 300.
GONE_SECONDS = 30.0


@dataclass
class Services:
    """Running processes; made by `open_services`."""

    supervisor: Supervisor
    environment: Mapping[str, str]
    secrets: LocalSecrets
    kafka: KafkaServer
    names: tuple[str, ...]
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Give the address of a process."""
        return f"http://127.0.0.1:{self.environment[ENTRY[name][2]]}"

    def database_url(self, service: str) -> str:
        """Give the address of a service's database."""
        return self.environment[f"DATABASE_URL_{service.upper()}"]

    def pids(self, *names: str) -> dict[str, int]:
        """Give the process ids of some processes, of all without names."""
        return {name: self.supervisor.pid(name) for name in names or self.names}

    async def token(self, client: str) -> str:
        """Give a token of a client of `deploy.local.secrets`, asked for at the gateway, good for a minute or more."""
        asked, token = self._tokens.get(client, (0.0, ""))
        if not token or time.monotonic() - asked > TOKEN_SECONDS:
            asked = time.monotonic()
            headers = {"authorization": aiohttp.encode_basic_auth(*self.secrets.clients[client])}
            form = {"grant_type": "client_credentials"}
            async with (
                aiohttp.ClientSession(raise_for_status=True) as http,
                http.post(f"{self.url('gateway')}/oauth/token", data=form, headers=headers) as answer,
            ):
                token = (await answer.json())["access_token"]
            self._tokens[client] = (asked, token)
        return token

    async def headers(self, client: str) -> dict[str, str]:
        """Give the header that carries a client's token."""
        return {"authorization": f"Bearer {await self.token(client)}"}


UNSAMPLED = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # Nobody is there, nor asked: nothing is chosen.
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0",
}


@asynccontextmanager
async def open_services(
    bench: Bench,
    *names: str,
    label: str = "services",
    kafka: KafkaServer | None = None,
    databases: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> AsyncIterator[Services]:
    """Start the registry with its reference data and the processes named, and stop them at the end.

    `kafka` is another broker than the run's, `databases` gives a service another database than a new one, `quiet`
    takes the work out of the Prometheus metrics (see quiet.py) and leaves tracing off; else it is on, with no request
    chosen: what everybody pays. Logs lie in a folder of the label's name.
    """
    folder = bench.run_dir / label
    broker = kafka or await bench.kafka()
    await _delete_topics(broker.bootstrap)
    secrets = ensure_secrets(folder / "secrets")
    ports = {variable: str(free_port()) for _, _, variable in ENTRY.values()}
    urls = {name: (databases or {}).get(name) or await bench.database(name) for name in WITH_DATABASE}
    environment = {
        **ports,
        **{f"DATABASE_URL_{name.upper()}": url for name, url in urls.items()},
        **{f"GATEWAY_{name.upper()}_URL": f"http://127.0.0.1:{ports[f'{name.upper()}_PORT']}" for name in urls},
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        "REGISTRY_SIGNING_KEY_FILE": str(secrets.keys.signing),
        "REGISTRY_SEALING_KEYS_FILE": str(secrets.keys.sealing),
        "VISITS_PSEUDONYM_KEYS_FILE": str(secrets.keys.pseudonym),
        **({} if quiet else UNSAMPLED),
    }
    await _run(environment, "services.registry", "load", "all", "--clients", str(secrets.clients_file))
    wanted = tuple(name for name in ENTRY if name in ("registry", *names))
    async with open_supervisor(folder / "log") as supervisor:
        launcher = ["-m", "tests.bench.quiet"] if quiet else ["-m"]
        parts = [
            Service(name, [*launcher, *ENTRY[name][:2]], int(ports[ENTRY[name][2]]), environment) for name in wanted
        ]
        await supervisor.start(parts[0])  # It makes the topics that the others read from the beginning.
        await supervisor.start(*parts[1:])
        yield Services(supervisor, environment, secrets, broker, wanted)


async def _run(environment: Mapping[str, str], *words: str) -> None:
    await run_to_end([sys.executable, "-m", *words], env=inherited(environment), cwd=ROOT)


async def _delete_topics(bootstrap: str) -> None:
    """Delete what services before these have sent on the same broker, and wait until it is gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = {topic.name for topic in TOPICS}
        deadline = asyncio.get_running_loop().time() + GONE_SECONDS
        if found := names & set(await admin.list_topics()):
            await admin.delete_topics(sorted(found))
        while names & set(await admin.list_topics()):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"Kafka still has {', '.join(sorted(names))}")
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
