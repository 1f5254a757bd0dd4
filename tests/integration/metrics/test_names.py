"""Numbers that stand for names: remembered once committed, never those of another database."""

import asyncio
from uuid import UUID, uuid4

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from deploy.local.system import ROOT
from libs.common.db import Connection, connect
from services.metrics.store.fold import begin_fold
from services.metrics.store.names import Names, number_names
from tests.support.metrics import BANK, TEAMS, WARD, a_line, a_record, open_metrics, person, pseudonym
from tests.support.postgres import MakeDatabase

WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


async def _numbered(connection: Connection, ids: set[UUID], codes: set[str]) -> Names:
    begun = await begin_fold(connection)
    await connection.execute("INSERT INTO heads VALUES ($1, 1, 0)", uuid4())
    return await number_names(connection, begun.book, ids, codes)


async def test_a_number_that_was_rolled_back_is_not_remembered(make_database: MakeDatabase) -> None:
    connection = await connect(await make_database("metrics"), application_name="test")
    rolled_back = connection.transaction()
    await rolled_back.start()
    await _numbered(connection, {WARD}, {"MEASURE-1"})
    await rolled_back.rollback()
    async with connection.transaction():
        again = await _numbered(connection, {TEAMS[0], WARD}, {"MEASURE-2", "MEASURE-1"})
    ids = dict(map(tuple, await connection.fetch("SELECT id, number FROM ids")))
    codes = dict(map(tuple, await connection.fetch("SELECT code, number FROM codes")))
    await connection.close()
    assert (again.ids, again.codes) == (ids, codes)


async def test_names_of_one_database_have_other_numbers_in_another(make_database: MakeDatabase) -> None:
    for ids in (list(TEAMS), list(reversed(TEAMS))):
        connection = await connect(await make_database("metrics"), application_name="test")
        for one in ids:
            async with connection.transaction():
                found = await _numbered(connection, {one}, {str(one)})
            assert found.ids[one] == await connection.fetchval("SELECT number FROM ids WHERE id = $1", one)
            assert found.codes[str(one)] == await connection.fetchval(
                "SELECT number FROM codes WHERE code = $1", str(one)
            )
        await connection.close()


async def test_two_folds_that_meet_a_new_name_at_once_use_one_number(make_database: MakeDatabase) -> None:
    url = await make_database("metrics")
    first, second = [await connect(url, application_name="test") for _ in range(2)]
    holding = first.transaction()
    await holding.start()
    made = await _numbered(first, {WARD}, {"NEW"})
    async with second.transaction():
        waiting = asyncio.ensure_future(_numbered(second, {WARD}, {"NEW"}))
        async with asyncio.timeout(10):
            while not await first.fetchval(WAITING):  # noqa: ASYNC110  PostgreSQL cannot set an event of ours
                await asyncio.sleep(0.01)
        await holding.commit()
        assert await waiting == made
    await first.close()
    await second.close()


async def _rows(url: str, *queries: str) -> list[list[tuple[object, ...]]]:
    connection = await connect(url, application_name="test")
    try:
        return [[tuple(row) for row in await connection.fetch(query)] for query in queries]
    finally:
        await connection.close()


def _to(url: str, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / "metrics" / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    (command.downgrade if down else command.upgrade)(config, revision)


async def test_a_database_of_before_keeps_every_fact_and_cell(make_database: MakeDatabase) -> None:
    url = await make_database("metrics")
    named = "SELECT * FROM named_facts ORDER BY record_id, line", "SELECT * FROM named_cells ORDER BY day, measure"
    async with open_metrics(url) as metrics:
        lines = [
            a_line(1, stage="activated", person=person(national_id="one")),
            a_line(2, measure="FLD-08", platform=None),
        ]
        await metrics.fold(a_record(1, *lines, household=pseudonym("home")), a_record(2, a_line(), day="2025-05-11"))
        await metrics.fold(a_record(2, a_line(quantity=3), day="2025-05-11", revision=2, reporter=BANK))
    facts, cells = await _rows(url, *named)
    assert (len(facts), len(cells)) == (4, 4)
    await asyncio.to_thread(_to, url, "0003", down=True)
    columns = "record_id, line, unit_id, measure, platform, reporter_id, stage"
    older = f"SELECT {columns} FROM facts ORDER BY record_id, line"
    assert [row[:5] for row in (await _rows(url, older))[0]] == [row[:5] for row in facts]
    await asyncio.to_thread(_to, url, "head")
    assert await _rows(url, *named) == [facts, cells]
