"""A backup is one set taken while everything runs; after a restore the numbers are those of the restored log."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.postgres import open_postgres
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
        there.urls = {name: other.url(name) for name in there.urls}
        yield there


async def test_restored_to_an_earlier_moment_on_the_same_kafka_nothing_later_is_counted(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, lost_file = tmp_path / "backup", tmp_path / "lost.csv"
    await place.start()
    await _write(place, 3, 1)
    assert await place.ops("backup", str(folder)) == 0
    then = await _records(place.urls["visits"])
    later = [a_visit() for _ in range(3)]
    await _write(place, 2, 2)
    async with open_visits(place.urls["visits"]) as visits:
        # One that is in the backup is changed after it: same record, a higher revision in Kafka and in metrics.
        known = next(iter(then))
        answer = await visits.post(f"/v1/visits/{known}:void", {"id": later[0]["id"], "replaces": then[known][0]})
        if answer.status != 200:
            answer = await visits.post(
                f"/v1/partner-reports/{known}:void", {"id": later[0]["id"], "replaces": then[known][0]}, client="bank"
            )
        assert answer.status == 200, answer.body
    await place.until_folded()

    assert await place.ops("restore", str(folder), "--yes") == 1, "services are connected"
    assert "ops watch" not in capsys.readouterr().err
    await place.stop()
    async with open_visits(place.urls["visits"]) as visits:
        await visits.send(*later[1:])  # Neither relayed nor folded: the old log alone knows.
    now, used = await _records(place.urls["visits"]), await _epoch(place)
    assert await place.ops("restore", str(folder)) == 1, "it would destroy something"
    assert await _records(place.urls["visits"]) == now
    assert await place.ops("restore", str(folder), "--yes", "--lost", str(lost_file)) == 0
    assert await _records(place.urls["visits"]) == then
    lines = lost_file.with_stem("lost-visits").read_text().splitlines()
    told = {row["record_id"] for row in csv.DictReader(lines)}
    assert told == {record for record, newest in now.items() if then.get(record) != newest}
    first = await _epoch(place)
    assert first > used

    await place.start()
    assert await place.ops("restore", str(folder), "--check", "--wait", "90") == 0
    await place.counts_what_the_log_says()
    (unknown,) = await place.row("metrics", "SELECT count(*) FROM heads")
    assert unknown == len({record for record in then} - await _held(place)), (
        "metrics counts a record that the log does not know"
    )
    async with open_visits(place.urls["visits"]) as visits:
        again = await visits.send(*later[1:])
        assert [receipt["status"] for receipt in again] == ["accepted", "accepted"]
    await place.until_folded()
    await place.counts_what_the_log_says()

    await place.stop()
    assert await place.ops("restore", str(folder), "--yes", "--lost", str(tmp_path / "second.csv")) == 0
    assert await _epoch(place) > first


async def _held(place: Place) -> set[str]:
    connection = await connect(place.urls["visits"], application_name="ops watch")
    rows = await connection.fetch("SELECT record_id::text FROM log GROUP BY 1 HAVING bool_and(held)")
    await connection.close()
    return {row["record_id"] for row in rows}
