"""Roll-ups: spans of folds, who may be gone, which roll-ups stand for a territory, and what is remembered."""

from datetime import date
from uuid import UUID

import pytest
from pyroaring import BitMap

from services.metrics.domain.grouping import division_of
from services.metrics.domain.layout import Layout, Member, place_of, rolls_up
from services.metrics.domain.memory import Cache, Numbering, Reporters, Segments, Unions
from services.metrics.domain.rollups import (
    COMMUNE,
    PROVINCE,
    CellChange,
    RollupKey,
    gone_from,
    merged,
    next_month,
    rolled_up,
    segment_of,
    spans,
)
from tests.support.metrics import CITY, ELSEWHERE, OTHER_WARD, TEAMS, WARD, a_picture
from tests.support.metrics import PROVINCE as DONG_THAP

DAY = date(2025, 5, 10)
KEY = RollupKey(PROVINCE, DONG_THAP, date(2025, 5, 1), "FLD-07", "vnpay", 0)


def a_change(
    unit: UUID = WARD,
    *,
    quantity: int = 1,
    came: list[int] | None = None,
    gone: list[int] | None = None,
    reporter: UUID = TEAMS[0],
) -> CellChange:
    who = reporter.bytes
    return (unit.bytes, "FLD-07", "vnpay", DAY.toordinal(), who, 0, quantity, 0, came or [], [], gone or [], [])


def a_layout(ready: int = PROVINCE, units: tuple[UUID, ...] = (WARD, OTHER_WARD, CITY, ELSEWHERE)) -> Layout:
    known = a_picture().units
    return Layout(0, {}).changed(1, [Member(unit, *place_of(unit, known), ready) for unit in units])


@pytest.mark.parametrize(("after", "until"), [(0, 0), (0, 1), (3, 4), (0, 63), (7, 520), (511, 1024), (9, 8)])
def test_spans_cover_every_fold_once_in_order(after: int, until: int) -> None:
    covered = [n for first, size in spans(after, until) for n in range(first, first + size)]
    assert covered == list(range(after + 1, until + 1))


def test_sums_of_spans_are_sums_of_their_folds() -> None:
    layout, segments = a_layout(), Segments()
    blobs = {n: [a_change(came=[n])] for n in range(5, 90)}
    for after, until in ((4, 89), (20, 77), (4, 5), (50, 50)):
        found = [part.changes[KEY] for part in segments.between(after, until, PROVINCE, blobs, layout)]
        assert sum(change.quantity for change in found) == until - after
        assert set().union(*(change.persons for change in found)) == set(range(after + 1, until + 1))


def test_who_came_again_is_not_gone() -> None:
    layout = a_layout()
    folds = [
        [a_change(gone=[1, 2, 3])],
        [a_change(OTHER_WARD, came=[2])],
        [a_change(gone=[2]), a_change(CITY, came=[3])],
    ]
    parts = [segment_of(n, changes, PROVINCE, layout.province_of) for n, changes in enumerate(folds)]
    assert gone_from([part.changes[KEY] for part in parts]) == ({1: 0, 2: 2}, {})
    together = merged(parts).changes[KEY]
    assert (together.gone_persons, together.quantity) == ({1: 0, 2: 2}, 4)


def test_a_roll_up_loses_those_who_are_lost_and_reporters_of_nothing() -> None:
    layout = a_layout()
    came = segment_of(1, [a_change(came=[1, 2])], PROVINCE, layout.province_of).changes
    went = segment_of(2, [a_change(quantity=-1, gone=[2])], PROVINCE, layout.province_of).changes
    whole = rolled_up([came[KEY], went[KEY]], [2])
    assert (whole.quantity, list(whole.persons)) == (0, [1])
    who = KEY._replace(measure="")
    assert rolled_up([came[who], went[who]]).reporters == {}
    assert list(came[KEY].persons) == [1, 2]


def test_a_unit_that_is_no_member_is_a_stranger() -> None:
    segment = segment_of(1, [a_change(UUID(int=99))], COMMUNE, a_layout().commune_of)
    assert (segment.changes, segment.strangers) == ({}, {UUID(int=99).bytes})


def test_a_territory_is_cut_into_roll_ups_that_lie_in_it_and_the_rest() -> None:
    layout, known = a_layout(), a_picture().units
    everywhere = layout.plan(None, [], known, None)
    assert set(everywhere.rollups) == {(PROVINCE, DONG_THAP), (PROVINCE, ELSEWHERE)}
    assert not everywhere.leaves
    city = layout.plan(frozenset({CITY, WARD}), [UUID(int=99).bytes], known, None)
    assert (set(city.rollups), city.leaves) == ({(COMMUNE, CITY), (COMMUNE, WARD)}, set())
    by_commune = division_of(["unit:commune"], known, None)
    strange = layout.plan(None, [UUID(int=99).bytes], known, by_commune)
    assert (len(strange.rollups), strange.leaves) == (4, {UUID(int=99)})


def test_a_roll_up_that_is_not_ready_stands_for_nobody() -> None:
    known = a_picture().units
    assert not a_layout(ready=0).plan(None, [], known, None).rollups
    assert {level for level, _ in a_layout(ready=1).plan(None, [], known, None).rollups} == {COMMUNE}


def test_a_roll_up_made_by_another_map_stands_for_its_units_unless_they_are_divided_now() -> None:
    known = a_picture().units
    moved = a_layout().changed(2, [Member(WARD, ELSEWHERE, ELSEWHERE, PROVINCE)])
    assert set(moved.plan(None, [], known, None).rollups) == {(PROVINCE, DONG_THAP), (PROVINCE, ELSEWHERE)}
    plan = moved.plan(None, [], known, division_of(["unit:province"], known, None))
    assert plan.leaves == {WARD, ELSEWHERE}
    assert set(plan.rollups) == {(PROVINCE, DONG_THAP)}


def test_a_roll_up_is_grouped_as_each_of_its_units_is_by_the_boundaries_of_the_day() -> None:
    known = a_picture().units
    layout = a_layout(units=(WARD, OTHER_WARD))
    before = layout.plan(None, [], known, division_of(["unit:district"], known, date(2025, 6, 30)))
    assert set(before.rollups) == {(PROVINCE, DONG_THAP)}
    after = layout.plan(None, [], known, division_of(["unit:commune"], known, date(2025, 7, 1)))
    assert after.rollups == {(COMMUNE, WARD): WARD, (COMMUNE, OTHER_WARD): OTHER_WARD}


@pytest.mark.parametrize(
    ("group_by", "possible"),
    [
        ([], True),
        (["unit:province", "time:month"], True),
        (["time:year", "unit:district"], True),
        (["unit:commune"], True),
        (["unit:subcommune"], False),
        (["time:week"], False),
        (["measure", "reporter"], False),
    ],
)
def test_what_is_finer_than_a_commune_and_a_month_is_read_from_cells(group_by: list[str], possible: bool) -> None:
    assert rolls_up(group_by) is possible


def test_the_cache_lets_go_of_what_was_not_used_longest() -> None:
    cache: Cache[int, str] = Cache(5000)
    for key in range(4):
        cache.keep(key, str(key), 500)
        assert cache.get(0) == "0"
    assert [cache.get(key) for key in range(4)] == ["0", None, "2", "3"]


def test_a_union_is_made_once_for_the_same_sets_in_any_order() -> None:
    unions, one, other = Unions(100_000), BitMap([1]), BitMap([2])
    united = unions.unite(one, other)
    assert list(united) == [1, 2]
    assert unions.unite(other, one) is united
    assert unions.unite(one) is one


def test_reporters_keep_how_much_each_has_reported() -> None:
    numbering = Numbering(lambda of: UUID(bytes=of))
    reporters = Reporters({team.bytes: n for n, team in enumerate(TEAMS, 5)}, numbering)
    assert [reporters.quantity(numbering.number(team.bytes)) for team in TEAMS] == [5, 6, 7]
    assert reporters.quantity(99) == 0
    assert numbering.ids(reporters.numbers) == set(TEAMS)


def test_december_is_followed_by_january() -> None:
    assert (next_month(date(2025, 12, 1)), next_month(date(2025, 1, 1))) == (date(2026, 1, 1), date(2025, 2, 1))
