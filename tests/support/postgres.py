"""A real PostgreSQL for the session, and a fresh, migrated database for whoever asks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import PostgresServer, open_postgres
from libs.common.db import migrate

__all__ = ["MakeDatabase", "make_database", "postgres"]

SERVICES = Path(__file__).parents[2] / "services"

# What is committed need not outlive a power cut here; nothing that transactions promise one another is changed.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}

MakeDatabase = Callable[[str], Awaitable[str]]
"""Gives the URL of a new database: that of a service migrated, that of "" empty."""


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A server of this session's own."""
    folder = tmp_path_factory.mktemp("postgres")
    async with open_postgres(folder / "data", say=lambda _: None, settings=FORGETFUL) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def make_database(postgres: PostgresServer) -> MakeDatabase:
    """Make databases; each service is migrated once and copied from then on."""
    templates: dict[str, str] = {}
    lock = asyncio.Lock()

    async def make(service: str) -> str:
        async with lock:
            if service and service not in templates:
                await postgres.create_database(f"template_{service}")
                url = postgres.url(f"template_{service}")
                await asyncio.to_thread(migrate, url, SERVICES / service / "migrations")
                templates[service] = f"template_{service}"
        name = f"t_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(postgres.url("postgres"))
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {templates.get(service, "template0")}')
        finally:
            await connection.close()
        return postgres.url(name)

    return make
