"""Databases of all three services, a Kafka beside them, processes on both: one place to run at."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.ports import free_port
from deploy.local.supervisor import Service, Supervisor, open_supervisor
from deploy.ops.__main__ import main
from libs.common.db import connect
from libs.common.log import Position
from libs.contracts.topics import RECORDS
from tests.integration.system.conftest import until
from tests.support.counting import counted, expected
from tests.support.kafka import CACHE
from tests.support.postgres import MakeDatabase

__all__ = ["Place", "open_place"]

END = """SELECT log.epoch, log.xid::text::bigint, log.seq FROM log
         ORDER BY log.epoch DESC, log.xid DESC, log.seq DESC LIMIT 1"""
FOLDED = f"SELECT epoch, xid, seq FROM inbox WHERE topic = '{RECORDS.name}' ORDER BY epoch, xid, seq LIMIT 1"


@dataclass
class Place:
    """One place: `urls` by service."""

    kafka: KafkaServer
    supervisor: Supervisor
    urls: dict[str, str]
    keys_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What its processes and its operator's commands are given."""
        return {
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            **{f"DATABASE_URL_{name.upper()}": url for name, url in self.urls.items()},
            "VISITS_PSEUDONYM_KEYS_FILE": str(self.keys_file),
            "VISITS_RELAY_SEND_TIMEOUT_SECONDS": "2",
        }

    async def start(self) -> None:
        """Start the relays and the consumer of metrics as processes of their own."""
        await self.supervisor.start(*(self._process(*each) for each in PROCESSES))

    async def stop(self) -> None:
        """Stop all of them."""
        await self.supervisor.stop()

    def _process(self, service: str, process: str, variable: str) -> Service:
        port = free_port()
        return Service(
            f"{service}-{process}",
            ["-m", f"services.{service}", process],
            port,
            {**self.environment, variable: str(port)},
        )

    async def ops(self, *words: str) -> int:
        """Run an operator's command as in a shell of this place; gives its exit code."""
        with pytest.MonkeyPatch.context() as shell:
            for name, value in self.environment.items():
                shell.setenv(name, value)
            return await asyncio.to_thread(main, words)

    async def row(self, service: str, statement: str) -> Sequence[object]:
        """Read one row."""
        connection = await connect(self.urls[service], application_name="ops watch")
        try:
            return tuple(await connection.fetchrow(statement) or ())
        finally:
            await connection.close()

    async def run(self, service: str, statement: str) -> None:
        """Run statements."""
        connection = await connect(self.urls[service], application_name="test")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def until_folded(self) -> None:
        """Wait until metrics has folded the log to its end."""
        end = Position(*await self.row("visits", END))  # type: ignore[arg-type]

        async def folded() -> bool:
            return (*await self.row("metrics", FOLDED),) >= tuple(end)

        await until(folded, "everything is folded", 90)

    async def counts_what_the_log_says(self) -> None:
        """Compare every fact, cell and device's progress with the log."""
        wanted, found = await expected(self.urls["visits"]), await counted(self.urls["metrics"])
        assert wanted.facts
        for part in ("facts", "quantity", "unknown", "people", "households", "progress"):
            assert getattr(found, part) == getattr(wanted, part), part


PROCESSES = (
    ("registry", "relay", "REGISTRY_RELAY_PORT"),
    ("visits", "relay", "VISITS_RELAY_PORT"),
    ("metrics", "consumer", "METRICS_CONSUMER_PORT"),
)


def _keys_in(folder: Path) -> Path:
    folder.mkdir()
    keys_file = folder / "keys.txt"
    keys_file.write_text("6b" * 32)
    return keys_file


@asynccontextmanager
async def open_place(folder: Path, make_database: MakeDatabase) -> AsyncIterator[Place]:
    """Make a place; its databases are migrated."""
    keys_file = _keys_in(folder)
    urls = {name: await make_database(name) for name in ("registry", "visits", "metrics")}
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(open_kafka(folder / "kafka", CACHE, say=lambda _: None))
        supervisor = await stack.enter_async_context(open_supervisor(folder / "log"))
        yield Place(kafka, supervisor, urls, keys_file)
