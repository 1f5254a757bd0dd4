"""A real PostgreSQL for the session, and a fresh, migrated database for whoever asks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import PostgresServer, open_postgres
from libs.common.db import migrate

__all__ = ["Fill", "MakeDatabase", "make_database", "postgres"]

SERVICES = Path(__file__).parents[2] / "services"

# What is committed need not outlive a power cut here; nothing that transactions promise one another is changed.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}

Fill = Callable[[str], Awaitable[None]]


class MakeDatabase(Protocol):
    """Gives the URL of a new database: that of a service migrated, that of "" empty.

    What fills one, given its URL, does so once for all who ask for the same.
    """

    async def __call__(self, service: str, fill: Fill | None = None) -> str: ...


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A server of this session's own."""
    folder = tmp_path_factory.mktemp("postgres")
    async with open_postgres(folder / "data", say=lambda _: None, settings=FORGETFUL) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def make_database(postgres: PostgresServer) -> MakeDatabase:
    """Make databases; each service is migrated once, and filled once, and copied from then on."""
    templates: dict[tuple[str, Fill | None], str] = {("", None): "template0"}
    lock = asyncio.Lock()

    async def template(service: str, fill: Fill | None) -> str:
        name = f"template_{uuid.uuid4().hex[:12]}"
        if fill is None:
            await postgres.create_database(name)
            await asyncio.to_thread(migrate, postgres.url(name), SERVICES / service / "migrations")
        else:
            await copy(await known(service, None), name)
            await fill(postgres.url(name))
        return name

    async def known(service: str, fill: Fill | None) -> str:
        if (service, fill) not in templates:
            templates[service, fill] = await template(service, fill)
        return templates[service, fill]

    async def copy(old: str, new: str) -> None:
        connection = await asyncpg.connect(postgres.url("postgres"))
        try:
            await connection.execute(f'CREATE DATABASE "{new}" TEMPLATE {old}')
        finally:
            await connection.close()

    async def make(service: str, fill: Fill | None = None) -> str:
        async with lock:
            old = await known(service, fill)
        name = f"t_{uuid.uuid4().hex[:12]}"
        await copy(old, name)
        return postgres.url(name)

    return make
