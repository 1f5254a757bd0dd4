"""A registry of each test's own: its database, its commands, its API, and a guard that hears what its log says."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from libs.common.auth import Guard
from libs.common.db import Engine, open_engine, transaction
from libs.common.http import build_app
from libs.common.log import BEGINNING
from libs.common.sealing import Sealer
from libs.contracts.registry import ClientV1, SigningKeyV1
from libs.contracts.topics import type_of
from services.registry.api import Door, routes
from services.registry.store import log
from services.registry.use_cases import keys, loading
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.loading import Load, Loaded
from services.registry.use_cases.tokens import load_signer, make_key
from services.registry.wiring import catalogue, guard_knows
from tests.support.network import EDGES, UNITS, Land
from tests.support.postgres import MakeDatabase

DATA = Path(__file__).parents[3] / "data"


@dataclass
class Registry:
    """What a test has in hand."""

    url: str
    engine: Engine
    guard: Guard
    app: ASGIApp

    async def load(self, load: Load, *files: tuple[str, bytes]) -> list[Loaded]:
        """Load files as the command does, in one transaction; the guard hears of it."""
        async with transaction(self.engine) as connection:
            loaded = await load(connection, *files)
        await self.tell()
        return loaded

    async def load_client(self, client_id: str, **values: Any) -> None:
        """Load a file with one client."""
        row = {"client_id": client_id, "name": client_id, "kind": "portal", "scopes": ["registry:read"], **values}
        await self.load(loading.load_clients, ("clients.json", json.dumps([row]).encode()))

    async def tell(self) -> None:
        """Tell the guard what the log says, as the topic would."""
        async with transaction(self.engine) as connection:
            for head in (await log.heads(connection, type_of(ClientV1))).values():
                self.guard.client_changed(head.body, BEGINNING)
            for head in (await log.heads(connection, type_of(SigningKeyV1))).values():
                self.guard.key_changed(head.body, BEGINNING)

    async def rows(self) -> int:
        """Count the rows of the log."""
        async with transaction(self.engine) as connection:
            count: int = await connection.fetchval("SELECT count(*) FROM log")
            return count


async def the_tree(url: str) -> None:
    """Load the map, the catalogue, partners and teams of the tree into an empty registry, as the commands do."""
    async with open_engine(url, application_name="test tree", transaction_timeout_seconds=60) as engine:
        for load, *names in (
            (loading.load_map, "admin_units.csv", "admin_lineage.csv"),
            (loading.load_catalogue, "catalogue.toml", "indicators.toml"),
            (loading.load_partners, "partners.toml"),
            (loading.load_teams, "teams_sa_dec.csv"),
        ):
            async with transaction(engine) as connection:
                await load(connection, *_files(*names))


def _files(*names: str) -> Sequence[tuple[str, bytes]]:
    return [(name, (DATA / name).read_bytes()) for name in names]


@asynccontextmanager
async def open_registry(url: str, folder: Path) -> AsyncIterator[Registry]:
    """Open an empty registry whose signing key is known."""
    key = folder / "key.pem"
    make_key(key)
    signer = load_signer(key, issuer="tungnha")
    sealer = Sealer((b"k" * 32,))
    guard = Guard("tungnha")
    async with open_engine(url, application_name="test registry", transaction_timeout_seconds=60) as engine:
        async with transaction(engine) as connection:
            await keys.announce_key(connection, signer.public())
        door = Door(engine, guard, lambda: guard_knows(guard, signer.kid))
        app = build_app(
            catalogue=catalogue(),
            routes=routes(door, signer, Keeper(), sealer),
            registry=CollectorRegistry(),
            ready=dict,
        )
        made = Registry(url, engine, guard, app)
        await made.tell()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def registry(
    request: pytest.FixtureRequest, make_database: MakeDatabase, tmp_path: Path
) -> AsyncIterator[Registry]:
    """A registry of the test's own: empty, or, marked `tree`, with what the tree has."""
    fill = the_tree if request.node.get_closest_marker("tree") else None
    async with open_registry(await make_database("registry", fill), tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def land(registry: Registry) -> Land:
    """The registry with a small land in it, and its officers."""
    files = (("units.csv", UNITS.encode()), ("lineage.csv", EDGES.encode()))
    await registry.load(loading.load_map, *files)
    return Land(registry.app, registry.guard)
