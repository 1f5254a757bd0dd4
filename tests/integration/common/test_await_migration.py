"""A process waits for its schema: not for one that is older than it, but never for one that is newer."""

import asyncio
from pathlib import Path

import pytest

from libs.common.db import Unavailable, connect, migrate
from libs.common.schema import await_migration
from tests.support.postgres import MakeDatabase

MIGRATIONS = Path(__file__).parents[3] / "services/visits/migrations"


async def _set_revision(url: str, revision: str) -> None:
    connection = await connect(url, application_name="test")
    await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
    await connection.close()


async def test_it_waits_while_the_database_is_empty_and_goes_on_once_it_is_migrated(
    make_database: MakeDatabase,
) -> None:
    url = await make_database("")
    waiting = asyncio.ensure_future(await_migration(url, MIGRATIONS, seconds=60))
    with pytest.raises(Unavailable, match="no schema yet"):
        await await_migration(url, MIGRATIONS, seconds=0)
    assert not waiting.done()
    await asyncio.to_thread(migrate, url, MIGRATIONS)
    await asyncio.wait_for(waiting, 30)


async def test_an_older_schema_is_waited_out_and_a_newer_one_is_good(make_database: MakeDatabase) -> None:
    url = await make_database("visits")
    await await_migration(url, MIGRATIONS, seconds=0)
    await _set_revision(url, "0001")
    with pytest.raises(Unavailable, match="0001"):
        await await_migration(url, MIGRATIONS, seconds=0)
    await _set_revision(url, "made by a newer version")
    await await_migration(url, MIGRATIONS, seconds=0)


async def test_a_database_that_is_not_there_yet_is_waited_for(make_database: MakeDatabase) -> None:
    with pytest.raises(Unavailable, match="nowhere"):
        await await_migration((await make_database("")).rsplit("/", 1)[0] + "/nowhere", MIGRATIONS, seconds=0)
