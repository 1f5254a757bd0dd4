"""The cached databases: a world of a size is loaded once, measured in copies, and made again when its makers change."""

import asyncio
import hashlib
import multiprocessing
import re
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from deploy.local.child import LocalError
from deploy.local.postgres import PostgresServer, open_postgres
from deploy.local.system import ROOT
from libs.common.db import Connection, migrate
from libs.contracts.topics import RECORDS
from tests.bench.bench import CACHE
from tests.bench.world.field import PARTITIONS, SEED, VERSION, Field
from tests.bench.world.load import load_partition
from tests.bench.world.processes import open_stage

__all__ = ["Worlds", "open_worlds"]

MIGRATIONS = ROOT / "services" / "metrics" / "migrations"
TOLD_EVERY_SECONDS = 10
LOADERS = 2
NOTHING = replace(RECORDS, name="bench.nothing", partitions=1)
ROLL_UP_SECONDS = 900
ROLLED_UP = """SELECT begun AND NOT EXISTS (SELECT FROM rollup_units WHERE ready < 2)
    AND (SELECT coalesce(sum(entries), 0) FROM fold_changes) < 50000 FROM rollup_state"""
Say = Callable[[str], None]


def _key() -> str:
    """Name what a world is made by: the generator, its seed, the schema."""
    digest = hashlib.sha256(f"{VERSION} {SEED}".encode())
    for file in sorted((MIGRATIONS / "versions").glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


@dataclass(frozen=True)
class Worlds:
    """The server with the cached databases; nothing is ever written to these, only to copies."""

    folder: Path
    server: PostgresServer
    say: Say
    key: str

    async def ensure(self, facts: int) -> str:
        """Give the name of the database of a world, which is loaded if it is not there yet."""
        name = f"world_{facts}_{self.key}"
        if name not in await self._names():
            await self._load(facts, name)
        return name

    async def copy(self, facts: int, name: str) -> str:
        """Copy a world to a database of this name, which replaces any such; gives its URL."""
        world = await self.ensure(facts)
        await self.drop(name)
        await self._run(f'CREATE DATABASE "scratch_{name}" TEMPLATE "{world}" STRATEGY FILE_COPY')
        return self.server.url(f"scratch_{name}")

    async def drop(self, name: str) -> None:
        """Drop a copy."""
        await self._run(f'DROP DATABASE IF EXISTS "scratch_{name}" WITH (FORCE)')

    async def clean(self) -> None:
        """Drop what an earlier run left, and the worlds of other makers."""
        for name in await self._names():
            if re.match("scratch_|(world|loading)_", name) and not name.endswith(f"_{self.key}"):
                await self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _load(self, facts: int, name: str) -> None:
        loading = name.replace("world", "loading", 1)
        url, begun = self.server.url(loading), time.monotonic()
        self.say(f"world of {facts:,} facts: loading it, once")
        await self.server.create_database(loading)
        await asyncio.to_thread(migrate, url, MIGRATIONS)
        loop = asyncio.get_running_loop()
        async with open_stage(self.folder / "stage", CACHE) as stage, stage.processes() as supervisor:
            await stage.fill([], NOTHING)
            with ProcessPoolExecutor(LOADERS, mp_context=multiprocessing.get_context("spawn")) as pool:
                parts = [loop.run_in_executor(pool, load_partition, url, facts, n) for n in range(PARTITIONS)]
                await self._watch(loading, facts, asyncio.gather(*parts))
            # Only now: what a roll-up says of a world that is still being loaded is made anew again and again.
            await supervisor.start(stage.consumer(url, NOTHING))
            await self._rolled_up(loading)
        async with self._connected(loading) as connection:
            await connection.execute("VACUUM (ANALYZE)")
            await connection.execute("CHECKPOINT")
            size, loaded = await connection.fetchrow(
                "SELECT pg_size_pretty(pg_database_size(current_database())), (SELECT count(*) FROM facts)"
            )  # type: ignore[misc]
        await self._run(f'ALTER DATABASE "{loading}" RENAME TO "{name}"')
        self.say(f"world of {facts:,} facts: {loaded:,} loaded in {time.monotonic() - begun:.0f} s, {size}")

    async def _watch(self, database: str, facts: int, loading: asyncio.Future[list[None]]) -> None:
        """Say how far loading has come, until it has ended."""
        expected = Field(facts).messages
        begun, before, first = time.monotonic(), 0.0, None
        async with self._connected(database) as connection:
            while not (await asyncio.wait([loading], timeout=TOLD_EVERY_SECONDS))[0]:
                done = await connection.fetchval("SELECT coalesce(sum(next), 0)::bigint FROM inbox")
                if first is None:
                    first, before = done, time.monotonic() - begun
                elif done > first:
                    left = (expected - done) / (done - first) * (time.monotonic() - begun - before)
                    self.say(
                        f"  {min(0.99, done / expected):.0%} of about {expected:,.0f} messages, {left:.0f} s to go"
                    )
        loading.result()

    async def _rolled_up(self, database: str) -> None:
        """Wait until the consumer, which has only this to do here, has brought the roll-ups near the present."""
        async with self._connected(database) as connection:
            deadline = time.monotonic() + ROLL_UP_SECONDS
            while not await connection.fetchval(ROLLED_UP):
                if time.monotonic() > deadline:
                    raise LocalError(f"the roll-ups of {database} are not made after {ROLL_UP_SECONDS} s")
                await asyncio.sleep(1)

    async def _names(self) -> list[str]:
        async with self._connected("postgres") as connection:
            return [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")]

    async def _run(self, statement: str) -> None:
        async with self._connected("postgres") as connection:
            await connection.execute(statement)

    @asynccontextmanager
    async def _connected(self, database: str) -> AsyncIterator[Connection]:
        # Whole databases are copied and vacuumed here, which takes longer than any transaction may otherwise.
        unbounded = {"transaction_timeout": "0"}
        connection = await asyncpg.connect(self.server.url(database), ssl=False, server_settings=unbounded)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def open_worlds(folder: Path, say: Say) -> AsyncIterator[Worlds]:
    """Open the server of the cached databases, with fsync on, as everywhere."""
    async with open_postgres(folder / "postgres", say=say) as server:
        worlds = Worlds(folder, server, say, _key())
        await worlds.clean()
        yield worlds
