"""A rehearsal counts what a reform would do, and changes nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.metrics.use_cases.rollups import Maker
from tests.support.http import Answer, call
from tests.support.metrics import (
    BANK,
    ELSEWHERE,
    NEW_WARD,
    OTHER_WARD,
    PROVINCE,
    WARD,
    Metrics,
    a_line,
    a_record,
    open_metrics,
    person,
)
from tests.support.postgres import MakeDatabase

ON = "2027-01-01"
MERGED, PART = UUID(int=71, version=4), UUID(int=72, version=4)


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    """Five people in the ward of before, seven in that of today, of whom two are the same; five elsewhere."""
    async with open_metrics(await make_database("metrics")) as opened:
        helped = [
            (WARD, "2025-05-10", range(5)),
            (NEW_WARD, "2026-05-10", range(3, 10)),
            (ELSEWHERE, "2026-05-11", range(5)),
        ]
        lines = [(unit, day, who) for unit, day, people in helped for who in people]
        await opened.fold(
            *(
                a_record(n, a_line(person=person(phone=f"{who}")), unit_id=unit, day=day)
                for n, (unit, day, who) in enumerate(lines, 1)
            )
        )
        yield opened


def state(unit_id: UUID, revision: int, begin: str | None, end: str | None, *onto: UUID, share: str = "whole") -> Any:
    path = [str(PROVINCE), str(unit_id)]
    return {
        "unit_id": str(unit_id),
        "revision": revision,
        "code": "29905",
        "level": "commune",
        "type": "phuong",
        "name": "Phường",
        "short_name": "Phường",
        "valid_from": begin,
        "valid_to": end,
        "parent_id": str(PROVINCE),
        "path": path,
        "within": path,
        "successors": [{"unit_id": str(other), "share": share, "effective": ON} for other in onto],
    }


MERGER = [state(NEW_WARD, 2, "2025-07-01", ON, MERGED), state(MERGED, 1, ON, None)]
SPLIT = [
    state(NEW_WARD, 2, "2025-07-01", ON, MERGED, PART, share="part"),
    state(MERGED, 1, ON, None),
    state(PART, 1, ON, None),
]


async def rehearse(metrics: Metrics, units: list[Any], *, client: str = "exact", **changes: Any) -> Answer:
    asked = {"units": units, "on": ON, "from": "2025-01-01", "to": "2026-12-31", "measures": ["FLD-07"], **changes}
    headers = metrics.issuer.headers(client)
    return await call(metrics.app, "POST", "/v1/metrics:rehearse", headers=headers, body=json.dumps(asked).encode())


def told(answer: Answer) -> dict[tuple[str, str], tuple[Any, Any]]:
    """Give lượt and người before and after by unit and what becomes of it."""
    assert answer.status == 200, answer.body

    def numbers(figures: Any) -> Any:
        return figures and (figures["luot"], figures["nguoi"])

    return {
        (row["unit"]["id"], row["change"]): (numbers(each["before"]), numbers(each["after"]))
        for row in answer.json["units"]
        for each in row["measures"]
    }


@pytest.mark.parametrize("with_rollups", [False, True])
async def test_a_merger_moves_the_numbers_of_whole_units_and_of_their_predecessors(
    metrics: Metrics, with_rollups: bool
) -> None:
    if with_rollups:
        maker = Maker(metrics.engine, metrics.picture.units)
        view = await maker.prepare()
        while await maker.rebuild(view):
            view = await maker.prepare()
    answer = await rehearse(metrics, MERGER)
    assert told(answer) == {
        (str(PROVINCE), "above"): ((12, 10), (12, 10)),
        (str(NEW_WARD), "ends"): ((12, 10), None),
        (str(MERGED), "begins"): (None, (12, 10)),
    }
    assert (answer.json["unallocated"], answer.json["levels_gone"]) == ([], [])
    assert (answer.json["contract"]["boundaries"], answer.json["contract"]["map_revision"]) == (ON, "1.5.5")


async def test_what_a_split_divides_is_unallocated_in_the_province(metrics: Metrics) -> None:
    answer = await rehearse(metrics, SPLIT)
    assert told(answer) == {
        (str(PROVINCE), "above"): ((12, 10), (12, 10)),
        (str(NEW_WARD), "ends"): ((12, 10), None),
    }
    [lost] = answer.json["unallocated"]
    assert (lost["level"], lost["unit"]["id"]) == ("commune", str(PROVINCE))
    assert {ref["id"] for ref in lost["recorded_in"]} == {str(NEW_WARD), str(WARD)}
    assert (lost["measures"][0]["after"]["luot"], lost["measures"][0]["after"]["nguoi"]) == (12, 10)


async def test_nothing_of_it_is_kept(metrics: Metrics) -> None:
    asked: dict[str, Any] = {"to": "2027-12-31", "boundaries": "2027-06-01", "group_by": ["unit:commune"]}
    before = await metrics.numbers(**asked)
    await rehearse(metrics, SPLIT)
    assert await metrics.numbers(**asked) == before
    assert metrics.picture.units.get(MERGED) is None


async def test_teams_and_partners_are_told_apart(metrics: Metrics) -> None:
    await metrics.fold(
        a_record(99, a_line(person=person(phone="1")), unit_id=NEW_WARD, day="2026-05-12", reporter=BANK)
    )
    answer = await rehearse(metrics, MERGER)
    after = next(row for row in answer.json["units"] if row["change"] == "begins")["measures"][0]["after"]
    assert (after["luot"], after["luot_team"], after["luot_partner"], after["nguoi"]) == (None, 12, 1, 10)
    assert after["reasons"] == {"luot": "mixed_reporter_kinds", "ho": "no_reports"} or after["ho"] == 0


async def test_a_measure_with_a_small_number_is_withheld_in_every_row(metrics: Metrics) -> None:
    assert told(await rehearse(metrics, MERGER, client="portal"))[str(MERGED), "begins"] == (None, (12, 10))
    # One more in a ward that is gone: who is in the new unit beyond the old one would be that one.
    await metrics.fold(a_record(98, a_line(person=person(phone="x")), unit_id=OTHER_WARD, day="2026-05-13"))
    other = [*MERGER, {**state(OTHER_WARD, 2, None, "2025-07-01", MERGED), "code": "29908"}]
    assert told(await rehearse(metrics, other))[str(MERGED), "begins"] == (None, (13, 11))
    answer = await rehearse(metrics, other, client="portal")
    assert set(told(answer).values()) <= {((None, None), (None, None)), ((None, None), None), (None, (None, None))}
    figures = answer.json["units"][0]["measures"][0]["before"]
    assert {"luot", "luot_team", "nguoi"} <= set(figures["suppressed"])


async def test_only_what_the_caller_may_see_is_counted(metrics: Metrics) -> None:
    answer = await rehearse(metrics, MERGER, client="new ward")
    assert told(answer)[str(PROVINCE), "above"] == ((12, 10), (12, 10))
    refused = await rehearse(metrics, [state(ELSEWHERE, 2, None, ON)], client="new ward")
    assert (refused.status, refused.json["code"]) == (403, "outside_subtree")
    assert (await rehearse(metrics, MERGER, client="app")).status == 403


@pytest.mark.parametrize(
    ("units", "changes", "code", "pointer"),
    [
        ([*MERGER, MERGER[1]], {}, "unit_told_twice", "/units/2/unit_id"),
        ([state(NEW_WARD, 1, "2025-07-01", ON)], {}, "unit_revision_known", "/units/0/revision"),
        ([state(MERGED, 1, ON, ON)], {}, "unit_never_valid", "/units/0/valid_to"),
        ([{**MERGER[1], "parent_id": str(WARD)}], {}, "unit_path_unsound", "/units/0/path"),
        ([{**MERGER[1], "path": [str(MERGED), str(PROVINCE)]}], {}, "unit_path_unsound", "/units/0/path"),
        (
            [{**MERGER[1], "path": [str(PART), str(MERGED)], "parent_id": str(PART)}],
            {},
            "unit_path_unsound",
            "/units/0/path",
        ),
        (MERGER, {"measures": ["FLD-99"]}, "unknown_measure", "/measures/0"),
        (MERGER, {"to": "2024-12-31"}, "range_reversed", "/from"),
        (MERGER, {"on": "0001-01-01"}, "malformed", "/on"),
        ([], {}, "malformed", "/units"),
        ([state(UUID(int=n, version=4), 1, ON, None) for n in range(2001)], {}, "malformed", "/units"),
    ],
)
async def test_what_cannot_be_rehearsed_is_refused_at_its_place(
    metrics: Metrics, units: list[Any], changes: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await rehearse(metrics, units, **changes)
    assert (answer.status, answer.json["code"]) == (422, code)
    assert answer.json["errors"][0]["pointer"] == pointer
