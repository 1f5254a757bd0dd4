"""The watch's role gets what docs/operating.md says, by a command that may run after every migration."""

import asyncio

import pytest

from deploy.ops.__main__ import main
from deploy.ops.grant_watch import GRANTS, MAKING
from libs.common.db import connect
from tests.integration.ops.test_watch_process import _role_sql
from tests.support.postgres import MakeDatabase


def test_the_command_that_grants_says_what_the_page_says() -> None:
    told = _role_sql()
    for service, statements in GRANTS.items():
        assert [" ".join(each.split()) for each in told[service].split(";")[:-1]] == [*statements]
    assert MAKING.split() == told["once on each server"].split()


async def test_the_command_grants_once_the_role_is_there(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await make_database("visits")
    monkeypatch.setenv("DATABASE_URL_VISITS", url)
    statement = (
        "SELECT has_column_privilege('tungnha_watch', 'log', 'record_id', 'SELECT')"
        " AND NOT has_column_privilege('tungnha_watch', 'log', 'body', 'SELECT')"
    )
    connection = await connect(url, application_name="test")
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = 'tungnha_watch'"):
        assert await asyncio.to_thread(main, ["grant-watch", "visits"]) == 1
        assert MAKING in capsys.readouterr().err, "the refusal says how the role is made"
        await connection.execute("CREATE ROLE tungnha_watch LOGIN")
    assert not await connection.fetchval(statement)
    for _ in range(2):
        assert await asyncio.to_thread(main, ["grant-watch", "visits"]) == 0
        assert await connection.fetchval(statement)
    await connection.close()
