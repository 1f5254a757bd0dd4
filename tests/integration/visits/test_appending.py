"""Many rows are copied into the log, few are inserted: what stands there then is the same, and nothing twice."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from libs.common.db import transaction
from libs.common.log import Position
from tests.support.postgres import MakeDatabase
from tests.support.visits import Visits, a_line, a_report, a_visit, open_visits

MANY = 60


@pytest_asyncio.fixture(scope="module")
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    async with open_visits(await make_database("visits")) as opened:
        yield opened


async def _rows(visits: Visits, ids: list[str]) -> dict[str, dict[str, Any]]:
    async with transaction(visits.engine, readonly=True) as connection:
        rows = await connection.fetch(
            "SELECT *, body::text AS body, xid::text::bigint AS xid FROM log WHERE record_id = ANY($1)", ids
        )
    return {str(row["record_id"]): dict(row) for row in rows}


async def test_each_receipt_names_the_position_at_which_its_row_stands(visits: Visits) -> None:
    sent = [a_visit() for _ in range(MANY)]
    receipts = await visits.send(*sent)
    stored = await _rows(visits, [row["id"] for row in sent])
    for receipt in receipts:
        row = stored[receipt["id"]]
        assert receipt["status"] == "accepted"
        assert receipt["position"] == f"visits:{Position(row['epoch'], row['xid'], row['seq'])}"


async def test_a_row_is_the_same_copied_or_inserted(visits: Visits) -> None:
    """Also one that is held, flagged, without an optional part, or of a device with a clock ahead."""
    unknown = str(uuid.uuid4())
    kinds: list[dict[str, Any]] = [
        {},
        {"team": unknown},
        {"unit": unknown, "household": None, "recorded_by": None, "channel": None},
        {"lines": [a_line(measure="FLD-12", quantity=3)], "occurred_at": "2026-11-03T01:00:00+07:00", "consent": None},
        {"recorded_by": 'Tổ "ba" \\ 👵', "occurred_at": "2025-05-10T08:30:00.123456-11:30"},
    ]
    envelope = {"sent_at": "2026-11-03T03:00:00Z", "batch_id": str(uuid.uuid4())}
    one_by_one = [a_visit(**changes) for changes in kinds]
    receipts = [(await visits.send(row, **envelope))[0] for row in one_by_one]
    together = [{**row, "id": str(uuid.uuid4())} for row in one_by_one]
    receipts += (await visits.send(*together, *(a_visit() for _ in range(MANY)), **envelope))[: len(kinds)]
    stored = await _rows(visits, [receipt["id"] for receipt in receipts])
    assert len(stored) == 2 * len(kinds)
    own = {"record_id", "change_id", "xid", "seq", "digest", "request_id", "appended_at", "body"}
    for single, copied in zip(one_by_one, together, strict=True):
        first, second = stored[single["id"]], stored[copied["id"]]
        assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}
        assert first["body"] == second["body"].replace(copied["id"], single["id"])
        assert len(first["digest"]) == len(second["digest"]) == 32
        assert second["request_id"]
    for receipt in receipts:
        assert receipt["status"] == ("held" if unknown in str(receipt["waiting_for"]) else "accepted")


async def test_of_a_batch_that_was_partly_stored_only_the_rest_is_stored_now(visits: Visits) -> None:
    sent = [a_visit() for _ in range(MANY)]
    before = await visits.send(*sent[10:40])
    receipts = await visits.send(*sent)
    assert [r["status"] for r in receipts] == ["accepted"] * 10 + ["duplicate"] * 30 + ["accepted"] * 20
    assert [r["position"] for r in receipts[10:40]] == [r["position"] for r in before]
    assert [r["status"] for r in await visits.send(*sent)] == ["duplicate"] * MANY
    assert len(await _rows(visits, [row["id"] for row in sent])) == MANY


async def test_a_batch_sent_many_times_at_once_is_stored_once(visits: Visits) -> None:
    sent = [a_visit() for _ in range(MANY)]
    answers = await asyncio.gather(*(visits.send(*reversed(sent[k:]), *sent[:k]) for k in range(6)))
    statuses: dict[str, list[str]] = {}
    for receipt in (receipt for answer in answers for receipt in answer):
        statuses.setdefault(receipt["id"], []).append(receipt["status"])
    assert len(statuses) == MANY
    assert all(sorted(found) == ["accepted"] + ["duplicate"] * 5 for found in statuses.values())


async def test_of_many_rows_one_that_reuses_an_id_is_rejected_alone(visits: Visits) -> None:
    sent = [a_visit() for _ in range(MANY)]
    await visits.send(sent[7])
    receipts = await visits.send(*sent[:7], {**sent[7], "recorded_by": "m-9"}, *sent[8:], sent[0])
    assert [r["status"] for r in receipts[:-1]] == ["rejected" if k == 7 else "accepted" for k in range(MANY)]
    assert (receipts[7]["errors"][0]["code"], receipts[-1]["status"]) == ("id_reused", "duplicate")


async def test_an_atomic_batch_of_many_stores_nothing_where_one_row_is_bad(visits: Visits) -> None:
    sent = [a_visit() for _ in range(MANY)]
    answer = await visits.post("/v1/visits:batch?atomic=true", {"rows": [*sent, a_visit(team="ZZ")]})
    assert (answer.status, answer.json["code"]) == (409, "batch_not_stored")
    assert {row["errors"][0]["code"] for row in answer.json["rows"]} == {"batch_not_stored", "unknown_team_code"}
    assert await _rows(visits, [row["id"] for row in sent]) == {}
    assert [r["status"] for r in await visits.send(*sent)] == ["accepted"] * MANY


async def test_many_reports_of_a_partner_are_stored_too(visits: Visits) -> None:
    rows = [a_report() for _ in range(MANY)]
    answer = await visits.post("/v1/partner-reports:batch", {"rows": rows}, client="bank")
    assert answer.json["counts"]["accepted"] == MANY
