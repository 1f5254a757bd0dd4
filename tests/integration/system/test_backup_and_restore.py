"""A backup is one set taken while everything runs; after a restore the numbers are those of the restored log."""

import asyncio
import csv
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.postgres import open_postgres
from deploy.ops.grant_watch import ROLE
from libs.common.db import connect
from tests.integration.system.conftest import fill
from tests.integration.system.places import Place, open_place
from tests.support.counting import expected
from tests.support.postgres import MakeDatabase
from tests.support.visits import a_visit, open_visits

pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture
async def place(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Place]:
    async with open_place(tmp_path / "here", make_database) as here:
        yield here


async def _write(place: Place, batches: int, seed: int) -> None:
    async with open_visits(place.urls["visits"]) as visits:
        await fill(visits, batches, seed)


async def _records(url: str) -> dict[str, tuple[int, int]]:
    """Give each record's newest revision and edition."""
    connection = await connect(url, application_name="ops watch")
    rows = await connection.fetch(
        """SELECT DISTINCT ON (record_id) record_id::text, revision, edition FROM log WHERE kind <> 'progress'
           ORDER BY record_id, revision DESC, edition DESC"""
    )
    await connection.close()
    return {row["record_id"]: (row["revision"], row["edition"]) for row in rows}


async def _epoch(place: Place) -> int:
    (epoch,) = await place.row("visits", "SELECT epoch FROM log_epoch")
    assert isinstance(epoch, int)
    return epoch


def _manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return told


STATEMENT = """INSERT INTO statements (id, revision, source, indicator, qualifier, value, unit_of_count, shape,
    province_code, unit_codes, sum_of, flags)
    VALUES ('said', 1, 'paper', 'X', 'exact', 7, 'install', 'as_of', '87', '{}', '{}', '{}')"""


@pytest.mark.parametrize("with_metrics", [False, True], ids=["metrics anew", "metrics whole"])
async def test_a_backup_taken_while_rows_come_in_is_restored_to_other_servers(
    place: Place, tmp_path: Path, make_database: MakeDatabase, with_metrics: bool
) -> None:
    await place.start()
    await _write(place, 2, 1)
    await place.run("metrics", STATEMENT)
    writing = asyncio.ensure_future(_write(place, 3, 2))
    folder = tmp_path / "backup"
    assert await place.ops("backup", str(folder), *(["--with-metrics"] if with_metrics else [])) == 0
    await writing
    await place.stop()
    async with _another_place(tmp_path, make_database) as there:
        assert await there.ops("restore", str(folder)) == 0  # Nothing is there that could be destroyed.
        assert await _epoch(there) > await _epoch(place)
        assert await there.row("metrics", "SELECT id, value FROM statements") == ("said", 7)
        for name, table in (("visits", "log_position"), ("metrics", "heads")):
            assert await there.row(name, f"SELECT has_table_privilege('{ROLE}', '{table}', 'SELECT')") == (True,)
        await there.start()
        assert await there.ops("restore", str(folder), "--check", "--wait", "90") == 0
        await there.counts_what_the_log_says()
        numbers = _manifest(folder)["numbers"]["quantity"]
        wanted = await expected(there.urls["visits"])
        assert sum(numbers.values()) == sum(wanted.quantity.values())
        async with open_visits(there.urls["visits"]) as visits:
            (receipt,) = await visits.send(a_visit())
        assert receipt["status"] == "accepted"
        await there.until_folded()
        await there.counts_what_the_log_says()


@asynccontextmanager
async def _another_place(folder: Path, make_database: MakeDatabase) -> AsyncIterator[Place]:
    """Open another PostgreSQL, on which no database exists yet, and another Kafka."""
    async with (
        open_postgres(folder / "postgres", say=lambda _: None) as other,
        open_place(folder / "there", make_database) as there,
    ):
        connection = await connect(other.url("postgres"), application_name="test")
        await connection.execute(f"CREATE ROLE {ROLE}")
        await connection.close()
        there.urls = {name: other.url(name) for name in there.urls}
        yield there


async def test_restored_to_an_earlier_moment_on_the_same_kafka_nothing_later_is_counted(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, lost_file = tmp_path / "backup", tmp_path / "lost.csv"
    await place.start()
    await _write(place, 3, 1)
    assert await place.ops("backup", str(folder)) == 0
    then, later = await _records(place.urls["visits"]), [a_visit() for _ in range(2)]
    await _write(place, 2, 2)
    await _void(place, *next(iter(then.items())))
    await place.until_folded()
    assert await place.ops("restore", str(folder), "--yes") == 1, "services are connected"
    assert "in use by: " in capsys.readouterr().err
    await place.stop()
    async with open_visits(place.urls["visits"]) as visits:
        await visits.send(*later)  # Neither relayed nor folded: the old log alone knows.
    now, used = await _records(place.urls["visits"]), await _epoch(place)
    assert await place.ops("restore", str(folder)) == 1, "it would destroy something"
    assert await _records(place.urls["visits"]) == now
    assert await place.ops("restore", str(folder), "--yes", "--lost", str(lost_file)) == 0
    assert await _records(place.urls["visits"]) == then
    assert _lost(lost_file) == {record for record, newest in now.items() if then.get(record) != newest}
    first = await _epoch(place)
    assert first > used

    await place.start()
    assert await place.ops("restore", str(folder), "--check", "--wait", "90") == 0
    await place.counts_what_the_log_says()
    assert await place.row("metrics", "SELECT count(*) FROM heads") == (len(then.keys() - await _held(place)),)
    async with open_visits(place.urls["visits"]) as visits:
        again = await visits.send(*later)
        assert [receipt["status"] for receipt in again] == ["accepted", "accepted"]
    await place.until_folded()
    await place.counts_what_the_log_says()

    await place.stop()
    assert await place.ops("restore", str(folder), "--yes", "--lost", str(tmp_path / "second.csv")) == 0
    assert await _epoch(place) > first


async def test_where_the_restore_was_made_by_other_means_what_must_follow_is_one_command(
    place: Place, tmp_path: Path
) -> None:
    lost_file = tmp_path / "lost.csv"
    await place.start()
    await _write(place, 2, 1)
    await place.until_folded()
    await place.stop()
    then = await _records(place.urls["visits"])
    yesterday = await _copy(place.urls["visits"])
    await place.start()
    await _write(place, 2, 2)
    await _void(place, *next(iter(then.items())))
    await place.until_folded()
    await place.stop()
    now, used = await _records(place.urls["visits"]), await _epoch(place)
    folded = now.keys() - await _held(place)

    place.urls["visits"] = yesterday
    assert await place.ops("after-restore", "visits") == 1, "it would destroy something"
    assert await place.ops("after-restore", "visits", "--yes", "--lost", str(lost_file)) == 0
    assert await _epoch(place) > used
    assert _lost(lost_file) == {record for record in folded if then.get(record) != now[record]}
    await place.start()
    await place.until_folded()
    await place.counts_what_the_log_says()
    await _write(place, 1, 2)  # Devices send again what they sent.
    await place.until_folded()
    await place.counts_what_the_log_says()


async def _void(place: Place, record: str, newest: tuple[int, int]) -> None:
    """Change a record that is in a backup: the same record, a higher revision in Kafka and in metrics."""
    async with open_visits(place.urls["visits"]) as visits:
        change = {"id": str(uuid.uuid4()), "replaces": newest[0]}
        answers = [
            await visits.post(f"/v1/{kind}/{record}:void", change, client=client)
            for kind, client in (("visits", "app"), ("partner-reports", "bank"))
        ]
    assert 200 in [answer.status for answer in answers], [answer.body for answer in answers]


def _lost(file: Path) -> set[str]:
    lines = file.with_stem(f"{file.stem}-visits").read_text().splitlines()
    return {row["record_id"] for row in csv.DictReader(lines)}


async def _copy(url: str) -> str:
    """Copy a database that nobody uses, as a disk's image does."""
    server, _, name = url.rpartition("/")
    connection = await connect(f"{server}/postgres", application_name="test copy")
    await connection.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    await connection.close()
    return f"{url}_copy"


async def _held(place: Place) -> set[str]:
    connection = await connect(place.urls["visits"], application_name="ops watch")
    rows = await connection.fetch("SELECT record_id::text FROM log GROUP BY 1 HAVING bool_and(held)")
    await connection.close()
    return {row["record_id"] for row in rows}
