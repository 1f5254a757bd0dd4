"""The whole system as `make up` starts it, used through its one public door."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.child import inherited, run_to_end
from deploy.local.system import LOCAL, ROOT, WITH_DATABASE, System, open_system
from libs.common.db import connect
from libs.contracts.topics import RECORDS
from services.registry.domain.ids import record_id
from tests.support.door import Door
from tests.support.kafka import OwnTopic, read_all

pytestmark = pytest.mark.timeout(240)

NATIONAL_ID, PHONE = "087085123456", "0912987654"


def _visit(day: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "team": "SD-01",
        "occurred_at": f"{day}T08:30:00+07:00",
        "consent": {"text": "v1", "at": f"{day}T08:25:00+07:00", "how": "oral"},
        "lines": [
            {"line": 1, "measure": "FLD-07", "person": {"national_id": NATIONAL_ID, "phone": PHONE}},
            {"line": 2, "measure": "FLD-07", "quantity": 3},
        ],
        **changes,
    }


@pytest_asyncio.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    local = tmp_path_factory.mktemp("local")
    async with open_system(lambda _: None, local=local, cache=LOCAL / "cache") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def door(system: System) -> AsyncIterator[Door]:
    async with aiohttp.ClientSession(system.gateway_url) as http:
        yield Door(http, system)


async def _registry(system: System, *words: str) -> str:
    command = [sys.executable, "-m", "services.registry", *words]
    return await run_to_end(command, env=inherited(system.environment), cwd=ROOT)


async def test_a_visit_is_counted_corrected_and_taken_back(door: Door) -> None:
    day = "2025-05-02"
    one, two = _visit(day), _visit(day, team="SD-02")
    answer = await door.send(one, two)
    assert answer["counts"]["accepted"] == 2
    total = (await door.people(day, answer["position"]))["total"]
    assert (total["luot"], total["nguoi"], total["unknown"]) == (8, 1, 6)

    change = {"id": str(uuid.uuid4()), "replaces": 1, "occurred_at": one["occurred_at"], "consent": one["consent"]}
    lines = [{"line": 1, "measure": "FLD-07", "quantity": 2, "person": {"keep": True}}]
    status, receipt = await door.post("app", f"/v1/visits/{one['id']}:correct", {**change, "lines": lines})
    assert status == 200, receipt
    total = (await door.people(day, receipt["position"]))["total"]
    assert (total["luot"], total["nguoi"], total["unknown"]) == (6, 1, 3)

    void = {"id": str(uuid.uuid4()), "replaces": 1}
    _, receipt = await door.post("app", f"/v1/visits/{two['id']}:void", void)
    body = await door.people(day, receipt["position"])
    assert (body["total"]["luot"], body["total"]["nguoi"], body["total"]["unknown"]) == (2, 1, 0)
    assert body["contract"]["measures"][0]["unit_of_count"] == "install"


async def test_a_visit_of_a_team_not_known_yet_is_held_and_counted_when_the_team_comes(
    door: Door, system: System, tmp_path: Path
) -> None:
    day, code = "2025-05-03", "SD-99"
    team = str(record_id("team", code))
    answer = await door.send(_visit(day, team=team))
    assert answer["rows"][0]["status"] == "held"
    assert (await door.people(day, answer["position"]))["total"]["luot"] is None
    file = tmp_path / "teams.csv"
    header, first, *_ = (ROOT / "data" / "teams_sa_dec.csv").read_text(encoding="utf-8").splitlines()
    file.write_text(f"{header}\n{first.replace('SD-01', code)}\n", encoding="utf-8")
    await _registry(system, "load", "teams", str(file))
    for _ in range(200):
        if (await door.people(day, answer["position"]))["total"]["luot"] == 4:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the visit was not counted after its team had come")


async def test_what_came_in_today_is_told_to_prometheus_by_province(door: Door, system: System) -> None:
    before = await _told(system, "metrics", "campaign_rows_today")
    received = await _told(system, "visits", "records_received_total", outcome="accepted", source="team")
    answer = await door.send(_visit("2025-05-24"), _visit("2025-05-24"))
    assert answer["counts"]["accepted"] == 2
    assert (
        await _told(system, "visits", "records_received_total", outcome="accepted", source="team")
        == max(received, 0) + 2
    )
    begun = time.monotonic()
    while await _told(system, "metrics", "campaign_rows_today") < max(before, 0) + 2:
        assert time.monotonic() - begun < 60, "the rows of today were not told"
        await asyncio.sleep(0.2)
    assert await _told(system, "metrics", "campaign_turns_today", measure="FLD-07") >= 8
    assert await _told(system, "metrics", "campaign_teams_today") >= 1


async def _told(system: System, service: str, name: str, province: str = "82", **labels: str) -> float:
    """Give a figure of a province as its process tells it, -1 where it does not."""
    address = f"http://127.0.0.1:{system.environment[f'{service.upper()}_PORT']}/metrics"
    async with aiohttp.ClientSession() as http, http.get(address) as answer:
        families = text_string_to_metric_families(await answer.text())
    wanted = {"province": province, **labels}.items()
    samples = (sample for family in families for sample in family.samples)
    return next((one.value for one in samples if one.name == name and wanted <= one.labels.items()), -1)


async def _by_commune(door: Door, day: str, boundaries: str, position: str) -> tuple[dict[str, int], int]:
    query = {"measures": ["FLD-07"], "from": day, "to": day, "group_by": ["unit:commune"], "answers": ["luot", "nguoi"]}
    status, body = await door.post(
        "portal", "/v1/metrics:query", {**query, "boundaries": boundaries, "at_least": position}
    )
    assert status == 200, body
    return {row["unit"]["name"]: row["luot"] for row in body["rows"]}, body["total"]["nguoi"]


async def test_a_reform_is_rehearsed_on_the_numbers_and_once_enacted_it_is_seen_within_two_seconds(door: Door) -> None:
    day, effective, eve = "2025-08-09", "2026-10-01", "2026-09-30"
    answer = await door.send(_visit(day, unit="29905"), _visit(day, unit="30214"))
    assert answer["counts"]["accepted"] == 2, answer
    position = answer["position"]
    before = ({"Phường Sa Đéc": 4, "Xã Tân Dương": 4}, 1)
    assert await _by_commune(door, day, "current", position) == before
    new = {"key": "a", "level": "commune", "type": "phuong", "name": "Phường Sa Giang", "code": "29905", "parent": "82"}
    merge = {"sources": [{"unit": "29905"}, {"unit": "30214"}], "target": {"new": new}}
    reform = {"id": str(uuid.uuid4()), "decree": "1/NQ", "effective_date": effective, "operations": [{"merge": merge}]}
    status, draft = await door.post("operator", "/v1/reforms", reform)
    assert (status, draft.get("status")) == (201, "draft"), draft
    status, impact = await door.get("operator", f"/v1/reforms/{reform['id']}/impact", **{"from": day, "to": day})
    assert status == 200, impact
    begins = next(unit for unit in impact["numbers"]["units"] if unit["change"] == "begins")
    assert [(each["after"]["luot"], each["after"]["nguoi"]) for each in begins["measures"]] == [(8, 1)]
    assert await _by_commune(door, day, "current", position) == before
    enact = {"id": str(uuid.uuid4()), "revision": draft["revision"]}
    status, enacted = await door.post("operator", f"/v1/reforms/{reform['id']}:enact", enact)
    assert (status, enacted.get("status")) == (200, "enacted"), enacted
    begun, after = time.monotonic(), ({"Phường Sa Giang": 8}, 1)
    while (found := await _by_commune(door, day, "current", position)) != after:
        assert found == before, "half a reform was seen"
        assert time.monotonic() - begun < 2, "the reform is not seen after two seconds"
    assert await _by_commune(door, day, eve, position) == before


async def test_a_suspended_client_is_refused_within_two_seconds_with_the_token_it_has(
    door: Door, system: System
) -> None:
    query = {"measures": ["FLD-07"], "from": "2025-05-01", "to": "2025-05-31"}
    bodies = {"/v1/partner-reports:batch": {"rows": []}, "/v1/metrics:query": query}
    reports, numbers = bodies
    doors = (("GATEWAY", reports), ("GATEWAY", numbers), ("VISITS", reports), ("METRICS", numbers))
    asked = [(f"http://127.0.0.1:{system.environment[f'{name}_PORT']}{path}", bodies[path]) for name, path in doors]
    token = await door.token("bank")
    assert [await _try(url, body, token) for url, body in asked] == [(200, None)] * 4
    await _registry(system, "clients", "suspend", "lienviet")
    begun = time.monotonic()
    await asyncio.gather(*(_until_refused(url, body, token, begun) for url, body in asked))


async def _try(url: str, body: Any, token: str) -> tuple[int, str | None]:
    """Ask a service at its own port; give the status and the code of the problem."""
    async with (
        aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as http,
        http.post(url, json=body) as answer,
    ):
        return answer.status, json.loads(await answer.read()).get("code")


async def _until_refused(url: str, body: Any, token: str, begun: float) -> None:
    while (outcome := await _try(url, body, token)) == (200, None):
        assert time.monotonic() - begun < 2, f"{url} still answers after two seconds"
        await asyncio.sleep(0.02)
    assert outcome == (401, "client_suspended"), url


async def test_with_kafka_away_visits_are_accepted_and_counted_later(door: Door, system: System) -> None:
    day = "2025-05-04"
    assert system.kafka is not None
    await system.kafka.kill()
    answer = await door.send(_visit(day))
    assert answer["counts"]["accepted"] == 1
    await system.kafka.restart()
    for _ in range(10):
        status, body = await door.post(
            "portal",
            "/v1/metrics:query",
            {"measures": ["FLD-07"], "from": day, "to": day, "at_least": answer["position"]},
        )
        if status != 503:
            break
        assert body["code"] == "not_counted_yet"
    assert (status, body["total"]["luot"]) == (200, 4)


async def test_with_postgresql_away_the_answer_is_503_and_the_resend_is_taken(door: Door, system: System) -> None:
    row = _visit("2025-05-05")
    await asyncio.gather(door.token("app"), door.token("portal"))
    assert system.postgres is not None
    await system.postgres.kill()
    status, body, headers = await door.exchange("app", "/v1/visits:batch", {"rows": [row]})
    assert (status, body["code"]) == (503, "unavailable")
    assert int(headers["Retry-After"]) > 0
    await system.postgres.restart()
    for _ in range(100):
        status, body = await door.post("app", "/v1/visits:batch", {"rows": [row]})
        if status == 200:
            break
        await asyncio.sleep(0.1)
    assert status == 200, body
    assert body["counts"]["accepted"] == 1
    assert (await door.people("2025-05-05", body["position"]))["total"]["luot"] == 4


async def test_no_identity_is_in_a_log_or_an_event_and_the_request_id_is_in_both(door: Door, system: System) -> None:
    asked = f"e2e-{uuid.uuid4().hex[:8]}"
    answer = await door.send(_visit("2025-05-06"), **{"x-request-id": asked})
    await door.people("2025-05-06", answer["position"])
    logs = {path.stem: path.read_text(errors="replace") for path in system.log_dir.rglob("*.log*")}
    assert asked in logs["gateway"]
    assert asked in logs["visits"]
    assert system.kafka is not None
    topic = OwnTopic(RECORDS.name, RECORDS.partitions)
    events = await read_all(system.kafka.bootstrap, topic)
    assert asked in {event.headers.get("ce_requestid") for event in events}
    text = "".join(logs.values()) + "".join(event.value.decode() for event in events)
    for identity in (NATIONAL_ID, PHONE, PHONE[1:]):
        assert identity not in text


async def test_no_identity_that_was_sent_is_in_any_database(door: Door, system: System) -> None:
    day, ref, receipt, home = "2025-05-07", "ref-of-our-own-71", "LV-2025-004711", "house-4711"
    line = {"line": 1, "measure": "FLD-07", "person": {"national_id": NATIONAL_ID, "phone": PHONE, "ref": ref}}
    visit = _visit(day, household={"ref": home}, lines=[{**line, "platform": "e-dongthap", "receipt": receipt}])
    answer = await door.send(visit)
    assert answer["counts"]["accepted"] == 1
    bad = _visit(day, lines=[{"line": 1, "measure": "NOPE", "person": {"national_id": NATIONAL_ID, "phone": PHONE}}])
    assert (await door.send(bad))["counts"]["rejected"] == 1
    person = {"phone": f"+84 {PHONE[1:4]} {PHONE[4:7]} {PHONE[7:]}", "national_id": NATIONAL_ID}
    report = {name: visit[name] for name in ("occurred_at", "consent")} | {"id": str(uuid.uuid4()), "unit": "29905"}
    rows = [{**report, "measure": "FLD-08", "platform": "lienviet24h", "person": person, "receipt": receipt}]
    status, body = await door.post("telco", "/v1/partner-reports:batch", {"rows": rows})
    assert (status, body["counts"]["accepted"]) == (200, 1), body
    await door.people(day, body["position"])
    identities = (NATIONAL_ID, PHONE, PHONE[1:], ref, receipt, home)
    for service in WITH_DATABASE:
        content = await _everything_in(system.environment[f"DATABASE_URL_{service.upper()}"])
        assert service == "registry" or (visit["id"] in content and rows[0]["id"] in content)
        for identity in identities:
            assert identity not in content, service
            assert identity.encode().hex() not in content, f"{service}, as bytes"


async def _everything_in(url: str) -> str:
    """Give every row of every table as PostgreSQL prints it, which for bytes is hexadecimal."""
    connection = await connect(url, application_name="test dump")
    try:
        tables = await connection.fetch("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        assert tables
        dumps = [await connection.fetchval(f"SELECT string_agg(t::text, '|') FROM {table} AS t") for (table,) in tables]
        return "|".join(dump or "" for dump in dumps)
    finally:
        await connection.close()
