"""Boundaries in time on random maps, beside the rule as it is written down and beside the ground itself."""

from datetime import date
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from services.metrics.domain.answer import Tally, total_of
from services.metrics.domain.grouping import Place, grouper
from services.metrics.domain.map import LEVELS
from services.metrics.domain.picture import Picture
from tests.support.land import Land, a_map, an_id, days_of, lands, oracle_holders


@settings(max_examples=150, deadline=None)
@given(lands())
def test_holders_are_those_of_the_rule_as_it_is_written_down(land: Land) -> None:
    units = a_map(*land.units.values())
    for day in days_of(land):
        boundaries = units.on(day)
        for number in land.units:
            found = [holder.int for holder in boundaries.holders(an_id(number))]
            assert set(found) == oracle_holders(land.units, number, day)
            levels = [LEVELS.index(land.units[n].level) for n in found]
            assert levels == sorted(set(levels), reverse=True)


@settings(max_examples=150, deadline=None)
@given(lands())
def test_a_holder_has_all_the_ground_of_what_it_holds(land: Land) -> None:
    units = a_map(*land.units.values())
    for day in days_of(land):
        boundaries = units.on(day)
        for number in land.units:
            for holder in boundaries.holders(an_id(number)):
                assert land.ground[number] <= land.ground[holder.int]
                assert land.units[holder.int].valid_on(day)
                assert an_id(number) in boundaries.held_by(holder)


@settings(max_examples=100, deadline=None)
@given(lands())
def test_a_unit_that_holds_a_hamlets_ground_is_found_wherever_the_lineage_leads_there(land: Land) -> None:
    units = a_map(*land.units.values())
    for day in days_of(land):
        for number, unit in land.units.items():
            if unit.level == "subcommune":
                communes = [n for n, u in land.units.items() if u.level == "commune" and u.valid_on(day)]
                home = next(n for n in communes if land.ground[number] <= land.ground[n])
                assert units.on(day).at_level(an_id(number), "commune") == (an_id(home), True)


Cells = list[tuple[int, int, list[int]]]
"""Unit, quantity, people."""


@settings(max_examples=150, deadline=None)
@given(lands(), st.data())
def test_rows_are_those_of_the_rule_and_totals_are_the_same_on_every_day(land: Land, data: st.DataObject) -> None:
    picture = Picture(a_map(*land.units.values()))
    people = st.lists(st.integers(0, 9), max_size=4)
    cells: Cells = data.draw(
        st.lists(st.tuples(st.sampled_from(sorted(land.units)), st.integers(1, 5), people), max_size=25)
    )
    level = data.draw(st.sampled_from(["province", "commune", "subcommune"]))
    totals = []
    for day in days_of(land):
        tally = Tally(grouper([f"unit:{level}"], picture, day), 1000)
        tally.add(
            (Place(an_id(unit), "FLD-07", "", day, an_id(0), 0), quantity, 0, [BitMap(who)], [])
            for unit, quantity, who in cells
        )
        told = {(g.unit_id, g.unallocated): (sums.quantity, set(sums.persons)) for g, sums in tally.sums.items()}
        assert told == oracle_rows(land, cells, level, day)
        whole = total_of(tally.sums.values())
        totals.append((whole.quantity, set(whole.persons)))
    assert all(total == totals[0] for total in totals)


def oracle_rows(
    land: Land, cells: Cells, level: str, day: date
) -> dict[tuple[UUID | None, bool], tuple[int, set[int]]]:
    rows: dict[tuple[UUID | None, bool], tuple[int, set[int]]] = {}
    for unit, quantity, who in cells:
        holders = oracle_holders(land.units, unit, day)
        lowest = max(holders, key=lambda n: LEVELS.index(land.units[n].level), default=None)
        found = next((n for n in holders if land.units[n].level == level), None)
        holder = found if found is not None else lowest
        row = (an_id(holder) if holder is not None else None, found is None)
        before = rows.get(row, (0, set()))
        rows[row] = before[0] + quantity, before[1] | set(who)
    return rows


@settings(max_examples=100, deadline=None)
@given(lands())
def test_units_of_one_territory_ask_for_the_same_facts_on_whatever_day(land: Land) -> None:
    units = a_map(*land.units.values())
    renamed = [unit for unit in land.units.values() if unit.level == "province" and len(unit.successors) == 1]
    for unit in renamed:
        after = units.get(unit.successors[0])
        if after is not None and land.ground[unit.unit_id.int] == land.ground[after.unit_id.int]:
            for day in days_of(land):
                assert units.territory(unit, day) == units.territory(after, day)
