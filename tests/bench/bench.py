"""What every measurement is given: how many rounds, a line to say, and the servers, opened once for all."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.lock import hold_lock
from deploy.local.postgres import PostgresServer, open_postgres
from deploy.local.system import LOCAL, ROOT
from libs.common.db import migrate

__all__ = ["CACHE", "Bench", "open_bench"]

CACHE = LOCAL / "cache"


@dataclass
class Bench:
    """One run. Its servers are new, on the local disk, with fsync; `local / "run"` is deleted at the next run."""

    codes: frozenset[str]
    rounds: int
    say: Callable[[str], None]
    local: Path
    stack: AsyncExitStack
    _postgres: PostgresServer | None = None
    _kafka: KafkaServer | None = None
    _templates: dict[str, str] = field(default_factory=dict)
    _databases: int = 0

    def wants(self, code: str) -> bool:
        """Say whether a measurement was asked for."""
        return code in self.codes

    @property
    def run_dir(self) -> Path:
        """What this run alone needs."""
        return self.local / "run"

    async def postgres(self) -> PostgresServer:
        """Give the run's PostgreSQL, with fsync on."""
        if self._postgres is None:
            opening = open_postgres(self.run_dir / "postgres", say=self.say)
            self._postgres = await self.stack.enter_async_context(opening)
        return self._postgres

    async def kafka(self) -> KafkaServer:
        """Give the run's Kafka."""
        if self._kafka is None:
            opening = open_kafka(self.run_dir / "kafka", CACHE, say=self.say)
            self._kafka = await self.stack.enter_async_context(opening)
        return self._kafka

    async def database(self, service: str) -> str:
        """Give the URL of a new database: that of a service migrated, that of "" empty."""
        server = await self.postgres()
        if service and service not in self._templates:
            name = self._templates[service] = f"template_{service}"
            await server.create_database(name)
            await asyncio.to_thread(migrate, server.url(name), ROOT / "services" / service / "migrations")
        self._databases += 1
        name = f"bench_{self._databases}_{service or 'empty'}"
        connection = await asyncpg.connect(server.url("postgres"), ssl=False)
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {self._templates.get(service, "template0")}')
        finally:
            await connection.close()
        return server.url(name)


@asynccontextmanager
async def open_bench(
    codes: frozenset[str], *, rounds: int, say: Callable[[str], None], local: Path
) -> AsyncIterator[Bench]:
    """Hold the folder's lock and begin with an empty folder for the run; everything is stopped at the end."""
    with hold_lock(local / "lock"):
        shutil.rmtree(local / "run", ignore_errors=True)
        async with AsyncExitStack() as stack:
            yield Bench(codes, rounds, say, local, stack)
