"""What is known of a question is added to where folds only added; only what they took from is counted anew."""

from datetime import date
from uuid import UUID

import pytest
from pyroaring import BitMap

from services.metrics.domain.answer import Sums, TooManyGroups
from services.metrics.domain.grouping import Group, Place, days_of, grouper, period_of
from services.metrics.domain.rollups import CellChange
from services.metrics.domain.tallied import Since, Tallied, added_to, parts_with, what_changed
from tests.support.metrics import CITY, OTHER_WARD, TEAMS, WARD, a_picture
from tests.unit.metrics.test_asking import a_question
from tests.unit.metrics.test_rolling_up import a_change

NOTHING = Since([], frozenset(), frozenset(), frozenset())
SEVEN, EIGHT = Group(("FLD-07",)), Group(("FLD-08",))


def id_of(of: bytes) -> UUID:
    return UUID(bytes=of)


def since(*changes: CellChange, units: frozenset[UUID] | None = None, **asked: object) -> Since:
    question = a_question(**asked)
    return what_changed(changes, question, units, id_of, grouper(question.group_by, a_picture()))


def test_what_came_is_added_and_what_is_known_stays_as_it_was() -> None:
    group = grouper(("measure",), a_picture())
    known = Tallied(4, 1, {SEVEN: Sums(2, 0, BitMap([1, 2]), BitMap(), {0}, {"FLD-07"})}, frozenset())
    told = since(a_change(came=[2, 3]), a_change(OTHER_WARD, came=[9]), group_by=("measure",))
    now = added_to(known, told, set(), group, 10).sums
    assert (now[SEVEN].quantity, set(now[SEVEN].persons)) == (4, {1, 2, 3, 9})
    assert told.came == {TEAMS[0]}
    assert not told.lessened | told.left
    assert (known.sums[SEVEN].quantity, set(known.sums[SEVEN].persons)) == (2, {1, 2})


@pytest.mark.parametrize("change", [a_change(quantity=-1), a_change(gone=[1])])
def test_where_something_was_taken_away_its_place_is_told_unless_nobody_asked_about_it(change: CellChange) -> None:
    told = since(a_change(), change)
    assert [place.measure for place in told.lessened] == ["FLD-07"]
    assert len(told.cells) == 1
    assert not since(change, measures=["FLD-08"]).lessened
    assert since(change, units=frozenset({OTHER_WARD, CITY})) == NOTHING
    assert since(change, platforms=("momo",)) == NOTHING
    assert since(change, reporters=(TEAMS[1],)) == NOTHING
    assert since(change, reporter_kind=1) == NOTHING


def test_a_group_that_lost_something_is_left_out_with_all_that_came_to_it() -> None:
    group = grouper(("measure",), a_picture())
    known = Tallied(4, 1, {SEVEN: Sums(9), EIGHT: Sums(5)}, frozenset())
    told = since(a_change(came=[3]), a_change(gone=[1]), measures=["FLD-07", "FLD-08"], group_by=("measure",))
    assert added_to(known, told, {SEVEN}, group, 10).sums == {EIGHT: Sums(5)}


def test_who_reported_another_measure_is_active_all_the_same() -> None:
    told = since(a_change(), measures=["FLD-08"], units=frozenset({WARD}))
    assert told == Since([], frozenset(), frozenset({TEAMS[0]}), frozenset())


def test_who_has_less_than_before_may_have_nothing_left_and_who_has_as_much_has_not_left() -> None:
    less, more = a_change(quantity=-1), a_change(OTHER_WARD, quantity=1)
    assert since(less).left == {(WARD, TEAMS[0])}
    assert since(less, measures=["FLD-08"]).left == {(WARD, TEAMS[0])}
    assert not since(less, more).left
    assert since(less, less, more).left == {(WARD, TEAMS[0])}
    assert not since(less, more, more).left


def test_what_came_to_a_group_is_added_up_by_measure_and_kind_of_reporter() -> None:
    changes = [a_change(came=[2]), a_change(OTHER_WARD, came=[2, 3]), a_change(reporter=TEAMS[1], came=[4])]
    (whole,) = since(*changes).cells
    assert (whole[1], [set(people) for people in whole[3]]) == (3, [{2, 3, 4}])
    by_unit = since(*changes, group_by=("unit:commune",)).cells
    assert sorted((cell[1], cell[0].unit_id) for cell in by_unit) == [(1, OTHER_WARD), (2, WARD)]
    by_reporter = since(*changes, group_by=("reporter",)).cells
    assert {cell[0].reporter_id: cell[1] for cell in by_reporter} == {TEAMS[0]: 2, TEAMS[1]: 1}


def _place(measure: str, day: str) -> Place:
    return Place(WARD, measure, "", date.fromisoformat(day), TEAMS[0], 0)


def test_only_the_days_and_measures_of_the_groups_are_asked_for_again() -> None:
    places = [_place("FLD-07", "2025-02-28"), _place("FLD-08", "2025-02-01"), _place("FLD-07", "2025-05-20")]
    asked = a_question(
        measures=["FLD-07", "FLD-08", "FLD-09"],
        first=date(2025, 1, 5),
        last=date(2025, 5, 25),
        group_by=("time:month", "measure"),
    )
    parts = [(part.first.isoformat(), part.last.isoformat(), part.measures) for part in parts_with(asked, places)]
    assert parts == [
        ("2025-02-01", "2025-02-28", ("FLD-07", "FLD-08")),
        ("2025-05-01", "2025-05-25", ("FLD-07",)),
    ]


def test_groups_of_all_days_and_measures_are_asked_for_whole() -> None:
    asked = a_question(measures=["FLD-08", "FLD-07"], group_by=("platform",))
    (part,) = parts_with(asked, [_place("FLD-07", "2025-05-10"), _place("FLD-07", "2025-05-11")])
    assert (part.first, part.last, part.measures) == (asked.first, asked.last, ("FLD-07", "FLD-08"))


@pytest.mark.parametrize("span", ["day", "week", "month", "year"])
@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2024, 12, 30), date(2025, 12, 31), date(2026, 1, 1)])
def test_a_period_has_all_days_of_its_name_and_no_other(span: str, day: date) -> None:
    first, last = days_of(span, day)
    ordinals = range(first.toordinal() - 1, last.toordinal() + 2)
    of_name = [n for n in ordinals if period_of(span, date.fromordinal(n)) == period_of(span, day)]
    assert of_name == list(ordinals)[1:-1]


def test_an_answer_does_not_grow_past_its_limit() -> None:
    known = Tallied(1, 0, {EIGHT: Sums()}, frozenset())
    with pytest.raises(TooManyGroups):
        added_to(known, since(a_change()), set(), grouper(("measure",), a_picture()), 1)
