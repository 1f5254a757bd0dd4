"""Identities are sent in every way there is; then everything that the system has written down is read for them."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from deploy.local.system import System
from libs.common.db import connect
from libs.common.kafka import Message, open_producer
from libs.common.tracing import ATTRIBUTES
from libs.contracts.operations import OPERATIONS
from libs.contracts.records import RecordV1
from libs.contracts.registry import TeamV1
from libs.contracts.topics import RECORDS, TEAMS, WAVES, type_of
from tests.support.door import Door
from tests.support.planting import Garden
from tests.support.spans import Collector
from tests.support.spraying import POISON, Spray, all_output, found_in, speak_freely, until

pytestmark = pytest.mark.timeout(400)

DAY = "2025-05-13"
PUBLIC = "public"
PROCESSES = {"registry": "all", "visits": "all", "metrics": "all", "gateway": "api"}


@pytest.fixture(scope="module")
def garden() -> Garden:
    return Garden()


def visit_about(garden: Garden, where: str, **changes: Any) -> dict[str, Any]:
    person = {"national_id": garden.national_id(where), "phone": garden.phone(where), "ref": garden.name(where)}
    return {
        "id": str(uuid.uuid4()),
        "team": "SD-01",
        "occurred_at": f"{DAY}T08:30:00+07:00",
        "household": {"ref": garden.phone(f"{where} household")},
        "consent": {"text": "v1", "at": f"{DAY}T08:25:00+07:00", "how": "oral"},
        "lines": [
            {
                "line": 1,
                "measure": "FLD-07",
                "platform": "e-dongthap",
                "person": person,
                "receipt": garden.national_id(f"{where} receipt"),
            }
        ],
        **changes,
    }


async def _send_records(door: Door, garden: Garden) -> None:
    """Send visits and reports that are accepted, held, corrected, voided and refused, by every door there is."""
    good, held = visit_about(garden, "visit"), visit_about(garden, "held visit", team=str(uuid.uuid4()))
    answer = await door.send(good, held)
    assert [row["status"] for row in answer["rows"]] == ["accepted", "held"], answer
    bad_line = {"line": 1, "measure": garden.phone("measure"), "person": {"phone": garden.name("phone")}}
    rows = [
        visit_about(garden, "bad visit", lines=[bad_line]),
        visit_about(garden, "bad day", occurred_at=garden.phone("day")),
    ]
    assert (await door.send(*rows))["counts"]["rejected"] == 2
    for path in ("/v1/visits:bulk", "/v1/visits:batch?mode=validate", "/v1/visits:batch?atomic=true"):
        await door.post(
            "app", path, {"rows": [visit_about(garden, path), visit_about(garden, path, team=garden.name(path))]}
        )
    change = visit_about(garden, "correction")
    told = {name: value for name, value in change.items() if name != "team"} | {"replaces": 1}
    status, body = await door.post("app", f"/v1/visits/{good['id']}:correct", told)
    assert status == 200, body
    for said in (garden.phone("reason", 0), f"gọi {garden.phone('reason', 3)}", f"CCCD {garden.national_id('reason')}"):
        void = {"id": str(uuid.uuid4()), "replaces": 2, "reason": said}
        status, body = await door.post("app", f"/v1/visits/{good['id']}:void", void)
        assert (status, body.get("code")) == (422, "identity_in_text"), body
    report = {name: change[name] for name in ("occurred_at", "consent")} | {"id": str(uuid.uuid4()), "unit": "29905"}
    person = {"phone": garden.phone("report"), "national_id": garden.national_id("report")}
    rows = [{**report, "measure": "FLD-08", "platform": "lienviet24h", "person": person}]
    status, body = await door.post("telco", "/v1/partner-reports:batch", {"rows": rows})
    assert (status, body["counts"]["accepted"]) == (200, 1), body
    await door.people(DAY, body["position"])


async def _register_members(door: Door, http: aiohttp.ClientSession, garden: Garden) -> None:
    """Register somebody, read the name, and bring a list in with a good row and bad cells."""
    status, teams = await door.get("officer", "/v1/teams", unit="29905")
    assert status == 200, teams
    team = teams["teams"][0]["team_id"]
    name, phone = garden.name("member"), garden.phone("member", 3)
    person = {"name": name, "phone": phone, "birth_year": 1998, "code": f"TV-{uuid.uuid4().hex[:6]}"}
    told = {"id": str(uuid.uuid4()), "team_id": team, "role": "member", "joined_on": "2025-08-01", "person": person}
    status, body = await door.post("officer", "/v1/members", told)
    assert status == 200, body
    status, body = await door.get("officer", "/v1/members", team=team, names="true")
    assert status == 200, body
    assert name in str(body), "the name can be read by who may"
    await _import_members(door, http, garden)


async def _import_members(door: Door, http: aiohttp.ClientSession, garden: Garden) -> None:
    """Bring a list in that has a good row, bad cells, and a column that means nothing."""
    lines = ["Họ và tên;SĐT;Năm sinh;Vai trò;Mã tổ;CCCD"]
    for where, year, role, team in (
        ("good row", "1990", "Tổ viên", "SD-01"),
        ("row with a bad cell", garden.national_id("bad year"), "Tổ viên", "SD-01"),
        ("row of no team", "1990", garden.name("role"), garden.phone("code of a team", 0)),
    ):
        cells = (
            garden.name(where),
            garden.phone(where),
            year,
            role,
            team,
            garden.national_id(f"{where}, column not read"),
        )
        lines.append(";".join(cells))
    headers = {"authorization": f"Bearer {await door.token('officer')}", "content-type": "text/csv"}
    body = "\n".join(lines).encode()
    async with http.post("/v1/imports?kind=members", data=body, headers=headers) as answer:
        job = (await answer.json())["import_id"]
        assert answer.status in (200, 202), await answer.text()
    for _ in range(600):
        _, state = await door.get("officer", f"/v1/imports/{job}")
        if state["state"] not in ("queued", "planning"):
            break
        await asyncio.sleep(0.05)
    status, rows = await door.get("officer", f"/v1/imports/{job}/rows", outcome="error")
    assert (status, len(rows["rows"])) == (200, 2), (state, rows)
    async with http.get(f"/v1/imports/{job}/findings.csv", headers=headers) as answer:
        assert answer.status == 200
    await door.post("officer", f"/v1/imports/{job}:commit", {})


async def _break_things(system: System, door: Door, garden: Garden) -> None:
    """Make the database refuse what the program holds for good: an error nobody foresaw, with a row in its words."""
    row = visit_about(garden, "before the break")
    await door.send(row)
    connection = await connect(system.environment["DATABASE_URL_VISITS"], application_name="test")
    try:
        await connection.execute("ALTER TABLE log ADD CONSTRAINT planted CHECK (state <> 'voided') NOT VALID")
        void = {"id": str(uuid.uuid4()), "replaces": 1, "reason": garden.name("a row that the database refuses")}
        status, body = await door.post("app", f"/v1/visits/{row['id']}:void", void)
        assert (status, body["code"]) == (500, "internal_error"), body
        await connection.execute("ALTER TABLE log DROP CONSTRAINT planted")
    finally:
        await connection.close()


async def _poison(system: System, garden: Garden) -> None:
    """Write to topics what their owners never would."""
    where = f"{POISON}ed"
    record = {"record_id": garden.phone(where), "lines": garden.name(where), "occurred_at": garden.national_id(where)}
    team = {"team_id": garden.national_id(where), "code": {"x": garden.name(where)}, "name": garden.phone(where)}
    async with open_producer(system.environment["KAFKA_BOOTSTRAP"], timeout_seconds=10) as producer:
        for topic, contract, told in ((RECORDS, RecordV1, record), (TEAMS, TeamV1, team)):
            headers = [("ce_type", type_of(contract).encode()), ("ce_sequence", b"1.1.1")]
            message = Message(uuid.uuid4().bytes, json.dumps(told).encode(), headers, 1_750_000_000_000)
            await producer.send({(topic.name, 0): [message]})


async def _say_in_public(door: Door, garden: Garden) -> str:
    """Put a name where names are told to everybody: what is looked through later must hold it."""
    name = garden.name(PUBLIC)
    days = {"first_day": "2025-09-06", "last_day": "2025-09-07"}
    wave = {"id": str(uuid.uuid4()), "name": f"Ra quân tại nhà {name}", "unit": "29905", **days}
    status, body = await door.post("officer", "/v1/waves", wave)
    assert status == 200, body
    return name


def _check_lines(output: Mapping[str, str]) -> None:
    """Every line of a process says whose it is, and a traced request's line its trace."""
    for service, process in PROCESSES.items():
        for line in output[f"log {service}.log"].splitlines():
            told = json.loads(line)
            assert (told["service"], told["process"]) == (service, process)
            assert {"level", "event", "timestamp"} <= told.keys()
            if told["event"] == "request.answered" and service == "gateway":
                assert len(told["trace_id"]) == 32
                assert told["request_id"]
    failed = [line for line in output["log visits.log"].splitlines() if '"request.failed"' in line]
    assert "CheckViolationError: SQLSTATE 23514 log planted" in json.loads(failed[-1])["exception"]
    assert 'violates check constraint "planted"' in output["log postgres.log"]


async def test_of_all_that_was_sent_nothing_is_written_down(
    traced_door: Door, traced: System, collector: Collector, garden: Garden
) -> None:
    await _say_in_public(traced_door, garden)
    await _send_records(traced_door, garden)
    taken = await speak_freely(traced_door, garden)
    assert taken == []
    async with aiohttp.ClientSession(traced.gateway_url) as http:
        await _register_members(traced_door, http, garden)
        spray = Spray(traced_door, http, garden)
        await spray.all()
    await _break_things(traced, traced_door, garden)
    await _poison(traced, garden)
    await until(lambda: "consumer.dead_letter" in (traced.log_dir / "metrics.log").read_text(), "the letter is dead")
    await until(
        lambda: "replica.unprocessable" in (traced.log_dir / "visits.log").read_text(), "the team is passed over"
    )
    assert {operation for operation, _ in spray.outcomes} == {each.operation_id for each in OPERATIONS}
    assert len(garden.planted) > 3000

    output = await all_output(traced, collector)
    found = found_in(garden, output)
    public = [each for each in found if each.endswith(PUBLIC)]
    assert {each.split(":")[0] for each in public} == {"table registry.log", f"topic {WAVES.name}"}
    rest = sorted(set(found) - set(public))
    assert not rest, "\n".join(rest)
    await _check_secrets(traced, traced_door, output)
    _check_lines(output)
    said = {name for each in collector.spans for name in each.attributes}
    assert said <= {*ATTRIBUTES.values(), "error.type"}


async def _check_secrets(system: System, door: Door, output: Mapping[str, str]) -> None:
    """Neither the secrets of clients nor their tokens, nor the database's password, stand anywhere."""
    secrets = {secret for _, secret in system.secrets.clients.values()}
    tokens = {await door.token(client) for client in system.secrets.clients}
    password = urlsplit(system.environment["DATABASE_URL_VISITS"]).password
    assert password
    for where, text in output.items():
        for secret in (*secrets, *tokens, password):
            assert secret not in text, where
