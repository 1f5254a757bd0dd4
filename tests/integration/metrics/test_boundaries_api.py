"""Boundaries in time as a portal asks for them, on the real map: rows move, totals never do."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.metrics.use_cases.rollups import Maker
from tests.support.metrics import TEAMS, Metrics, a_line, a_record, open_metrics, person
from tests.support.postgres import MakeDatabase
from tests.support.real_map import real_map, real_units

BEFORE, TODAY = date(2025, 6, 30), date(2026, 1, 1)
YEARS: dict[str, Any] = {"from_": "2024-01-01", "to": "2026-06-30"}


def unit(code: str, day: date) -> UUID:
    return next(each.unit_id for each in real_units() if each.code == code and each.valid_on(day))


OLD_WARD, OLD_CITY, OLD_PROVINCE = unit("29905", BEFORE), unit("867", BEFORE), unit("87", BEFORE)
NEW_WARD, TAN_DUONG, DIVIDED = unit("29905", TODAY), unit("30214", TODAY), unit("29995", BEFORE)
PLACES = [OLD_WARD, OLD_CITY, NEW_WARD, TAN_DUONG, DIVIDED]


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    """One visit in each place, of a person of its own and one whom everybody helps."""
    async with open_metrics(await make_database("metrics")) as opened:
        opened.picture.units = real_map()
        opened.issuer.client("dong thap", unit_id=unit("82", TODAY))
        days = ["2025-05-10", "2025-05-11", "2026-03-01", "2026-03-02", "2025-04-01"]
        await opened.fold(
            *(
                a_record(
                    n,
                    a_line(1, person=person(phone=f"own {n}")),
                    a_line(2, person=person(phone="everybody")),
                    unit_id=place,
                    day=day,
                    reporter=TEAMS[n % 2],
                )
                for n, (place, day) in enumerate(zip(PLACES, days, strict=True), 1)
            )
        )
        yield opened


def rows(answer: Any) -> dict[tuple[str | None, bool], tuple[int, int]]:
    """Give lượt and người by the row's code and whether it is unallocated."""
    return {
        (row["unit"] and row["unit"]["code"], row["unallocated"]): (row["luot"], row["nguoi"]) for row in answer["rows"]
    }


async def test_an_abolished_district_has_the_later_facts_that_lie_wholly_in_it(metrics: Metrics) -> None:
    by_district = await metrics.numbers(**YEARS, boundaries="2025-06-30", group_by=["unit:district"])
    assert rows(by_district) == {("867", False): (6, 4), ("870", False): (2, 2), ("87", True): (2, 2)}
    for reference in ("867", str(OLD_CITY)):
        of_city = await metrics.numbers(**YEARS, boundaries="2025-06-30", filters={"unit": [reference]})
        assert (of_city["total"]["luot"], of_city["total"]["nguoi"]) == (6, 4)


async def test_the_same_facts_by_the_units_of_today(metrics: Metrics) -> None:
    by_commune = await metrics.numbers(**YEARS, boundaries="current", group_by=["unit:commune"])
    assert rows(by_commune) == {("29905", False): (4, 3), ("30214", False): (2, 2), ("82", True): (4, 3)}
    of_city = await metrics.numbers(
        **YEARS, boundaries="current", group_by=["unit:commune"], filters={"unit": [str(OLD_CITY)]}
    )
    assert rows(of_city) == {("29905", False): (4, 3), ("82", True): (2, 2)}


@pytest.mark.parametrize("with_rollups", [False, True])
async def test_totals_never_change_with_the_boundaries(metrics: Metrics, with_rollups: bool) -> None:
    if with_rollups:
        maker = Maker(metrics.engine, metrics.picture.units)
        view = await maker.prepare()
        while await maker.rebuild(view):
            view = await maker.prepare()
    for filters in ({}, {"unit": [str(unit("82", TODAY))]}, {"unit": [str(OLD_PROVINCE)]}):
        told = {
            (str(row["unit"]), answer["total"]["luot"], answer["total"]["nguoi"], answer["total"]["unknown"])
            for boundaries in ("as_recorded", "current", "2025-06-30", "2025-07-01", "2024-01-01")
            for group_by in ([], ["unit:province"], ["unit:commune", "time:month"])
            if (answer := await metrics.numbers(**YEARS, boundaries=boundaries, group_by=group_by, filters=filters))
            for row in [answer["total"]]
            if boundaries != "as_recorded" or filters != {"unit": [str(OLD_PROVINCE)]}
        }
        assert len(told) == 1, (filters, told)


async def test_the_contract_names_the_day_the_map_and_since_when_it_is_known(metrics: Metrics) -> None:
    async def told(boundaries: str) -> tuple[Any, ...]:
        contract = (await metrics.numbers(**YEARS, boundaries=boundaries))["contract"]
        assert contract["map_revision"] == "1.5.5"
        return contract["boundaries"], contract["boundaries_on"], contract["map_known_from"]

    assert await told("current") == ("current", "2026-01-01", None)
    assert await told("2025-06-30") == ("2025-06-30", "2025-06-30", None)
    assert await told("2024-05-01") == ("2024-05-01", "2024-05-01", "2025-06-30")
    assert await told("as_recorded") == ("as_recorded", None, None)


async def test_current_is_another_answer_after_midnight_in_hanoi_and_a_day_is_not(metrics: Metrics) -> None:
    asked = "measures=FLD-07&from=2024-01-01&to=2026-06-30&boundaries="
    metrics.clock.now = datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC)
    before, fixed = await metrics.get(f"{asked}current"), await metrics.get(f"{asked}2025-06-30")
    metrics.clock.now = datetime(2025, 6, 30, 17, tzinfo=UTC)
    after = await metrics.get(f"{asked}current", headers={"if-none-match": before.headers["etag"]})
    assert (after.status, after.json["contract"]["boundaries_on"]) == (200, "2025-07-01")
    assert after.headers["x-revision"] != before.headers["x-revision"]
    same = await metrics.get(f"{asked}2025-06-30", headers={"if-none-match": fixed.headers["etag"]})
    assert (same.status, same.headers["x-revision"]) == (304, after.headers["x-revision"])


async def test_a_map_that_changes_is_followed_by_the_next_answer(metrics: Metrics) -> None:
    asked: dict[str, Any] = {**YEARS, "boundaries": "current", "group_by": ["unit:commune"]}
    first = await metrics.ask(**asked)
    whole = next(each for each in real_units() if each.unit_id == DIVIDED)
    metrics.picture.units.take(type(whole)(**{**_values(whole), "revision": 2, "successors": (NEW_WARD,)}))
    metrics.picture.moved((1, 6, 6), map_changed=True)
    second = await metrics.ask(**asked, headers={"if-none-match": first.headers["etag"]})
    assert second.json["contract"]["map_revision"] == "1.6.6"
    assert rows(second.json) == {("29905", False): (6, 4), ("30214", False): (2, 2), ("82", True): (2, 2)}


def _values(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in type(of).__slots__}


async def test_a_callers_subtree_holds_whatever_the_boundaries(metrics: Metrics) -> None:
    everything = await metrics.numbers(client="exact", **YEARS, boundaries="2025-06-30")
    own = await metrics.numbers(client="dong thap", **YEARS, boundaries="2025-06-30", filters={"unit": ["87"]})
    assert own["total"]["luot"] == everything["total"]["luot"] == 10
    elsewhere = await metrics.ask(client="dong thap", **YEARS, boundaries="2025-06-30", filters={"unit": ["01"]})
    assert (elsewhere.status, elsewhere.json["code"]) == (403, "outside_subtree")


async def test_a_level_of_no_unit_of_the_day_is_refused(metrics: Metrics) -> None:
    answer = await metrics.ask(**YEARS, boundaries="current", group_by=["unit:district"])
    assert (answer.status, answer.json["code"]) == (422, "level_not_on_day")
    assert "2025-06-30" in answer.json["en"]


async def test_unallocated_rows_are_withheld_like_others(metrics: Metrics) -> None:
    told = await metrics.numbers(client="portal", **YEARS, boundaries="current", group_by=["unit:commune"])
    assert [(row["unallocated"], row["nguoi"]) for row in told["rows"]] == [(False, None), (False, None), (True, None)]
