"""Who members are: nowhere readable but behind the one door, sealed anew under new keys, forgotten in time."""

import asyncio
import io
import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog

from libs.common.db import transaction
from libs.common.sealing import CannotOpen, Sealed, Sealer, load_sealer
from libs.contracts.network import MemberV1
from services.registry import wiring
from services.registry.__main__ import main
from services.registry.domain.members import Member, Membership, Person
from services.registry.settings import CommandSettings
from services.registry.use_cases import erasing
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.registering import Registration, register
from services.registry.use_cases.safe import Safe
from tests.integration.registry.conftest import Registry
from tests.support.network import Land, member_body, new_id

PLANTED = ("Trần Thị Mẫu Đơn", "Mẫu Đơn", "tran thi mau don", "912345678", "912 345 678", "TV-1", "1990-05-06")
TODAY = date(2026, 11, 22)


async def dump(registry: Registry) -> str:
    """Give everything that the database holds, each row as text; bytes both in hexadecimal and as characters."""
    async with transaction(registry.engine) as connection:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        rows = [
            str(tuple(row))
            for table in tables
            for row in await connection.fetch(f'SELECT t::text, t.* FROM "{table["table_name"]}" AS t')
        ]
    return "\n".join(rows)


def _encoded(event: Any, **_: Any) -> bytes:
    return json.dumps(event, default=repr, ensure_ascii=False).encode()


@contextmanager
def heard() -> Iterator[io.BytesIO]:
    """Take down all that is logged, as it is written in production."""
    told = io.BytesIO()
    stream = io.TextIOWrapper(told, write_through=True)
    handler = logging.StreamHandler(stream)
    root, level = logging.getLogger(), logging.getLogger().level
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_encoded)],
        logger_factory=structlog.BytesLoggerFactory(told),
        cache_logger_on_first_use=False,
    )
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield told
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        structlog.reset_defaults()
        stream.detach()


async def test_a_name_stands_nowhere_but_in_the_answer_to_who_may_see_it(registry: Registry, land: Land) -> None:
    with heard() as told:
        team = await land.team(code="T-9")
        born = {"birth_year": None, "birth_date": "1990-05-06"}
        member = await land.member(team["team_id"], person=born)
        at = f"/v1/members/{member['member_id']}"
        person = {"name": "Trần Thị Mẫu Đơn", "phone": "0912345678", "code": "TV-1", **born}
        person.pop("birth_year")
        answers = [
            await land.post(f"{at}:change", {"id": new_id(), "replaces": 1, "person": {**person, "phone": "x"}}),
            await land.post(f"{at}:change", {"id": new_id(), "replaces": 7, "person": person}),
            await land.post("/v1/members", {**member_body(team["team_id"], person=born), "colour": "red"}),
            await land.get(f"/v1/members?team={team['team_id']}"),
        ]
        named = await land.get(f"{at}?names=true", by="sa-dec")
    assert "Trần Thị Mẫu Đơn" in named.body.decode()
    elsewhere = [await dump(registry), told.getvalue().decode(), *(answer.body.decode() for answer in answers)]
    for place in elsewhere:
        text = place.casefold()
        assert [planted for planted in PLANTED if planted.casefold() in text] == []
        assert "Trần".encode().hex() not in text


async def test_the_event_of_a_member_says_nothing_of_who_it_is(registry: Registry, land: Land) -> None:
    team = await land.team()
    await land.member(team["team_id"])
    async with transaction(registry.engine) as connection:
        body = await connection.fetchval("SELECT body::text FROM log WHERE type = 'tungnha.registry.member.v1'")
    told = MemberV1.model_validate_json(body)
    assert str(told.memberships[0].team_id) == team["team_id"]
    assert set(json.loads(body)) == set(MemberV1.model_fields)


def test_what_is_sealed_for_one_member_does_not_open_for_another() -> None:
    safe = Safe(Sealer((secrets.token_bytes(32),)))
    one, other = uuid4(), uuid4()
    person = Person("Trần Thị Mẫu Đơn", "+84912345678")
    sealed = safe.seal(one, person)
    assert safe.open(one, sealed) == person
    assert "Mẫu" not in repr(person)
    for wrong in (Sealed(sealed.key_id, sealed.box[:-1] + b"x"), Sealed("0" * 12, sealed.box)):
        with pytest.raises(CannotOpen):
            safe.open(one, wrong)
    with pytest.raises(CannotOpen):
        safe.open(other, sealed)


async def registered(registry: Registry, safe: Safe, rows: list[Registration]) -> list[str]:
    """Register rows in a transaction; gives their statuses."""
    async with transaction(registry.engine) as connection:
        desk = Desk(connection, safe, await Keeper().newest(connection), TODAY)
        return [each.status for each in await register(desk, rows)]


def rows_of(team_id: str, count: int, **values: Any) -> list[Registration]:
    """Make rows of so many people in a team."""
    membership = Membership(UUID(team_id), "member", date(2025, 8, 1), values.get("left_on"))
    return [
        Registration(Member(uuid4(), (membership,)), Person("Người Thử", f"09{number:08d}", None, f"M-{number}"))
        for number in range(count)
    ]


async def test_a_new_key_seals_all_anew_and_everybody_is_met_again(
    registry: Registry, land: Land, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys.txt"
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    file.write_text(old + "\n")
    team = await land.team()
    rows = rows_of(team["team_id"], 3)
    assert await registered(registry, Safe(load_sealer(file)), rows) == ["created"] * 3
    file.write_text(f"{old}\n{new}\n")
    both = Safe(load_sealer(file))
    moved = [replace(row, told=replace(row.told, record_id=uuid4())) for row in rows]
    assert await registered(registry, both, moved[:1]) == ["same"]
    monkeypatch.setattr(erasing, "AT_ONCE", 2)
    settings = CommandSettings(DATABASE_URL_REGISTRY=registry.url, REGISTRY_SEALING_KEYS_FILE=file)
    steps: list[tuple[int, int]] = []
    assert await wiring.reseal_all(registry.engine, settings, lambda *step: steps.append(step)) == 3
    assert steps == [(2, 1), (3, 0)]
    file.write_text(f"{new}\n")
    assert await registered(registry, Safe(load_sealer(file)), moved) == ["same"] * 3
    async with transaction(registry.engine) as connection:
        assert await connection.fetchval("SELECT count(DISTINCT key_id) FROM members") == 1
    file.write_text(f"{secrets.token_hex(32)}\n")
    with pytest.raises(Exception, match="cannot be opened"):
        await wiring.reseal_all(registry.engine, settings, lambda *_: None)


async def test_who_left_long_enough_ago_is_forgotten_and_what_they_did_stays(registry: Registry, land: Land) -> None:
    team = await land.team()
    gone = await land.member(team["team_id"], left_on="2025-09-01")
    still = await land.member(team["team_id"], person={"code": "TV-2", "phone": None, "name": "Lê Văn Còn"})
    async with transaction(registry.engine) as connection:
        assert await erasing.count_due(connection, TODAY, 24) == 0
        assert await erasing.count_due(connection, TODAY, 12) == 1
    assert await wiring.forget_due(registry.engine, 12, lambda _: None) == 1
    assert await wiring.forget_due(registry.engine, 12, lambda _: None) == 0
    told = (await land.get(f"/v1/members/{gone['member_id']}?names=true", by="sa-dec")).json
    assert (told["member"]["erased"], told["person"]) == (True, None)
    assert told["member"]["memberships"] == gone["memberships"]
    assert (await land.get(f"/v1/members/{still['member_id']}?names=true", by="sa-dec")).json["person"] is not None
    async with transaction(registry.engine) as connection:
        left = [
            await connection.fetchval(f"SELECT count(*) FROM {table} WHERE member_id = $1", UUID(gone["member_id"]))
            for table in ("members", "member_keys")
        ]
    assert left == [0, 0]
    back = await land.post("/v1/members", member_body(team["team_id"], joined_on="2026-01-01"))
    assert (back.json["status"], back.json["member"]["member_id"] != gone["member_id"]) == ("created", True)


async def test_somebody_is_forgotten_on_request_at_once(registry: Registry, land: Land) -> None:
    team = await land.team()
    body = member_body(team["team_id"])
    member = (await land.post("/v1/members", body)).json["member"]
    at = f"/v1/members/{member['member_id']}"
    assert (await land.post(f"{at}:erase", {"id": new_id(), "replaces": 1})).json["member"]["erased"] is True
    assert (await land.get(f"{at}?names=true", by="sa-dec")).json["person"] is None
    # The digest of what was sent is gone as well: a resend is a resend, whatever it says.
    assert (await land.post("/v1/members", {**body, "person": {"name": "Ai đó"}})).json["status"] == "duplicate"
    join = {"id": new_id(), "replaces": 2, "team_id": team["team_id"], "role": "leader"}
    assert (await land.post(f"{at}:join", join)).json["code"] == "member_erased"
    left = {"id": new_id(), "replaces": 2, "team_id": team["team_id"], "left_on": "2026-01-01"}
    assert (await land.post(f"{at}:leave", left)).json["status"] == "changed"


async def test_while_another_process_erases_nobody_else_does(registry: Registry, land: Land) -> None:
    team = await land.team()
    await land.member(team["team_id"], left_on="2025-09-01")
    async with transaction(registry.engine) as connection:
        assert await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('registry-erase'))")
        assert await wiring.forget_due(registry.engine, 0, lambda _: None) == 0
    assert await wiring.forget_due(registry.engine, 0, lambda _: None) == 1


async def test_the_command_says_how_many_it_would_erase(
    registry: Registry, land: Land, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    team = await land.team()
    await land.member(team["team_id"], left_on="2025-09-01")
    monkeypatch.setenv("DATABASE_URL_REGISTRY", registry.url)
    monkeypatch.setenv("REGISTRY_MEMBER_RETENTION_MONTHS", "0")
    assert await asyncio.to_thread(main, ["members", "erase", "--dry-run"]) == 0
    assert "1 members would be erased" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["members", "erase"]) == 0
    assert "done: 1 members erased" in capsys.readouterr().out


async def test_thousands_are_registered_at_once_and_again_nothing_changes(registry: Registry, land: Land) -> None:
    team = await land.team()
    safe = Safe(Sealer((secrets.token_bytes(32),)))
    rows = rows_of(team["team_id"], 2_000)
    begun = time.monotonic()
    assert set(await registered(registry, safe, rows)) == {"created"}
    again = [replace(row, told=replace(row.told, record_id=uuid4())) for row in rows]
    assert set(await registered(registry, safe, again)) == {"same"}
    assert time.monotonic() - begun < 20
    twice = [rows[0], replace(rows[0], told=replace(rows[0].told, record_id=uuid4()))]
    other = Registration(replace(rows[0].told, record_id=uuid4()), replace(rows[0].person, phone="1"))
    assert await registered(registry, safe, [*twice, other]) == ["same", "same", "refused"]


async def test_a_rehearsal_stores_nothing(registry: Registry, land: Land) -> None:
    team = await land.team()
    rows = await registry.rows()
    async with transaction(registry.engine) as connection:
        desk = Desk(connection, Safe(Sealer((b"k" * 32,))), await Keeper().newest(connection), TODAY)
        told = await register(desk, rows_of(team["team_id"], 2), write=False)
        assert await connection.fetchval("SELECT count(*) FROM members") == 0
    assert [each.status for each in told] == ["created", "created"]
    assert await registry.rows() == rows
