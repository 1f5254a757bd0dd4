"""Bad input gets its own code, a sentence in both languages and a pointer, and loses nothing else of the batch."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.support.postgres import MakeDatabase
from tests.support.visits import NOW, Visits, a_line, a_report, a_visit, open_visits


@pytest_asyncio.fixture(scope="module")
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    async with open_visits(await make_database("visits")) as opened:
        yield opened


def _raw(row: dict[str, Any], find: str, put: str) -> str:
    text = json.dumps(row)
    assert find in text
    return text.replace(find, put, 1)


async def _sent_between_good_rows(visits: Visits, row: str) -> dict[str, Any]:
    """Send a row as raw JSON between two good ones, which must both be accepted; give its receipt."""
    good = [json.dumps(a_visit()), json.dumps(a_visit())]
    answer = await visits.post("/v1/visits:batch", f'{{"rows": [{good[0]}, {row}, {good[1]}]}}'.encode())
    assert answer.status == 200, answer.body
    first, receipt, last = answer.json["rows"]
    assert (first["status"], last["status"]) == ("accepted", "accepted"), answer.json
    return dict(receipt)


PERSON = {"phone": "0912345678"}
BAD_ROWS = {
    "duplicate keys": (
        _raw(a_visit(), '"team": "SD-01"', '"team": "SD-01", "team": "SD-02"'),
        "duplicate_key",
        "/team",
    ),
    "NaN": (_raw(a_visit(), '"quantity": 3', '"quantity": NaN'), "not_a_number", "/lines/1/quantity"),
    "1e400": (_raw(a_visit(), '"quantity": 3', '"quantity": 1e400'), "number_out_of_range", "/lines/1/quantity"),
    "U+0000": (_raw(a_visit(), '"m-1"', '"m\\u0000"'), "nul_character", "/recorded_by"),
    "a row that is no object": ("7", "wrong_type", ""),
    "wrong type": (json.dumps(a_visit(team=7)), "wrong_type", "/team"),
    "a number as text": (json.dumps(a_visit(lines=[a_line(quantity="1")])), "wrong_type", "/lines/0/quantity"),
    "unknown field": (json.dumps(a_visit(lines=[a_line(colour="red")])), "unknown_field", "/lines/0/colour"),
    "missing field": (json.dumps(a_visit(team=None)), "missing", "/team"),
    "id that is no UUID": (json.dumps(a_visit(id="7")), "bad_uuid", "/id"),
    "unknown channel": (json.dumps(a_visit(channel="pigeon")), "unknown_value", "/channel"),
    "unknown measure": (json.dumps(a_visit(lines=[a_line(measure="FLD-99")])), "unknown_measure", "/lines/0/measure"),
    "unknown platform": (json.dumps(a_visit(lines=[a_line(platform="x")])), "unknown_platform", "/lines/0/platform"),
    "unknown stage": (json.dumps(a_visit(lines=[a_line(stage="x")])), "unknown_stage", "/lines/0/stage"),
    "unknown team code": (json.dumps(a_visit(team="ZZ")), "unknown_team_code", "/team"),
    "unknown unit code": (json.dumps(a_visit(unit="99999")), "unknown_unit_code", "/unit"),
    "a code of another time": (
        json.dumps(a_visit(unit="867", occurred_at="2026-05-10T08:30:00+07:00")),
        "unit_code_not_valid_on_day",
        "/unit",
    ),
    "a team dissolved by then": (json.dumps(a_visit(team="SD-03")), "team_not_active_on_day", "/team"),
    "unit outside the subtree": (json.dumps(a_visit(unit="00001")), "outside_subtree", "/unit"),
    "team outside the subtree": (json.dumps(a_visit(team="XX-01")), "outside_subtree", "/team"),
    "quantity 0": (json.dumps(a_visit(lines=[a_line(quantity=0)])), "out_of_range", "/lines/0/quantity"),
    "quantity negative": (json.dumps(a_visit(lines=[a_line(quantity=-1)])), "out_of_range", "/lines/0/quantity"),
    "quantity 10^9": (json.dumps(a_visit(lines=[a_line(quantity=10**9)])), "out_of_range", "/lines/0/quantity"),
    "before 2020": (json.dumps(a_visit(occurred_at="2019-12-31T16:59:59Z")), "too_early", "/occurred_at"),
    "the year 1": (json.dumps(a_visit(occurred_at="0001-01-01T00:00:00+14:00")), "too_early", "/occurred_at"),
    "in the future": (json.dumps(a_visit(occurred_at="2026-11-02T08:00:00+07:00")), "in_the_future", "/occurred_at"),
    "the year 9999": (json.dumps(a_visit(occurred_at="9999-12-31T23:59:59-14:00")), "in_the_future", "/occurred_at"),
    "offset missing": (json.dumps(a_visit(occurred_at="2025-05-10T08:30:00")), "offset_missing", "/occurred_at"),
    "no date at all": (json.dumps(a_visit(occurred_at="hôm qua")), "bad_date", "/occurred_at"),
    "national id of 11 digits": (
        json.dumps(a_visit(lines=[a_line(person={"national_id": "08708500000"})])),
        "bad_national_id",
        "/lines/0/person/national_id",
    ),
    "a child's national id": (
        json.dumps(a_visit(lines=[a_line(person={"national_id": "087215000001"})])),
        "person_under_14",
        "/lines/0/person",
    ),
    "phone": (json.dumps(a_visit(lines=[a_line(person={"phone": "12"})])), "bad_phone", "/lines/0/person/phone"),
    "a person without reference": (
        json.dumps(a_visit(lines=[a_line(person={})])),
        "person_without_reference",
        "/lines/0/person",
    ),
    "a person without consent": (
        json.dumps(a_visit(consent=None, lines=[a_line(person=PERSON)])),
        "consent_missing",
        "/consent",
    ),
    "a receipt without consent": (
        json.dumps(a_visit(consent=None, lines=[a_line(receipt="R1")])),
        "consent_missing",
        "/consent",
    ),
    "keep in a new visit": (
        json.dumps(a_visit(lines=[a_line(person={"keep": True})])),
        "keep_outside_correction",
        "/lines/0/person/keep",
    ),
    "empty lines": (json.dumps(a_visit(lines=[])), "no_lines", "/lines"),
    "51 lines": (json.dumps(a_visit(lines=[a_line(n) for n in range(1, 52)])), "too_many_lines", "/lines"),
    "a line number twice": (json.dumps(a_visit(lines=[a_line(1), a_line(1)])), "line_repeated", "/lines/1/line"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
async def test_a_bad_row_is_named_and_its_neighbours_are_stored(visits: Visits, name: str) -> None:
    row, code, pointer = BAD_ROWS[name]
    receipt = await _sent_between_good_rows(visits, row)
    assert receipt["status"] == "rejected"
    found = {error["code"]: error for error in receipt["errors"]}
    assert code in found, receipt
    assert found[code]["pointer"] == pointer
    assert found[code]["vi"]
    assert found[code]["en"]
    assert found[code]["vi"] != found[code]["en"]


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"{", 400, "not_json", None),
        (b"\xff", 400, "not_json", None),
        (b"[]", 422, "malformed", ""),
        (b"{}", 422, "malformed", "/rows"),
        (b'{"rows": [], "rows": []}', 422, "malformed", "/rows"),
        (b'{"rows": [], "color": 1}', 422, "malformed", "/color"),
        (b'{"rows": [], "sent_at": "2025-05-10T08:30:00"}', 422, "malformed", "/sent_at"),
        (b'{"rows": [], "synced_through": "2025-05-10T08:30:00Z"}', 422, "malformed", "/device"),
        (b'{"rows": [], "device": "d", "synced_through": "2025-05-10T08:30:00Z"}', 422, "malformed", "/reporter"),
        (b'{"rows": [], "device": "d", "synced_through": "2027-05-10T08:30:00Z"}', 422, "malformed", "/synced_through"),
        (json.dumps({"rows": [{}] * 501}).encode(), 413, "too_many_rows", None),
        (b'{"rows": []' + b" " * 1024 * 1024 + b"}", 413, "body_too_large", None),
    ],
)
async def test_a_bad_envelope_is_refused_whole(
    visits: Visits, body: bytes, status: int, code: str, pointer: str | None
) -> None:
    answer = await visits.post("/v1/visits:batch", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert pointer in [error["pointer"] for error in answer.json["errors"]]


async def test_the_same_id_twice_in_a_batch_is_stored_once(visits: Visits) -> None:
    row = a_visit()
    assert [r["status"] for r in await visits.send(row, row)] == ["accepted", "duplicate"]
    other = await visits.send(a_visit(id=(twin := str(uuid.uuid4()))), a_visit(id=twin, recorded_by="m-2"))
    assert [r["status"] for r in other] == ["accepted", "rejected"]
    assert other[1]["errors"][0]["code"] == "id_repeated_in_batch"


async def test_an_id_reused_with_other_content_is_rejected_and_the_first_stands(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    receipt = (await visits.send({**row, "recorded_by": "m-2"}))[0]
    assert (receipt["status"], receipt["errors"][0]["code"]) == ("rejected", "id_reused")
    assert (await visits.send(row))[0]["status"] == "duplicate"


async def test_a_measure_that_expired_is_flagged_not_refused(visits: Visits) -> None:
    before = a_visit(occurred_at="2026-09-30T10:00:00+07:00", lines=[a_line(measure="FLD-12")])
    after = a_visit(occurred_at="2026-10-01T10:00:00+07:00", lines=[a_line(measure="FLD-12")])
    assert [r["flags"] for r in await visits.send(before, after)] == [[], ["measure_expired"]]


async def test_a_clock_two_days_fast_is_set_back_by_what_it_is_ahead(visits: Visits) -> None:
    fast = NOW + timedelta(days=2)
    row = a_visit(occurred_at=(fast - timedelta(hours=1)).isoformat())
    receipt = (await visits.send(row, sent_at=fast.isoformat()))[0]
    assert (receipt["status"], receipt["flags"]) == ("accepted", ["clock_corrected"])
    record = (await visits.get(f"/v1/visits/{row['id']}")).json
    assert record["revisions"][0]["occurred_at"] == (NOW - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    still = a_visit(occurred_at=(fast + timedelta(days=1)).isoformat())
    receipt = (await visits.send(still, sent_at=fast.isoformat()))[0]
    assert receipt["errors"][0]["code"] == "in_the_future"


async def test_a_team_id_not_known_yet_is_held_and_answered_as_held_again(visits: Visits) -> None:
    row = a_visit(team=str(uuid.uuid4()))
    receipt = (await visits.send(row))[0]
    assert (receipt["status"], receipt["waiting_for"]) == ("held", [f"team:{row['team']}"])
    assert (await visits.send(row))[0]["status"] == "held"


async def test_wrong_scope_expired_token_and_no_token_are_told_apart(visits: Visits) -> None:
    visits.issuer.client("reader", scopes=["visits:read"])
    for headers, status, code in (
        (visits.issuer.headers("reader"), 403, "scope_missing"),
        (visits.issuer.headers("app", lives_seconds=-10), 401, "token_expired"),
        (visits.issuer.headers("nobody"), 401, "client_suspended"),
        ({"authorization": "Bearer nonsense"}, 401, "token_invalid"),
        ({"authorization": ""}, 401, "token_missing"),
    ):
        answer = await visits.post("/v1/visits:batch", {"rows": []}, **headers)
        assert (answer.status, answer.json["code"]) == (status, code)


async def test_a_suspended_client_is_refused_with_the_token_it_has(visits: Visits) -> None:
    visits.issuer.client("soon")
    headers = visits.issuer.headers("soon")
    assert (await visits.post("/v1/visits:batch", {"rows": []}, **headers)).status == 200
    visits.issuer.client("soon", status="suspended")
    assert (await visits.post("/v1/visits:batch", {"rows": []}, **headers)).json["code"] == "client_suspended"


async def test_only_a_partner_sends_partner_reports(visits: Visits) -> None:
    answer = await visits.post("/v1/partner-reports:batch", {"rows": [a_report()]})
    assert (answer.status, answer.json["code"]) == (403, "not_a_partner")
    answer = await visits.post("/v1/partner-reports:batch", {"rows": [a_report()]}, client="bank")
    assert answer.json["counts"]["accepted"] == 1


async def test_a_bad_report_is_pointed_at_where_it_was_sent(visits: Visits) -> None:
    rows = [a_report(measure="FLD-99"), a_report(person={"phone": "12"}), a_report(unit="99999"), a_report()]
    answer = await visits.post("/v1/partner-reports:batch", {"rows": rows}, client="bank")
    found = [[(e["code"], e["pointer"]) for e in row["errors"]] for row in answer.json["rows"][:3]]
    assert found == [
        [("unknown_measure", "/measure")],
        [("bad_phone", "/person/phone")],
        [("unknown_unit_code", "/unit")],
    ]
    assert answer.json["counts"]["accepted"] == 1


async def test_problems_speak_vietnamese_unless_english_is_asked_for(visits: Visits) -> None:
    vietnamese = (await visits.post("/v1/visits:batch", b"{")).json
    english = (await visits.post("/v1/visits:batch", b"{", **{"accept-language": "en-GB,vi;q=0.5"})).json
    assert vietnamese["detail"] == vietnamese["vi"]
    assert english["detail"] == english["en"]
