"""Questions, groups, units of numbers, and how complete they are."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from pyroaring import BitMap

from libs.common.problem import Problem
from services.metrics.domain.answer import Matching, Sums, numbers_of, total_of
from services.metrics.domain.completeness import Synced, complete_through
from services.metrics.domain.facts import KIND_RANGE, PARTNER, TEAM
from services.metrics.domain.grouping import Place, grouper, period_of
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question, check, scope_of
from tests.support.metrics import CITY, ELSEWHERE, OTHER_WARD, PROVINCE, TEAMS, WARD, a_picture

DAY = date(2025, 5, 10)


def a_question(**changes: object) -> Question:
    asked = {
        "measures": ["FLD-07"],
        "first": DAY,
        "last": DAY,
        "group_by": (),
        "units": (),
        "reporter_kind": None,
        "reporters": (),
        "platforms": (),
        "answers": frozenset({"luot"}),
        "boundaries": "as_recorded",
    }
    return Question(**{**asked, **changes})  # type: ignore[arg-type]


def refusal(question: Question, subtree: UUID | None = None) -> Problem:
    try:
        check(question, a_picture())
        scope_of(question, a_picture(), subtree)
    except Problem as problem:
        return problem
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize(
    ("span", "day", "name"),
    [
        ("day", date(2025, 5, 10), "2025-05-10"),
        ("week", date(2025, 5, 10), "2025-W19"),
        ("week", date(2024, 12, 30), "2025-W01"),
        ("week", date(2027, 1, 3), "2026-W53"),
        ("month", date(2025, 5, 10), "2025-05"),
        ("year", date(2025, 5, 10), "2025"),
    ],
)
def test_periods_are_named_as_iso_8601_does(span: str, day: date, name: str) -> None:
    assert period_of(span, day) == name


def test_a_fact_recorded_above_the_level_asked_for_is_unallocated() -> None:
    group = grouper(["unit:commune", "time:month"], a_picture())
    at_ward = group(Place(WARD, "FLD-07", "", DAY, TEAMS[0], TEAM))
    at_city = group(Place(CITY, "FLD-07", "", DAY, TEAMS[0], TEAM))
    assert (at_ward.unit_id, at_ward.unallocated, at_ward.values) == (WARD, False, (str(WARD), "2025-05"))
    assert (at_city.unit_id, at_city.unallocated, at_city.values) == (CITY, True, (str(CITY), "2025-05"))


def test_a_ward_belongs_to_the_province_of_its_path() -> None:
    group = grouper(["platform", "unit:province"], a_picture())(Place(WARD, "FLD-07", "", DAY, TEAMS[0], TEAM))
    assert group.values == (None, str(PROVINCE))


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"first": date(2025, 5, 11)}, "range_reversed", "/from"),
        ({"last": date(2035, 5, 18)}, "range_too_long", "/to"),
        ({"group_by": ("time:day", "unit:commune", "time:week")}, "grouping_repeated", "/group_by/2"),
        ({"group_by": ("measure", "measure")}, "grouping_repeated", "/group_by/1"),
        ({"measures": ["FLD-07", "FLD-99"]}, "unknown_measure", "/measures/1"),
        ({"platforms": ["e-dongthap", "nope"]}, "unknown_platform", "/filters/platform/1"),
        ({"units": [str(UUID(int=999))]}, "unknown_unit", "/filters/unit/0"),
        ({"units": ["29905", "nope"]}, "unknown_unit", "/filters/unit/1"),
    ],
)
def test_what_cannot_be_answered_is_refused_at_its_place(changes: dict[str, object], code: str, pointer: str) -> None:
    problem = refusal(a_question(**changes))
    assert (problem.code, problem.faults[0].pointer) == (code, pointer)


def test_the_longest_range_is_3660_days() -> None:
    check(a_question(last=date(2035, 5, 17)), a_picture())


def test_a_code_means_the_unit_that_bears_it_on_the_last_day() -> None:
    picture = a_picture()
    before = scope_of(a_question(units=["29905"]), picture, None)
    after = scope_of(a_question(units=["29905"], last=date(2025, 8, 1)), picture, None)
    assert before == frozenset({WARD})
    assert after != before
    problem = refusal(a_question(units=["867"], last=date(2025, 8, 1)))
    assert (problem.code, problem.faults[0].code) == ("unknown_unit", "unit_code_not_valid_on_day")


def test_a_filter_and_an_access_both_mean_the_territory_whatever_the_time_of_the_units_in_it() -> None:
    picture = a_picture()
    assert scope_of(a_question(units=["867"]), picture, None) == frozenset({CITY, WARD, OTHER_WARD})
    assert scope_of(a_question(), picture, CITY) == frozenset({CITY, WARD, OTHER_WARD})
    assert scope_of(a_question(), picture, None) is None
    new_ward = picture.units.with_code("29905")[-1].unit_id
    assert scope_of(a_question(), picture, new_ward) == frozenset({new_ward, WARD})


def test_a_filter_by_a_successor_takes_what_lay_wholly_in_it_before_and_not_the_other_way_round() -> None:
    picture = a_picture()
    new_ward = picture.units.with_code("29905")[-1].unit_id
    assert scope_of(a_question(units=[str(new_ward)]), picture, None) == frozenset({new_ward, WARD})
    later = a_question(units=["29905"], first=date(2025, 7, 1), last=date(2025, 8, 1))
    assert scope_of(later, picture, None) == frozenset({new_ward, WARD})
    assert scope_of(a_question(units=[str(WARD)]), picture, None) == frozenset({WARD})


@pytest.mark.parametrize("unit", ["87", str(ELSEWHERE)])
def test_a_unit_outside_the_callers_territory_is_refused(unit: str) -> None:
    assert refusal(a_question(units=[unit]), CITY).code == "outside_subtree"


def test_a_caller_whose_unit_is_unknown_sees_nothing() -> None:
    assert scope_of(a_question(), a_picture(), UUID(int=999)) == frozenset()


def test_the_total_is_a_union_of_people_and_never_the_sum_of_the_rows() -> None:
    one = Sums(3, 1, BitMap([1, 2]), BitMap([1]), {TEAM}, {"FLD-07"})
    two = Sums(2, 0, BitMap([2, 3]), BitMap([1]), {TEAM}, {"FLD-08"})
    total = total_of([one, two])
    assert (total.quantity, total.unknown, list(total.persons), list(total.households)) == (5, 1, [1, 2, 3], [1])


def test_people_are_split_by_the_kind_of_reference_they_count_under() -> None:
    persons = BitMap([0, 5, KIND_RANGE, 3 * KIND_RANGE, 4 * KIND_RANGE - 1])
    numbers = numbers_of(Sums(9, 0, persons, BitMap(), {TEAM}, {"FLD-07"}), None, {})
    assert numbers.known_by == (2, 1, 0, 2)


def test_lượt_of_teams_and_partners_are_never_added() -> None:
    numbers = numbers_of(Sums(9, 2, BitMap(), BitMap(), {TEAM, PARTNER}, {"FLD-07"}), None, {"FLD-07": "install"})
    assert numbers.reasons == {"luot": "mixed_reporter_kinds", "unknown": "mixed_reporter_kinds"}


def test_lượt_of_different_units_of_count_are_never_added() -> None:
    units = {"FLD-07": "install", "FLD-08": "install", "FLD-09": "encounter"}
    same = numbers_of(Sums(9, 2, BitMap(), BitMap(), {TEAM}, {"FLD-07", "FLD-08"}), None, units)
    mixed = numbers_of(Sums(9, 2, BitMap(), BitMap(), {TEAM}, {"FLD-07", "FLD-09"}), None, units)
    assert "luot" not in same.reasons
    assert mixed.reasons["luot"] == "mixed_units_of_count"


def test_nothing_reported_is_not_zero() -> None:
    assert numbers_of(total_of([]), None, {}).reasons["nguoi"] == "no_reports"


def test_people_are_matched_over_all_their_references() -> None:
    matching = Matching()
    matching.add(TEAM, 1, (1, KIND_RANGE + 1, None, None))
    matching.add(TEAM, 2, (2, None, None, None))
    matching.add(TEAM, 3, (3, None, None, 3 * KIND_RANGE))
    matching.add(PARTNER, KIND_RANGE + 1, (None, KIND_RANGE + 1, None, None))
    matching.add(PARTNER, KIND_RANGE + 2, (None, KIND_RANGE + 2, None, 3 * KIND_RANGE))
    matching.add(PARTNER, KIND_RANGE + 3, (None, KIND_RANGE + 3, None, None))
    assert matching.count() == (2, 2)


def test_one_person_of_the_teams_may_be_two_of_the_partners() -> None:
    matching = Matching()
    matching.add(TEAM, 1, (1, KIND_RANGE + 1, None, None))
    matching.add(PARTNER, 1, (1, None, None, None))
    matching.add(PARTNER, KIND_RANGE + 1, (None, KIND_RANGE + 1, None, None))
    assert matching.count() == (1, 2)


def _at(hour: int) -> datetime:
    return datetime(2025, 5, 10, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "hour"),
    [
        (Synced(2, False, _at(8), None), 8),
        (Synced(2, False, _at(8), _at(3)), 3),
        (Synced(1, False, _at(9), None), None),
        (Synced(1, False, _at(9), _at(3)), None),
        (Synced(2, True, _at(9), None), None),
        (Synced(0, False, None, None), None),
    ],
)
def test_complete_through_is_the_least_that_every_active_reporter_has_sent(told: Synced, hour: int | None) -> None:
    found = complete_through(frozenset(TEAMS[:2]), told)
    assert (found.hour if found else None) == hour


def test_nobody_active_has_nothing_to_be_complete_about() -> None:
    assert complete_through(frozenset(), Synced(0, False, None, None)) is None


def test_an_older_state_of_a_unit_changes_nothing() -> None:
    picture: Picture = a_picture()
    unit = picture.units.get(WARD)
    assert unit is not None
    picture.units.take(unit)
    assert picture.units.get(WARD) is unit
