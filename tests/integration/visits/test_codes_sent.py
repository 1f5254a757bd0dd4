"""Codes of old and new lists in batches: resolved, flagged, held with candidates, and settled by who knows."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from libs.contracts.visits_api import BatchAnswer, HeldPage, Receipt
from services.visits.domain.directory import Directory, Measure, Model, Platform, Team, Wave
from tests.integration.visits.life import correction, progress_of, published, settle
from tests.support.http import Answer
from tests.support.map import add_map
from tests.support.postgres import MakeDatabase
from tests.support.visits import NOW, PARTNER, Visits, a_report, a_visit, open_visits

JANUARY, SEPTEMBER = "2025-01-01", "2025-09-02"
AFTER = "2025-09-02T08:30:00+07:00"
SPLIT, PIECE, OTHER_PIECE = "00634", "00637", "09886"


DISTRICT_TEAM = UUID(int=71, version=4)


@pytest_asyncio.fixture
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    """The application over the whole map, with a team of a district, and officers of Hà Nội and of Đồng Tháp."""
    directory = Directory()
    add_map(directory)
    directory.add_measure(Measure("FLD-07", 1, frozenset(), None, None))
    directory.add_platform(Platform("e-dongthap", 1))
    async with open_visits(await make_database("visits"), directory=directory) as opened:
        directory.add_team(Team(DISTRICT_TEAM, 1, "SD-00", unit(opened, "867", JANUARY), None, None))
        for client, code in (("officer", "01"), ("officer_2", "01"), ("elsewhere", "82")):
            opened.issuer.client(client, scopes=["records:settle"], unit_id=unit(opened, code, SEPTEMBER))
        opened.issuer.client("other_bank", partner_id=uuid.uuid4(), scopes=["partner-reports:write"])
        yield opened


def unit(visits: Visits, code: str, day: str) -> UUID:
    found = next(each for each in visits.directory.units_by_code(code) if each.valid_on(date.fromisoformat(day)))
    return found.unit_id


async def _report(visits: Visits, query: str = "", envelope: dict[str, Any] | None = None, **changes: Any) -> Answer:
    row = a_report(**{"occurred_at": AFTER, **changes})
    body = {**(envelope or {}), "rows": [row]}
    return await visits.post(f"/v1/partner-reports:batch{query}", body, client="bank")


async def _one(visits: Visits, declared: str | None, **changes: Any) -> dict[str, Any]:
    answer = await _report(visits, "", {"codes_as_of": declared} if declared else {}, **changes)
    assert answer.status == 200, answer.body
    receipt: dict[str, Any] = BatchAnswer.model_validate_json(answer.body).rows[0].model_dump(mode="json")
    return receipt


async def _resolve(visits: Visits, record: str, client: str = "bank", /, **body: Any) -> Answer:
    asked = {"id": str(uuid.uuid4()), **body}
    return await visits.post(f"/v1/records/{record}:resolve", asked, client=client)


async def test_an_old_code_is_counted_where_its_unit_went_and_answered_with_it(visits: Visits) -> None:
    receipt = await _one(visits, JANUARY, unit="01837", id=(record := str(uuid.uuid4())))
    assert (receipt["status"], receipt["flags"]) == ("accepted", ["code_superseded"])
    new = unit(visits, "01843", SEPTEMBER)
    assert receipt["resolved_unit"] == {"id": str(new), "code": "01843", "name": "Phường Bắc Kạn"}
    assert (await published(visits))[UUID(record)].unit_id == new


async def test_a_resend_is_answered_with_the_same_unit(visits: Visits) -> None:
    row = a_report(unit="82", occurred_at=AFTER)
    for status in ("accepted", "duplicate"):
        answer = await visits.post("/v1/partner-reports:batch", {"rows": [row]}, client="bank")
        receipt = answer.json["rows"][0]
        assert (receipt["status"], receipt["flags"]) == (status, ["code_reused"])
        assert receipt["resolved_unit"]["name"] == "Tỉnh Đồng Tháp"


async def test_a_clients_own_list_holds_where_a_batch_declares_none(visits: Visits) -> None:
    visits.issuer.client("bank", partner_id=PARTNER, codes_as_of=JANUARY)
    assert (await _one(visits, None, unit="87"))["resolved_unit"]["name"] == "Tỉnh Đồng Tháp"
    assert (await _one(visits, None, unit="01843"))["flags"] == ["code_superseded"]
    assert (await _one(visits, "2025-08-01", unit="01843"))["flags"] == []
    assert (await _one(visits, "2025-08-01", unit="87"))["errors"][0]["code"] == "unit_code_not_in_list"


async def test_a_list_still_to_come_is_refused(visits: Visits) -> None:
    answer = await _report(visits, "", {"codes_as_of": "2027-01-01"}, unit="82")
    assert (answer.status, answer.json["errors"][0]["code"]) == (422, "code_list_in_the_future")
    assert answer.json["errors"][0]["pointer"] == "/codes_as_of"


async def test_a_divided_code_is_held_with_its_candidates_also_when_validating_and_never_atomically(
    visits: Visits,
) -> None:
    checked = (await _report(visits, "?mode=validate", {"codes_as_of": JANUARY}, unit=SPLIT)).json["rows"][0]
    whole = await _report(visits, "?atomic=true", {"codes_as_of": JANUARY}, unit=SPLIT)
    assert (whole.status, whole.json["rows"][0]["errors"][0]["code"]) == (409, "would_be_held")
    kept = await _one(visits, JANUARY, unit=SPLIT)
    assert [receipt["status"] for receipt in (checked, kept)] == ["held", "held"]
    for receipt in (checked, whole.json["rows"][0], kept):
        assert receipt["waiting_for"] == [f"choice:{unit(visits, SPLIT, JANUARY)}"]
        assert [each["code"] for each in receipt["candidates"]] == ["00622", SPLIT, PIECE, "09556", OTHER_PIECE]
    assert await published(visits) == {}


async def test_its_sender_settles_it_and_it_is_told_of_once(visits: Visits) -> None:
    row = a_report(unit=SPLIT, occurred_at=AFTER)
    body = {"codes_as_of": JANUARY, "rows": [row]}
    await visits.post("/v1/partner-reports:batch", body, client="bank")
    (progress,) = await progress_of(visits)
    assert progress.held_since is not None
    asked: dict[str, Any] = {"id": str(uuid.uuid4()), "unit": PIECE, "replaces": 1}
    answer = await _resolve(visits, row["id"], **asked)
    receipt = Receipt.model_validate_json(answer.body)
    assert (receipt.status, receipt.state, receipt.revision) == ("accepted", "recorded", 1)
    assert receipt.flags == ["code_superseded", "unit_chosen"]
    record = (await published(visits))[UUID(row["id"])]
    chosen = unit(visits, PIECE, SEPTEMBER)
    assert (record.unit_id, record.revision, record.edition) == (chosen, 1, 1)
    assert receipt.resolved_unit is not None
    assert receipt.resolved_unit.id == chosen
    (progress,) = await progress_of(visits)
    assert progress.held_since is None
    again = (await _resolve(visits, row["id"], **asked)).json
    assert (again["status"], again["position"]) == ("duplicate", receipt.position)
    resent = (await visits.post("/v1/partner-reports:batch", body, client="bank")).json["rows"][0]
    assert (resent["status"], resent["state"]) == ("duplicate", "recorded")
    assert resent["resolved_unit"]["code"] == PIECE
    assert "candidates" not in resent
    assert len(await published(visits)) == 1
    assert await settle(visits, NOW + timedelta(days=60)) == 0


async def test_an_officer_settles_what_lies_in_the_own_subtree_and_nobody_elses(visits: Visits) -> None:
    record = (await _one(visits, JANUARY, unit=SPLIT))["record"]
    assert (await _resolve(visits, record, "elsewhere", unit=PIECE)).status == 404
    assert (await _resolve(visits, record, "other_bank", unit=PIECE)).status == 404
    assert (await _resolve(visits, record, "officer", unit=PIECE)).json["status"] == "accepted"


async def test_an_officer_finds_what_waits_in_the_own_subtree(visits: Visits) -> None:
    records = {(await _one(visits, JANUARY, unit=SPLIT))["record"] for _ in range(3)}
    row = a_visit(team=str(uuid.uuid4()), occurred_at=AFTER)
    await visits.post("/v1/visits:batch", {"rows": [row]}, client="country")
    found, path = [], "/v1/records/held?limit=2"
    while path:
        page = HeldPage.model_validate_json((await visits.get(path, client="officer")).body)
        found += page.records
        path = f"/v1/records/held?limit=2&cursor={page.next}" if page.next else ""
    assert {str(record.id) for record in found} == records
    assert [each.code for each in found[0].candidates] == ["00622", SPLIT, PIECE, "09556", OTHER_PIECE]
    assert (await visits.get("/v1/records/held", client="elsewhere")).json == {"records": [], "next": None}
    assert (await visits.get("/v1/records/held", client="other_bank")).json["code"] == "scope_missing"
    await _resolve(visits, next(iter(records)), "officer", unit=PIECE)
    assert len((await visits.get("/v1/records/held", client="officer")).json["records"]) == 2


async def test_of_two_who_settle_one_wins_and_the_other_is_told(visits: Visits) -> None:
    record = (await _one(visits, JANUARY, unit=SPLIT))["record"]
    answers = await asyncio.gather(
        *(_resolve(visits, record, who, unit=PIECE) for who in ("officer", "officer_2", "bank", "officer"))
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    late = next(answer for answer in answers if answer.status == 409)
    assert (late.json["code"], late.json["record"]["state"]) == ("nothing_to_resolve", "recorded")
    assert late.json["record"]["revisions"][0]["unit"] == str(unit(visits, PIECE, SEPTEMBER))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"unit": "29905"}, 422, "unit_not_a_candidate"),
        ({"unit": str(uuid.uuid4())}, 422, "unit_not_a_candidate"),
        ({"unit": "03286"}, 422, "unit_code_not_valid_on_day"),
        ({"unit": PIECE, "replaces": 2}, 409, "stale_revision"),
        ({"unit": PIECE, "id": "1"}, 422, "malformed"),
        ({"unit": PIECE, "id": "<the record's>"}, 409, "id_reused"),
    ],
)
async def test_a_choice_that_cannot_be_is_refused_and_changes_nothing(
    visits: Visits, body: dict[str, Any], status: int, code: str
) -> None:
    held = await _one(visits, JANUARY, unit=SPLIT)
    asked = {**body, "id": held["record"]} if body.get("id", "").startswith("<") else body
    answer = await _resolve(visits, held["record"], **asked)
    assert (answer.status, answer.json["code"]) == (status, code)
    if code == "unit_not_a_candidate":
        assert answer.json["candidates"] == held["candidates"]
    assert await published(visits) == {}
    assert (await _resolve(visits, held["record"], unit=PIECE)).status == 200


async def test_the_same_id_for_another_choice_is_refused(visits: Visits) -> None:
    first, second = [(await _one(visits, JANUARY, unit=SPLIT))["record"] for _ in range(2)]
    used = str(uuid.uuid4())
    assert (await _resolve(visits, first, id=used, unit=PIECE)).status == 200
    assert (await _resolve(visits, first, id=used, unit=OTHER_PIECE)).json["code"] == "id_reused"
    assert (await _resolve(visits, second, id=used, unit=PIECE)).json["code"] == "id_reused"


async def test_what_was_voided_or_has_expired_cannot_be_settled(visits: Visits) -> None:
    voided, expired = [(await _one(visits, JANUARY, unit=SPLIT))["record"] for _ in range(2)]
    await visits.post(f"/v1/partner-reports/{voided}:void", {"id": str(uuid.uuid4()), "replaces": 1}, client="bank")
    assert await settle(visits, NOW + timedelta(days=31)) == 1
    assert (await _resolve(visits, voided, unit=PIECE)).json["code"] == "already_voided"
    assert (await _resolve(visits, expired, unit=PIECE)).json["code"] == "record_expired"


async def test_a_team_whose_district_was_abolished_is_settled_too(visits: Visits) -> None:
    held = (
        await visits.post("/v1/visits:batch", {"rows": [a_visit(team="SD-00", occurred_at=AFTER)]}, client="country")
    ).json["rows"][0]
    assert held["waiting_for"] == [f"successor:{unit(visits, '867', JANUARY)}"]
    assert [each["code"] for each in held["candidates"]] == ["29905", "30214"]
    answer = await _resolve(visits, held["record"], "country", unit="30214")
    assert answer.json["resolved_unit"]["name"] == "Xã Tân Dương"
    record = (await published(visits))[UUID(held["record"])]
    assert (record.unit_id, record.flags) == (unit(visits, "30214", SEPTEMBER), ["unit_chosen"])


async def test_the_senders_scope_is_looked_at_when_an_officer_settles(visits: Visits) -> None:
    visits.issuer.client("bank", partner_id=PARTNER, unit_id=unit(visits, OTHER_PIECE, SEPTEMBER))
    record = (await _one(visits, JANUARY, unit=SPLIT))["record"]
    assert (await _resolve(visits, record, "officer", unit=PIECE)).json["code"] == "outside_subtree"
    assert (await _resolve(visits, record, "officer", unit=OTHER_PIECE)).status == 200


async def test_a_record_that_waits_for_its_team_too_is_counted_when_that_has_come(visits: Visits) -> None:
    team = uuid.uuid4()
    row = a_visit(team=str(team), unit=SPLIT, occurred_at=AFTER)
    body = {"codes_as_of": JANUARY, "rows": [row]}
    held = (await visits.post("/v1/visits:batch", body, client="country")).json["rows"][0]
    assert held["waiting_for"] == [f"team:{team}", f"choice:{unit(visits, SPLIT, JANUARY)}"]
    answer = (await _resolve(visits, row["id"], "country", unit=PIECE)).json
    assert (answer["status"], answer["waiting_for"]) == ("held", [f"team:{team}"])
    assert (await visits.post("/v1/visits:batch", body, client="country")).json["rows"][0]["waiting_for"] == [
        f"team:{team}"
    ]
    visits.directory.add_team(Team(team, 1, "T", unit(visits, "01", SEPTEMBER), None, None))
    await settle(visits)
    assert (await published(visits))[UUID(row["id"])].unit_id == unit(visits, PIECE, SEPTEMBER)


async def test_what_is_waited_for_is_told_anew_when_it_changes(visits: Visits) -> None:
    row = a_visit(team=str(team := uuid.uuid4()), occurred_at=AFTER)
    await visits.post("/v1/visits:batch", {"rows": [row]}, client="country")
    district = unit(visits, "867", JANUARY)
    visits.directory.add_team(Team(team, 1, "T", district, None, None))
    assert await settle(visits) == 0
    assert await settle(visits) == 0
    held = (await visits.post("/v1/visits:batch", {"rows": [row]}, client="country")).json["rows"][0]
    assert held["waiting_for"] == [f"successor:{district}"]
    assert (await _resolve(visits, row["id"], "country", unit="29905")).json["status"] == "accepted"
    shown = (await visits.get(f"/v1/visits/{row['id']}", client="country")).json
    assert [each["state"] for each in shown["revisions"]] == ["recorded", "held", "held"]


async def test_a_correction_declares_its_list(visits: Visits) -> None:
    row = a_report(unit="29905", occurred_at="2025-05-10T08:30:00+07:00")
    await visits.post("/v1/partner-reports:batch", {"codes_as_of": JANUARY, "rows": [row]}, client="bank")
    change = correction(row, unit="01837", occurred_at=AFTER, codes_as_of=JANUARY)
    answer = await visits.post(f"/v1/partner-reports/{row['id']}:correct", change, client="bank")
    assert (answer.json["status"], answer.json["resolved_unit"]["code"]) == ("accepted", "01843")
    divided = correction(row, unit=SPLIT, occurred_at=AFTER, codes_as_of=JANUARY, replaces=2)
    held = await visits.post(f"/v1/partner-reports/{row['id']}:correct", divided, client="bank")
    assert (held.json["status"], len(held.json["candidates"])) == ("held", 5)
    assert (await published(visits))[UUID(row["id"])].revision == 2
    assert (await _resolve(visits, row["id"], unit=PIECE, replaces=2)).status == 409
    assert (await _resolve(visits, row["id"], unit=PIECE, replaces=3)).status == 200
    record = (await published(visits))[UUID(row["id"])]
    assert (record.revision, record.edition, record.unit_id) == (3, 1, unit(visits, PIECE, SEPTEMBER))


async def test_a_new_code_for_an_old_event_stays_with_the_new_unit_where_several_made_it_up(visits: Visits) -> None:
    old = "2025-05-10T08:30:00+07:00"
    receipt = await _one(visits, "2025-09-01", unit="01843", occurred_at=old)
    assert (receipt["status"], receipt["flags"]) == ("accepted", ["code_of_later_list"])
    assert receipt["resolved_unit"]["id"] == str(unit(visits, "01843", SEPTEMBER))


async def test_a_visit_waits_for_its_wave_and_model_and_tells_of_them(visits: Visits) -> None:
    wave, model = uuid.uuid4(), uuid.uuid4()
    row = a_visit(team="SD-00", unit="29905", wave=str(wave), model=str(model))
    body = {"codes_as_of": JANUARY, "rows": [row]}
    held = (await visits.post("/v1/visits:batch", body, client="country")).json["rows"][0]
    assert (held["status"], held["waiting_for"]) == ("held", [f"wave:{wave}", f"model:{model}"])
    day = NOW.date().replace(year=2025, month=5, day=10)
    visits.directory.add_wave(Wave(wave, 1, day, day))
    assert await settle(visits) == 0
    visits.directory.add_model(Model(model, 1, day + timedelta(days=1)))
    assert await settle(visits) == 1
    record = (await published(visits))[UUID(row["id"])]
    assert (record.wave_id, record.model_id, record.flags) == (wave, model, ["outside_model"])
    at_once = a_visit(team="SD-00", unit="29905", wave=str(wave), occurred_at="2025-05-11T08:30:00+07:00")
    receipt = (await visits.post("/v1/visits:batch", {**body, "rows": [at_once]}, client="country")).json["rows"][0]
    assert (receipt["status"], receipt["flags"]) == ("accepted", ["outside_wave"])
