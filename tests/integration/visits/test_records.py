"""Records over their life: resent, corrected, voided; and what the log then holds."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.contracts.visits_api import BatchAnswer, Receipt, RecordView
from tests.integration.visits.life import correction, published
from tests.support.postgres import MakeDatabase
from tests.support.visits import (
    PARTNER,
    TEAM,
    WARD,
    Visits,
    a_line,
    a_report,
    a_visit,
    open_visits,
)


@pytest_asyncio.fixture
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    async with open_visits(await make_database("visits")) as opened:
        yield opened


async def test_a_visit_is_published_whole_and_without_any_identity(visits: Visits) -> None:
    row = a_visit()
    answer = await visits.post("/v1/visits:batch", {"rows": [row]})
    BatchAnswer.model_validate_json(answer.body)
    record = (await published(visits))[UUID(row["id"])]
    assert (record.state, record.revision, record.unit_id, record.reporter.id) == ("recorded", 1, WARD, TEAM)
    assert (record.day, record.channel) == (date(2025, 5, 10), "door_to_door")
    assert [line.quantity for line in record.lines] == [1, 3]
    async with transaction(visits.engine) as connection:
        everything = await connection.fetchval("SELECT string_agg(log::text, '') FROM log")
    for identity in ("087085000001", "0912345678", "+84912345678"):
        assert identity not in everything


async def test_one_person_has_one_pseudonym_however_the_phone_is_written(visits: Visits) -> None:
    rows = [
        a_visit(lines=[a_line(person={"phone": text})])
        for text in ("0912345678", "+84 912 345 678", "84912345678", "0084912345678", "091.234.5678")
    ]
    await visits.send(*rows)
    people = {record.lines[0].person for record in (await published(visits)).values()}
    assert len(people) == 1


async def test_an_alias_of_a_platform_is_taken_as_its_code_also_in_a_receipt(visits: Visits) -> None:
    rows = [
        a_visit(lines=[a_line(platform=spelt, receipt="LV-1", person=None)])
        for spelt in ("e-dongthap", "e-ĐongThap", "E-đongthap")
    ]
    await visits.send(*rows)
    lines = [record.lines[0] for record in (await published(visits)).values()]
    assert {line.platform for line in lines} == {"e-dongthap"}
    assert len({line.person for line in lines}) == 1


async def test_a_reference_is_its_reporters_own(visits: Visits) -> None:
    line = a_line(person={"ref": "P1"})
    await visits.send(a_visit(lines=[line]), a_visit(lines=[line]), a_visit(team="SD-02", lines=[line]))
    records = (await published(visits)).values()
    assert len({record.lines[0].person for record in records}) == 2
    assert len({record.household for record in records}) == 2


async def test_fifty_resends_at_once_store_one_visit_and_get_the_same_receipt(visits: Visits) -> None:
    row = a_visit()
    receipts = [r[0] for r in await asyncio.gather(*(visits.send(row) for _ in range(50)))]
    statuses = [receipt["status"] for receipt in receipts]
    assert sorted(statuses) == ["accepted"] + ["duplicate"] * 49
    assert len({receipt["position"] for receipt in receipts}) == 1
    async with transaction(visits.engine) as connection:
        assert await connection.fetchval("SELECT count(*) FROM log") == 1


async def test_a_correction_replaces_a_revision_and_keeps_the_person_it_is_told_to_keep(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    before = (await published(visits))[UUID(row["id"])]
    change = correction(row, lines=[a_line(1, quantity=2, person={"keep": True})])
    answer = await visits.post(f"/v1/visits/{row['id']}:correct", change)
    assert answer.status == 200, answer.body
    receipt = Receipt.model_validate_json(answer.body)
    assert (receipt.status, receipt.revision, receipt.state) == ("accepted", 2, "recorded")
    after = (await published(visits))[UUID(row["id"])]
    assert (after.revision, after.lines[0].quantity) == (2, 2)
    assert after.lines[0].person == before.lines[0].person
    again = await visits.post(f"/v1/visits/{row['id']}:correct", change)
    assert (again.json["status"], again.json["revision"]) == ("duplicate", 2)


async def test_a_stale_correction_is_told_where_the_record_stands(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    await visits.post(f"/v1/visits/{row['id']}:correct", correction(row))
    answer = await visits.post(f"/v1/visits/{row['id']}:correct", correction(row))
    assert (answer.status, answer.json["code"]) == (409, "stale_revision")
    assert answer.json["record"]["revision"] == 2


async def test_of_ten_corrections_of_one_revision_at_once_one_is_accepted(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    path = f"/v1/visits/{row['id']}:correct"
    answers = await asyncio.gather(*(visits.post(path, correction(row)) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 9


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"team": "SD-02"}, 422, "reporter_changed"),
        ({"lines": [a_line(3, person={"keep": True})]}, 422, "nothing_to_keep"),
        ({"lines": []}, 422, "malformed"),
        ({"unit": "00001"}, 403, "outside_subtree"),
        ({"replaces": 2}, 409, "stale_revision"),
    ],
)
async def test_a_bad_correction_is_refused_and_the_record_stands(
    visits: Visits, changes: dict[str, Any], status: int, code: str
) -> None:
    row = a_visit()
    await visits.send(row)
    answer = await visits.post(f"/v1/visits/{row['id']}:correct", correction(row, **changes))
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (await published(visits))[UUID(row["id"])].revision == 1


async def test_a_change_id_used_for_something_else_is_refused(visits: Visits) -> None:
    one, two = a_visit(), a_visit()
    await visits.send(one, two)
    void = {"id": str(uuid.uuid4()), "replaces": 1}
    assert (await visits.post(f"/v1/visits/{one['id']}:void", void)).status == 200
    for path, body in (
        (f"/v1/visits/{two['id']}:void", void),
        (f"/v1/visits/{two['id']}:correct", correction(two, **void)),
    ):
        assert (await visits.post(path, body)).json["code"] == "id_reused"
    assert (await visits.send(a_visit(id=void["id"])))[0]["errors"][0]["code"] == "id_reused"


async def test_a_void_then_a_resend_of_the_original_is_a_duplicate_and_still_void(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    void = {"id": str(uuid.uuid4()), "replaces": 1, "reason": "nhầm nhà"}
    first = await visits.post(f"/v1/visits/{row['id']}:void", void)
    assert (first.status, first.json["state"]) == (200, "voided")
    assert (await visits.post(f"/v1/visits/{row['id']}:void", void)).json["status"] == "duplicate"
    receipt = (await visits.send(row))[0]
    assert (receipt["status"], receipt["state"]) == ("duplicate", "voided")
    record = (await published(visits))[UUID(row["id"])]
    assert (record.state, record.lines, record.household) == ("voided", [], None)


async def test_a_voided_record_cannot_be_voided_or_corrected_again(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    await visits.post(f"/v1/visits/{row['id']}:void", {"id": str(uuid.uuid4()), "replaces": 1})
    for verb, body in (("void", {"id": str(uuid.uuid4()), "replaces": 2}), ("correct", correction(row, replaces=2))):
        answer = await visits.post(f"/v1/visits/{row['id']}:{verb}", body)
        assert (answer.status, answer.json["code"]) == (409, "already_voided")


async def test_a_change_of_an_unknown_record_is_not_found(visits: Visits) -> None:
    answer = await visits.post(f"/v1/visits/{uuid.uuid4()}:void", {"id": str(uuid.uuid4()), "replaces": 1})
    assert (answer.status, answer.json["code"]) == (404, "record_unknown")


async def test_an_atomic_batch_with_a_bad_row_stores_nothing(visits: Visits) -> None:
    good, bad, waiting = a_visit(), a_visit(team="ZZ"), a_visit(team=str(uuid.uuid4()))
    for rows in ([good, bad], [good, waiting]):
        answer = await visits.post("/v1/visits:batch?atomic=true", {"rows": rows})
        assert (answer.status, answer.json["code"]) == (409, "batch_not_stored")
        assert answer.json["rows"][0]["status"] == "rejected"
    assert await published(visits) == {}
    assert (await visits.send(good, query="?atomic=true"))[0]["status"] == "accepted"


async def test_validating_tells_and_stores_nothing(visits: Visits) -> None:
    stored = a_visit()
    await visits.send(stored)
    rows = [stored, a_visit(), a_visit(team="ZZ"), a_visit(team=str(uuid.uuid4()))]
    answer = await visits.post("/v1/visits:batch?mode=validate", {"rows": rows})
    assert [r["status"] for r in answer.json["rows"]] == ["duplicate", "valid", "rejected", "held"]
    BatchAnswer.model_validate_json(answer.body)
    assert len(await published(visits)) == 1


async def test_receipts_can_be_read_again_by_id_and_by_batch(visits: Visits) -> None:
    rows, batch = [a_visit(), a_visit()], str(uuid.uuid4())
    receipts = await visits.send(*rows, batch_id=batch)
    by_batch = (await visits.get(f"/v1/visits/receipts?batch={batch}")).json["rows"]
    assert {r["record"] for r in by_batch} == {row["id"] for row in rows}
    answer = (await visits.get(f"/v1/visits/receipts?id={rows[0]['id']}&id={uuid.UUID(int=7)}")).json
    assert answer["rows"][0]["position"] == receipts[0]["position"]
    assert answer["not_found"] == [str(uuid.UUID(int=7))]
    assert (await visits.get("/v1/visits/receipts")).json["code"] == "bad_parameter"


async def test_a_team_pages_through_its_own_records_newest_first(visits: Visits) -> None:
    sent = []
    for _ in range(5):
        visits.later(minutes=1)
        sent.append(a_visit())
        await visits.send(sent[-1])
    await visits.send(a_visit(team="SD-02"))
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await visits.get(f"/v1/visits?team=SD-01&limit=2{cursor}")).json
        seen += [RecordView.model_validate_json(json.dumps(r)).id.__str__() for r in page["records"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [row["id"] for row in reversed(sent)]


async def test_a_record_shows_its_revisions_but_no_pseudonym(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    await visits.post(f"/v1/visits/{row['id']}:correct", correction(row, reason="sai số"))
    answer = await visits.get(f"/v1/visits/{row['id']}")
    view = RecordView.model_validate_json(answer.body)
    assert [(r.revision, r.reason) for r in view.revisions] == [(2, "sai số"), (1, None)]
    assert view.revisions[0].lines[0].person == ["national_id", "phone"]
    person = (await published(visits))[UUID(row["id"])].lines[0].person
    assert person is not None
    assert person.national_id is not None
    assert person.national_id.encode() not in answer.body


async def test_records_beyond_the_callers_reach_are_not_found(visits: Visits) -> None:
    row = a_visit(team="XX-01")
    await visits.post("/v1/visits:batch", {"rows": [row]}, client="country")
    assert (await visits.get(f"/v1/visits/{row['id']}", client="country")).status == 200
    assert (await visits.get(f"/v1/visits/{row['id']}")).status == 404
    void = {"id": str(uuid.uuid4()), "replaces": 1}
    assert (await visits.post(f"/v1/visits/{row['id']}:void", void)).status == 404
    report = a_report()
    await visits.post("/v1/partner-reports:batch", {"rows": [report]}, client="bank")
    visits.issuer.client("other-bank", partner_id=UUID(int=22, version=4))
    assert (await visits.get(f"/v1/partner-reports/{report['id']}", client="other-bank")).status == 404
    assert (await visits.get(f"/v1/partner-reports/{report['id']}", client="bank")).json["reporter"] == str(PARTNER)


async def test_an_atomic_batch_that_is_not_stored_shows_no_row_as_stored(visits: Visits) -> None:
    good = a_visit()
    rows = [good, good, a_visit(team=str(uuid.uuid4()))]
    answer = await visits.post("/v1/visits:batch?atomic=true", {"rows": rows})
    assert [row["status"] for row in answer.json["rows"]] == ["rejected"] * 3
    assert not any("position" in row for row in answer.json["rows"])


async def test_an_id_that_could_be_computed_is_refused(visits: Visits) -> None:
    receipt = (await visits.send(a_visit(id=str(uuid.uuid5(uuid.NAMESPACE_URL, "x")))))[0]
    assert receipt["errors"][0]["code"] == "bad_uuid"


async def test_a_receipt_belongs_to_its_platform(visits: Visits) -> None:
    receipt = (await visits.send(a_visit(lines=[a_line(platform=None, receipt="R1")])))[0]
    assert receipt["errors"][0]["code"] == "receipt_without_platform"


@pytest.mark.parametrize("recorded_by", ["087085000001", "0912345678", "+84912345678", "anh 0912345678"])
async def test_a_free_text_that_tells_an_identity_is_refused(visits: Visits, recorded_by: str) -> None:
    receipt = (await visits.send(a_visit(recorded_by=recorded_by)))[0]
    assert receipt["errors"][0]["code"] == "identity_in_text"


@pytest.mark.parametrize("moment", ["9999-12-31T23:00:00Z", "0001-01-01T00:00:00+07:00"])
@pytest.mark.parametrize("name", ["sent_at", "synced_through"])
async def test_a_time_at_the_end_of_the_calendar_is_a_bad_date(visits: Visits, name: str, moment: str) -> None:
    body = {"rows": [a_visit()], "device": "d1", name: moment}
    answer = await visits.post("/v1/visits:batch", body)
    assert (answer.status, answer.json["errors"][0]["code"]) == (422, "bad_date")
