"""Held records: counted when what they wait for comes, expired when it never does; and what is said of progress."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio

from services.visits.domain.directory import Team, Unit
from tests.integration.visits.life import correction, progress_of, published, settle
from tests.support.postgres import MakeDatabase
from tests.support.visits import (
    NEW_WARD,
    OTHER_WARD,
    Visits,
    a_visit,
    open_visits,
)


@pytest_asyncio.fixture
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    async with open_visits(await make_database("visits")) as opened:
        yield opened


async def test_a_held_visit_is_counted_when_its_team_comes_and_not_before(visits: Visits) -> None:
    team = uuid.uuid4()
    row = a_visit(team=str(team))
    await visits.send(row)
    assert await published(visits) == {}
    assert await settle(visits) == 0
    visits.directory.add_team(Team(team, 1, "SD-99", OTHER_WARD, None, None))
    assert await settle(visits) == 1
    record = (await published(visits))[UUID(row["id"])]
    assert (record.revision, record.edition, record.unit_id) == (1, 1, OTHER_WARD)
    receipt = (await visits.send(row))[0]
    assert (receipt["status"], receipt["state"]) == ("duplicate", "recorded")


async def test_a_held_visit_whose_unit_turns_out_to_lie_elsewhere_expires_with_the_reason(visits: Visits) -> None:
    unit = uuid.uuid4()
    row = a_visit(unit=str(unit))
    assert (await visits.send(row))[0]["status"] == "held"
    visits.directory.add_unit(Unit(unit, 1, "00077", None, None, frozenset({unit})))
    await settle(visits)
    record = (await visits.get(f"/v1/visits/{row['id']}")).json
    assert (record["state"], record["revisions"][0]["reason"]) == ("expired", "outside_subtree")
    assert await published(visits) == {}


async def test_a_team_whose_ward_is_no_more_counts_in_the_ward_that_took_it_whole(visits: Visits) -> None:
    after = "2025-08-10T08:30:00+07:00"
    row = a_visit(occurred_at=after)
    assert (await visits.send(row))[0]["status"] == "accepted"
    assert (await published(visits))[UUID(row["id"])].unit_id == NEW_WARD
    divided = (await visits.send(a_visit(team="SD-02", occurred_at=after)))[0]
    assert (divided["status"], divided["waiting_for"]) == ("held", [f"successor:{OTHER_WARD}"])


async def test_a_visit_held_for_more_than_thirty_days_expires(visits: Visits) -> None:
    row = a_visit(team=str(uuid.uuid4()))
    await visits.send(row)
    assert await settle(visits, visits.clock["now"] + timedelta(days=29)) == 0
    assert await settle(visits, visits.clock["now"] + timedelta(days=31)) == 1
    assert (await visits.send(row))[0]["state"] == "expired"


async def test_a_held_visit_can_be_voided_and_nobody_is_told_of_it(visits: Visits) -> None:
    row = a_visit(team=str(team := uuid.uuid4()))
    await visits.send(row)
    answer = await visits.post(f"/v1/visits/{row['id']}:void", {"id": str(uuid.uuid4()), "replaces": 1})
    assert answer.json["state"] == "voided"
    visits.directory.add_team(Team(team, 1, "SD-99", OTHER_WARD, None, None))
    assert await settle(visits) == 0
    assert await published(visits) == {}


async def test_what_is_held_and_until_when_all_was_sent_is_told_behind_the_rows(visits: Visits) -> None:
    team = uuid.uuid4()
    held = a_visit(team=str(team))
    await visits.send(held)
    (progress,) = await progress_of(visits)
    assert (progress.reporter.id, progress.device) == (team, None)
    assert progress.held_since == datetime(2025, 5, 10, 1, 30, tzinfo=UTC)
    visits.directory.add_team(Team(team, 1, "SD-99", OTHER_WARD, None, None))
    await settle(visits)
    (progress,) = await progress_of(visits)
    assert (progress.held_since, progress.revision) == (None, 2)


async def test_synced_through_only_moves_forward_also_by_an_empty_batch(visits: Visits) -> None:
    async def say(through: str, *rows: dict[str, Any], **envelope: Any) -> None:
        await visits.send(*rows, device="d1", synced_through=through, **envelope)

    await say("2025-05-10T10:00:00Z", a_visit())
    await say("2025-05-09T10:00:00Z", reporter="SD-01")
    (progress,) = await progress_of(visits)
    assert progress.synced_through == datetime(2025, 5, 10, 10, tzinfo=UTC)
    await say("2025-05-11T10:00:00Z", reporter="SD-01")
    (progress,) = await progress_of(visits)
    assert (progress.synced_through, progress.revision) == (datetime(2025, 5, 11, 10, tzinfo=UTC), 2)


async def test_a_batch_with_a_rejected_row_does_not_claim_to_be_complete(visits: Visits) -> None:
    envelope = {"device": "d1", "synced_through": "2025-05-10T10:00:00Z"}
    answer = await visits.post("/v1/visits:batch", {**envelope, "rows": [a_visit(), a_visit(team="ZZ")]})
    assert answer.json["synced_through"] is None
    assert await progress_of(visits) == []


async def test_many_devices_saying_so_at_once_lose_nothing(visits: Visits) -> None:
    days = [f"2025-05-{day:02}T10:00:00Z" for day in range(1, 21)]
    await asyncio.gather(
        *(visits.send(a_visit(), device="d1", synced_through=through) for through in days),
    )
    (progress,) = await progress_of(visits)
    assert progress.synced_through == datetime(2025, 5, 20, 10, tzinfo=UTC)


async def test_a_void_and_a_settling_at_the_same_time_leave_the_record_void(visits: Visits) -> None:
    """Whichever comes first, what is voided is never told of as recorded."""
    for _ in range(10):
        team = uuid.uuid4()
        row = a_visit(team=str(team))
        await visits.send(row)
        visits.directory.add_team(Team(team, 1, f"SD-{team}", OTHER_WARD, None, None))
        void = {"id": str(uuid.uuid4()), "replaces": 1}
        await asyncio.gather(settle(visits), visits.post(f"/v1/visits/{row['id']}:void", void))
        record = (await published(visits)).get(UUID(row["id"]))
        assert record is None or record.state == "voided"
        assert (await visits.get(f"/v1/visits/{row['id']}")).json["state"] == "voided"


async def test_a_correction_that_expired_while_held_does_not_lock_the_record(visits: Visits) -> None:
    row = a_visit()
    await visits.send(row)
    held = correction(row, unit=str(uuid.uuid4()))
    assert (await visits.post(f"/v1/visits/{row['id']}:correct", held)).json["status"] == "held"
    await settle(visits, visits.clock["now"] + timedelta(days=31))
    assert (await published(visits))[UUID(row["id"])].revision == 1
    answer = await visits.post(f"/v1/visits/{row['id']}:void", {"id": str(uuid.uuid4()), "replaces": 2})
    assert answer.status == 200, answer.body
    assert (await published(visits))[UUID(row["id"])].state == "voided"
