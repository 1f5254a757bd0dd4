"""Dead letters by the operators' program: looked at safely, processed again, dropped with a reason that stays."""

import asyncio
import uuid

import pytest

from deploy.ops.__main__ import main
from deploy.ops.watch.servers import dead_letters
from libs.common.db import connect
from libs.common.inbox import Unprocessable, bury
from libs.common.kafka import Incoming
from libs.contracts.records import RecordV1
from libs.contracts.topics import RECORDS, type_of
from tests.support.metrics import a_line, a_record
from tests.support.postgres import MakeDatabase

EVIL = b'{"note": "\x1b[2J", "citizen": "087085000001"}'


async def _letters(url: str, *values: bytes) -> list[int]:
    connection = await connect(url, application_name="test")
    messages = [
        Incoming(RECORDS.name, 0, n, uuid.uuid4().bytes, value, {"ce_type": type_of(RecordV1), "ce_id": f"x/{n}"}, 0)
        for n, value in enumerate(values)
    ]
    await bury(connection, "here", [Unprocessable(message, "revision: Field required") for message in messages])
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM dead_letters ORDER BY id")]
    await connection.close()
    return ids


async def _waiting(url: str) -> int:
    connection = await connect(url, application_name="test")
    try:
        return (await dead_letters(connection))[RECORDS.name]
    finally:
        await connection.close()


@pytest.fixture
async def url(make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    address = await make_database("metrics")
    monkeypatch.setenv("DATABASE_URL_METRICS", address)
    return address


async def _ops(*words: str) -> int:
    return await asyncio.to_thread(main, ["dead-letters", *words])


async def test_a_letter_is_listed_and_shown_without_what_could_harm_the_terminal_or_name_anybody(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (letter,) = await _letters(url, EVIL)
    assert await _ops("list") == 0
    listed = capsys.readouterr().out
    assert listed.split("\t")[0] == str(letter)
    assert f"{RECORDS.name}[0]@0" in listed
    assert await _ops("show", str(letter)) == 0
    shown = capsys.readouterr().out
    assert "ce_id: x/0" in shown
    assert "revision: Field required" in shown
    assert "\x1b" not in shown
    assert "087085000001" not in shown
    assert await _ops("show", str(letter), "--raw") == 0
    assert await _ops("show", "999") == 1


async def test_a_letter_that_can_be_processed_now_is_counted_and_gone_the_others_stay(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mended = a_record(1, a_line(quantity=7)).model_dump_json().encode()
    await _letters(url, b"{}", mended)
    assert await _ops("redrive") == 1
    assert capsys.readouterr().out.startswith("đã xử lý 1, còn 1 · 1 processed, 1 still dead\n")
    connection = await connect(url, application_name="test")
    assert await connection.fetchval("SELECT sum(quantity) FROM facts") == 7
    assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 1
    await connection.close()
    assert await _ops("redrive", "998", "999") == 1
    assert "2 " in capsys.readouterr().err


async def test_a_dropped_letter_waits_no_more_but_who_and_why_can_still_be_read(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = await _letters(url, b"{}", EVIL)
    assert await _ops("drop", str(first), "999", "--reason", "a test of the partner's") == 1
    assert await _ops("drop", str(first), "--reason", " ") == 1
    capsys.readouterr()
    assert await _ops("list") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2, "nothing is dropped where one id is wrong or no reason given"
    assert await _ops("drop", str(first), "--reason", "a test of the partner's", "--by", "Lê Thị Nhân") == 0
    capsys.readouterr()
    assert await _ops("list") == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == [str(second)]
    assert await _waiting(url) == 1, "the watch counts what waits for somebody"
    assert await _ops("list", "--dropped") == 0
    told = capsys.readouterr().out
    assert told.split("\t")[0] == str(first)
    assert "Lê Thị Nhân" in told
    assert "a test of the partner's" in told
    assert await _ops("drop", str(first), "--reason", "again") == 1
    assert await _ops("redrive") == 1
    assert capsys.readouterr().out.startswith("đã xử lý 0, còn 1 · 0 processed, 1 still dead\n"), (
        "a dropped one is not driven again by itself"
    )
    assert await _ops("show", str(first)) == 0
    assert "dropped: Lê Thị Nhân" in capsys.readouterr().out


async def test_read_again_from_the_topic_a_dropped_letter_is_not_found_anew(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (letter,) = await _letters(url, b"{}")
    assert await _ops("drop", str(letter), "--reason", "known") == 0
    assert await _letters(url, b"{}") == [letter]
    capsys.readouterr()
    assert await _ops("list") == 0
    assert capsys.readouterr() == ("", "không có thư chết · no dead letters\n")
