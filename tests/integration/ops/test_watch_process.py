"""The watch as a whole: what it tells of three real databases, and what it no longer tells of one that is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import make_url

from deploy.ops.databases import open_databases
from deploy.ops.watch import declared
from deploy.ops.watch.process import Intervals, Watch
from deploy.ops.watch.settings import WatchSettings
from libs.common.db import connect, open_engine, transaction
from libs.common.log import append
from libs.common.telemetry import new_registry, render
from libs.contracts.registry import UnitV1
from libs.contracts.topics import type_of
from services.registry.events import Event
from tests.integration.ops.conftest import Both, execute
from tests.support.postgres import MakeDatabase

QUICK = Intervals(conservation=0.01, held=0.05, server=0.05, size=0, provinces=0)
UNKNOWN_TEAM = str(UUID(int=91, version=4))
Told = dict[tuple[str, ...], float]
NONE_OPEN: Told = {("registry",): 0, ("visits",): 0, ("metrics",): 0}


@pytest_asyncio.fixture
async def settings(both: Both, make_database: MakeDatabase, tmp_path: Path) -> WatchSettings:
    return WatchSettings(
        registry_url=await make_database("registry"),
        visits_url=both.visits_url,
        metrics_url=both.metrics_url,
        sweep_rows_per_second=1_000_000,
        sweep_every_seconds=0.1,
        data_dir=tmp_path,
    )


@asynccontextmanager
async def _watching(settings: WatchSettings) -> AsyncIterator[Watch]:
    stop = asyncio.Event()
    async with open_databases(settings.urls(), command="watch", connections=3, seconds=5) as engines:
        watch = Watch(engines, settings, new_registry(), QUICK)
        async with asyncio.TaskGroup() as group:
            for loop in watch.loops().values():
                group.create_task(loop(stop))  # type: ignore[arg-type]
            try:
                yield watch
            finally:
                stop.set()


def _told(watch: Watch, name: str) -> Told:
    """Read the exposition as Prometheus does: values by those of the labels, which come in the order of their names."""
    text = render(watch.registry)[0].decode()
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def _until_so(condition: Callable[[], bool], what: object) -> None:
    deadline = asyncio.get_running_loop().time() + 30
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within 30 s: {what}")
        await asyncio.sleep(0.02)


async def _until(watch: Watch, name: str, told: Told) -> None:
    await _until_so(lambda: _told(watch, name) == told, (name, told))


async def _until_any(watch: Watch, *names: str) -> None:
    await _until_so(lambda: all(_told(watch, name) for name in names), names)


async def test_every_gauge_is_told_of_a_running_system(both: Both, settings: WatchSettings) -> None:
    await _a_province(settings.registry_url)
    await both.send(10)
    await both.send(3, team=UNKNOWN_TEAM)
    await both.delivery.all()
    async with transaction(both.visits.engine) as connection:
        records = await connection.fetchval("SELECT count(DISTINCT record_id) FROM log WHERE NOT held")
    assert records > 10, "devices and what is held have their records, too"
    async with _watching(settings) as watch:
        by_place: Told = {("log",): records, ("folded",): records, ("waiting",): 0, ("dead",): 0}
        await _until(watch, "conservation_records", by_place)
        await _until_any(watch, *(gauge.name for gauge in declared.GAUGES), declared.CHECKED.name, declared.WAL.name)
        assert _told(watch, "conservation_missing_records") == {(): 0}
        assert _told(watch, "conservation_unknown_records") == {(): 0}
        assert _told(watch, "log_unfolded_records") == {(): 0}
        assert _told(watch, "log_unfolded_seconds") == {(): 0}
        assert _told(watch, "held_records")["team",] == 3
        assert _told(watch, "held_oldest_seconds")["team",] > 0
        assert _told(watch, "database_up") == {("registry",): 1, ("visits",): 1, ("metrics",): 1}
        assert _told(watch, "dead_letters")["tungnha.visits.records",] == 0
        assert _told(watch, "province_info") == {("Tỉnh Đồng Tháp", "82"): 1}
        assert _told(watch, "database_size_bytes")["visits",] > 1_000_000
        assert _told(watch, "database_connections")["metrics", "used"] > 0
        assert _told(watch, "disk_free_bytes")["data",] < _told(watch, "disk_size_bytes")["data",]


async def _a_province(url: str) -> None:
    """Make a province of today, and one that ended."""
    units = [("82", "Tỉnh Đồng Tháp", None), ("87", "Tỉnh Đồng Tháp cũ", date(2025, 7, 1))]
    async with open_engine(url, application_name="test registry") as engine, transaction(engine) as connection:
        for code, name, end in units:
            unit_id = uuid4()
            unit = UnitV1(
                unit_id=unit_id,
                revision=1,
                code=code,
                level="province",
                type="tinh",
                name=name,
                short_name=name,
                valid_from=None,
                valid_to=end,
                parent_id=None,
                path=[unit_id],
                within=[unit_id],
                successors=[],
            )
            await append(connection, [Event(unit_id, 1, type_of(UnitV1), unit.model_dump_json().encode())])


async def test_what_waits_while_nobody_folds_grows_older(both: Both, settings: WatchSettings) -> None:
    async with _watching(settings) as watch:
        await _until(watch, "log_unfolded_seconds", {(): 0})
        await both.send(4)
        await _until(watch, "log_unfolded_records", {(): 5})
        await _until_any(watch, "log_unfolded_seconds")
        first = _told(watch, "log_unfolded_seconds")[()]
        await _until_so(lambda: _told(watch, "log_unfolded_seconds")[()] > first, "it grows")
        await both.delivery.all()
        await _until(watch, "log_unfolded_seconds", {(): 0})


async def test_of_a_database_that_is_away_nothing_is_told_but_that_and_all_again_once_it_is_back(
    both: Both, settings: WatchSettings, make_database: MakeDatabase
) -> None:
    await both.send(5)
    await both.delivery.all()
    elsewhere = await make_database("")
    async with _watching(settings) as watch:
        await _until_any(watch, "conservation_missing_records", "dead_letters", "cells")
        await _close(elsewhere, both.metrics_url, closed=True)
        await _until(watch, "database_up", {("registry",): 1, ("visits",): 1, ("metrics",): 0})
        for name in ("conservation_missing_records", "log_unfolded_seconds", "dead_letters", "cells"):
            await _until(watch, name, {})
        assert {labels[0] for labels in _told(watch, "database_connections")} == {"registry", "visits"}
        assert _told(watch, "held_records"), "what is of another database is still told"
        await _close(elsewhere, both.metrics_url, closed=False)
        await _until(watch, "conservation_missing_records", {(): 0})
        await _until_any(watch, "dead_letters", "cells", "database_connections")


async def _close(server_url: str, url: str, *, closed: bool) -> None:
    """Let nobody into a database any more, and end whoever is in it; or let everybody in again."""
    name = make_url(url).database
    await execute(server_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {"false" if closed else "true"}')
    if closed:
        await execute(
            server_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1::text", name
        )


async def test_a_writing_transaction_that_stays_open_is_seen_and_one_that_only_reads_is_not(
    both: Both, settings: WatchSettings
) -> None:
    connection = await connect(both.visits_url, application_name="test", transaction_timeout_seconds=60)
    try:
        async with _watching(settings) as watch:
            await _until(watch, "database_oldest_transaction_seconds", NONE_OPEN)
            async with connection.transaction():
                await connection.execute("SELECT pg_current_xact_id()")
                await _until_so(
                    lambda: _told(watch, "database_oldest_transaction_seconds").get(("visits",), 0) > 0, "it is seen"
                )
            await _until(watch, "database_oldest_transaction_seconds", NONE_OPEN)
    finally:
        await connection.close()


async def test_a_role_that_can_only_read_is_enough(both: Both, settings: WatchSettings) -> None:
    """The role is made by the SQL of docs/operating.md, word for word."""
    blocks = _role_sql()
    await both.send(3)
    await both.delivery.all()
    name, urls = f"watch_{uuid4().hex[:8]}", settings.urls()
    for place, sql in blocks.items():
        for statement in sql.replace("tungnha_watch", name).split(";"):
            if statement.strip():
                await execute(urls.get(place, both.visits_url), statement)
    reading = {
        f"{service}_url": make_url(url).set(username=name, password="SECRET").render_as_string(hide_password=False)
        for service, url in urls.items()
    }
    async with _watching(settings.model_copy(update=reading)) as watch:
        await _until(watch, "conservation_missing_records", {(): 0})
        await _until_any(watch, "held_records", "dead_letters", "database_size_bytes", "cells")
        await _until(watch, "database_up", {("registry",): 1, ("visits",): 1, ("metrics",): 1})
        await _until_any(watch, "database_oldest_transaction_seconds")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await execute(reading["metrics_url"], "DELETE FROM heads")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(reading["visits_url"], "SELECT body FROM log")


def _role_sql() -> dict[str, str]:
    """Give the SQL for the role, by where it is to be run."""
    text = (Path(__file__).parents[3] / "docs/operating.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```sql\n-- watch: ")[1:]]
    return {block.split("\n", 1)[0]: block.split("\n", 1)[1] for block in blocks}
