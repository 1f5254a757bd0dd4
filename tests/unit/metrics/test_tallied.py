"""What is known of a question is added to where folds only added, and given up where they took something away."""

from dataclasses import replace
from uuid import UUID

import pytest
from pyroaring import BitMap

from services.metrics.domain.answer import Sums, TooManyGroups
from services.metrics.domain.grouping import Group, grouper
from services.metrics.domain.rollups import CellChange
from services.metrics.domain.tallied import Added, Tallied, added_to, additions
from tests.support.metrics import CITY, OTHER_WARD, TEAMS, WARD, a_picture
from tests.unit.metrics.test_asking import a_question
from tests.unit.metrics.test_rolling_up import a_change


def id_of(of: bytes) -> UUID:
    return UUID(bytes=of)


def added(*changes: CellChange, units: frozenset[UUID] | None = None, **asked: object) -> Added | None:
    return additions(changes, a_question(**asked), units, id_of)


def test_what_came_is_added_and_what_is_known_stays_as_it_was() -> None:
    question, group = a_question(group_by=("measure",)), grouper(("measure",), a_picture())
    seven = Group(("FLD-07",))
    known = Tallied(4, 1, {seven: Sums(2, 0, BitMap([1, 2]), BitMap(), {0}, {"FLD-07"})}, frozenset())
    came = additions([a_change(came=[2, 3]), a_change(OTHER_WARD, came=[9])], question, None, id_of)
    assert came is not None
    now = added_to(known, came, 6, group, 10)
    assert (now.n, now.sums[seven].quantity, set(now.sums[seven].persons)) == (6, 4, {1, 2, 3, 9})
    assert now.active == {TEAMS[0]}
    assert (known.sums[seven].quantity, set(known.sums[seven].persons)) == (2, {1, 2})
    assert added_to(now, Added([], frozenset()), 7, group, 10) == replace(now, n=7)


@pytest.mark.parametrize("change", [a_change(quantity=-1), a_change(gone=[1])])
def test_nothing_follows_where_something_was_taken_away_unless_it_lies_elsewhere(change: CellChange) -> None:
    assert added(a_change(), change) is None
    assert added(change, measures=["FLD-08"]) is None  # Its reporter may have reported nothing else.
    assert added(change, units=frozenset({OTHER_WARD, CITY})) == Added([], frozenset())
    assert added(change, platforms=("momo",)) == Added([], frozenset())
    assert added(change, reporters=(TEAMS[1],)) == Added([], frozenset())
    assert added(change, reporter_kind=1) == Added([], frozenset())


def test_who_reported_another_measure_is_active_all_the_same() -> None:
    assert added(a_change(), measures=["FLD-08"], units=frozenset({WARD})) == Added([], frozenset({TEAMS[0]}))


def test_an_answer_does_not_grow_past_its_limit() -> None:
    came = added(a_change())
    assert came is not None
    known = Tallied(1, 0, {Group(("FLD-08",)): Sums()}, frozenset())
    with pytest.raises(TooManyGroups):
        added_to(known, came, 2, grouper(("measure",), a_picture()), 1)
