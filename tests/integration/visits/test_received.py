"""What is sent is counted by its outcome, who sent it, and the province that it is of today."""

import uuid
from collections.abc import AsyncIterator

import pytest_asyncio

from services.visits.domain.directory import Unit
from services.visits.use_cases.received import RECEIVED
from tests.integration.visits.life import correction
from tests.support.postgres import MakeDatabase
from tests.support.visits import CITY, NEW_WARD, REFORM, WARD, Visits, a_report, a_visit, open_visits

PROVINCE = uuid.UUID(int=99, version=4)


@pytest_asyncio.fixture
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    async with open_visits(await make_database("visits")) as opened:
        directory = opened.directory
        directory.add_unit(Unit(PROVINCE, 1, "82", REFORM, None, frozenset({PROVINCE})))
        directory.add_unit(
            Unit(NEW_WARD, 2, "29905", REFORM, None, frozenset({NEW_WARD, PROVINCE}), None, (), PROVINCE)
        )
        within = frozenset({WARD, CITY, NEW_WARD, PROVINCE})
        directory.add_unit(Unit(WARD, 2, "29905", None, REFORM, within, NEW_WARD, (), CITY))
        yield opened


def counted(visits: Visits) -> dict[tuple[str, str, str], float]:
    [family] = [family for family in visits.registry.collect() if f"{family.name}_total" == RECEIVED.name]
    return {
        (labels["outcome"], labels["source"], labels["province"]): sample.value
        for sample in family.samples
        for labels in [sample.labels]
        if sample.value and sample.name == RECEIVED.name
    }


async def test_each_row_of_a_batch_counts_once_under_what_became_of_it(visits: Visits) -> None:
    good, unknown_team = a_visit(), str(uuid.uuid4())
    batch = {"rows": [good, good, a_visit(team=unknown_team, unit="29905"), a_visit(lines=[])]}
    answer = await visits.post("/v1/visits:batch", batch)
    assert answer.json["counts"] == {"accepted": 1, "duplicate": 1, "held": 1, "rejected": 1, "valid": 0}
    assert counted(visits) == {
        ("accepted", "team", "82"): 1,
        ("duplicate", "team", "82"): 1,
        ("held", "team", "82"): 1,
        ("rejected", "team", ""): 1,
    }


async def test_a_partners_reports_have_their_own_source(visits: Visits) -> None:
    await visits.post("/v1/partner-reports:batch", {"rows": [a_report()]}, client="bank")
    assert counted(visits) == {("accepted", "partner", "82"): 1}


async def test_what_is_only_checked_is_not_received(visits: Visits) -> None:
    await visits.post("/v1/visits:batch?mode=validate", {"rows": [a_visit()]})
    assert counted(visits) == {}


async def test_of_an_atomic_batch_that_was_refused_every_row_is_rejected(visits: Visits) -> None:
    answer = await visits.post("/v1/visits:batch?atomic=true", {"rows": [a_visit(), a_visit(lines=[])]})
    assert answer.status == 409
    assert counted(visits) == {("rejected", "team", "82"): 1, ("rejected", "team", ""): 1}


async def test_corrections_and_voids_are_received_too(visits: Visits) -> None:
    visit = a_visit()
    await visits.post("/v1/visits:batch", {"rows": [visit]})
    asked = correction(visit)
    answer = await visits.post(f"/v1/visits/{visit['id']}:correct", asked)
    assert answer.status == 200, answer.body
    void = {"id": str(uuid.uuid4()), "replaces": 2, "reason": "nhập sai"}
    assert (await visits.post(f"/v1/visits/{visit['id']}:void", void)).status == 200
    assert counted(visits) == {("accepted", "team", "82"): 3}
