"""The lane for loading much: larger batches, a few at a time, while live work goes on."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.contracts.visits_bodies import MAX_BULK_ROWS
from tests.support.postgres import MakeDatabase
from tests.support.visits import Visits, a_line, a_report, a_visit, open_visits

PLACES = 4


@pytest_asyncio.fixture(scope="module")
async def visits(make_database: MakeDatabase) -> AsyncIterator[Visits]:
    async with open_visits(await make_database("visits")) as opened:
        yield opened


def _rows(count: int) -> list[dict[str, Any]]:
    return [a_visit(lines=[a_line(person={"phone": f"09{number:08}"})]) for number in range(count)]


async def test_five_thousand_rows_are_stored_answered_and_read_again(visits: Visits) -> None:
    body: dict[str, Any] = {"batch_id": str(uuid.uuid4()), "rows": [*_rows(MAX_BULK_ROWS - 1), a_visit(team="ZZ")]}
    answer = await visits.post("/v1/visits:bulk", body)
    assert answer.status == 200, answer.body[:500]
    counts = {"accepted": MAX_BULK_ROWS - 1, "duplicate": 0, "held": 0, "rejected": 1, "valid": 0}
    assert answer.json["counts"] == counts
    assert [row["id"] for row in answer.json["rows"]] == [row["id"] for row in body["rows"]]
    again = (await visits.post("/v1/visits:bulk", body)).json
    assert (again["counts"]["duplicate"], again["position"]) == (MAX_BULK_ROWS - 1, answer.json["position"])
    read = (await visits.get(f"/v1/visits/receipts?batch={body['batch_id']}")).json
    assert len(read["rows"]) == MAX_BULK_ROWS - 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (json.dumps({"rows": [{}] * (MAX_BULK_ROWS + 1)}).encode(), "too_many_rows"),
        (b'{"rows": []' + b" " * 16 * 1024 * 1024 + b"}", "body_too_large"),
    ],
    ids=["rows", "bytes"],
)
async def test_more_than_that_is_refused(visits: Visits, body: bytes, code: str) -> None:
    answer = await visits.post("/v1/visits:bulk", body)
    assert (answer.status, answer.json["code"]) == (413, code)


async def test_a_partner_loads_its_reports_and_nobody_else(visits: Visits) -> None:
    rows = [a_report() for _ in range(600)]
    assert (await visits.post("/v1/partner-reports:bulk", {"rows": rows})).json["code"] == "not_a_partner"
    answer = await visits.post("/v1/partner-reports:bulk", {"rows": rows}, client="bank")
    assert answer.json["counts"]["accepted"] == 600


async def test_a_hostile_row_among_many_is_named_and_an_atomic_load_stores_nothing(visits: Visits) -> None:
    rows = [json.dumps(row) for row in _rows(700)]
    rows[650] = rows[650].replace('"team"', '"team": "SD-02", "team"')
    body = f'{{"rows": [{",".join(rows)}]}}'.encode()
    refused = await visits.post("/v1/visits:bulk?atomic=true", body)
    assert (refused.status, refused.json["code"]) == (409, "batch_not_stored")
    answer = (await visits.post("/v1/visits:bulk", body)).json
    assert answer["counts"]["accepted"] == 699
    assert answer["rows"][650]["errors"][0]["code"] == "duplicate_key"


async def test_live_work_goes_on_while_much_is_loaded(visits: Visits) -> None:
    load = asyncio.ensure_future(visits.post("/v1/visits:bulk", {"rows": _rows(MAX_BULK_ROWS)}))
    served = 0
    while not load.done():
        assert (await visits.send(a_visit()))[0]["status"] == "accepted"
        served += 1
    assert (await load).json["counts"]["accepted"] == MAX_BULK_ROWS
    assert served >= 5


async def test_where_no_place_is_free_nothing_is_stored_and_the_client_is_told_when_to_come_again(
    visits: Visits,
) -> None:
    bodies = [{"rows": _rows(50)} for _ in range(PLACES + 1)]
    answers = await asyncio.gather(*(visits.post("/v1/visits:bulk", body) for body in bodies))
    assert [answer.status for answer in answers] == [200] * PLACES + [503]
    assert (answers[-1].json["code"], answers[-1].headers["retry-after"]) == ("bulk_busy", "2")
    assert (await visits.post("/v1/visits:bulk", bodies[-1])).json["counts"]["accepted"] == 50
