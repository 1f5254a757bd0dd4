"""Boundaries in time: who holds whose territory by the map of any day, on the real map and on random ones."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from libs.common.problem import Problem
from services.metrics.domain.answer import Tally, total_of
from services.metrics.domain.grouping import Place, grouper
from services.metrics.domain.map import LEVELS, Unit, UnitMap
from services.metrics.domain.picture import Measure, Picture
from services.metrics.domain.question import Question, check, day_of, scope_of
from tests.support.real_map import real_map

BEFORE, AFTER, TODAY = date(2025, 6, 30), date(2025, 7, 1), date(2026, 1, 1)


@pytest.fixture(scope="module")
def units() -> UnitMap:
    return real_map()


def bearing(units: UnitMap, code: str, day: date) -> Unit:
    return next(unit for unit in units.with_code(code) if unit.valid_on(day))


def row(units: UnitMap, code: str, recorded: date, level: str, on: date) -> tuple[str | None, bool]:
    """Give the code of the row of a fact recorded in a unit by its code of a day, and whether it is allocated."""
    found, exact = units.on(on).at_level(bearing(units, code, recorded).unit_id, level)
    unit = units.get(found) if found is not None else None
    return unit.code if unit else None, exact


@pytest.mark.parametrize(
    ("code", "recorded", "level", "on", "told"),
    [
        ("29905", TODAY, "district", BEFORE, ("867", True)),  # phường Sa Đéc lies in the old TP Sa Đéc
        ("30214", TODAY, "district", BEFORE, ("87", False)),  # Tân Dương has parts of two districts
        ("03316", TODAY, "district", BEFORE, ("11", False)),  # Nà Tấu crosses a district line
        ("03316", TODAY, "province", BEFORE, ("11", True)),
        ("29995", BEFORE, "commune", TODAY, ("82", False)),  # divided
        ("29905", BEFORE, "commune", TODAY, ("29905", True)),  # Phường 1 went to phường Sa Đéc
        ("867", BEFORE, "commune", TODAY, ("82", False)),  # recorded in a district that is no more
        ("06", BEFORE, "province", TODAY, ("19", True)),  # Bắc Kạn is in Thái Nguyên
        ("01837", BEFORE, "province", TODAY, ("19", True)),
        ("82", BEFORE, "province", TODAY, ("82", True)),  # Tiền Giang is in Đồng Tháp
        ("87", BEFORE, "province", TODAY, ("82", True)),
        ("82", TODAY, "province", BEFORE, (None, False)),  # Đồng Tháp of today was two provinces
        ("29905", TODAY, "commune", BEFORE, ("867", False)),  # eight wards then
        ("29905", TODAY, "province", AFTER, ("82", True)),
        ("29905", TODAY, "province", BEFORE, ("87", True)),
    ],
)
def test_a_fact_belongs_to_the_unit_of_the_day_that_holds_its_whole_territory(
    units: UnitMap, code: str, recorded: date, level: str, on: date, told: tuple[str | None, bool]
) -> None:
    assert row(units, code, recorded, level, on) == told


def test_special_zones_that_began_without_predecessors_were_held_by_nobody(units: UnitMap) -> None:
    zones = [bearing(units, code, TODAY) for code in ("11948", "19742", "20333", "21548", "26732")]
    assert [units.on(BEFORE).holders(zone.unit_id) for zone in zones] == [()] * 5


def test_every_unit_of_before_is_somewhere_in_the_map_of_today(units: UnitMap) -> None:
    today = units.on(TODAY)
    old = [unit for code in ("11", "14", "06", "36", "87") for unit in units.with_code(code) if unit.valid_on(BEFORE)]
    assert all(today.holders(member) for unit in old for member in units.on(BEFORE).held_by(unit.unit_id))


def asked(units: UnitMap, boundaries: str, *references: str, group_by: tuple[str, ...] = ()) -> Question:
    return Question(
        measures=("FLD-07",),
        first=date(2024, 1, 1),
        last=date(2026, 6, 30),
        group_by=group_by,
        units=references,
        reporter_kind=None,
        reporters=(),
        platforms=(),
        answers=frozenset(),
        boundaries=boundaries,
        on=day_of(boundaries, TODAY),
    )


def scope(units: UnitMap, boundaries: str, *references: str) -> frozenset[UUID]:
    found = scope_of(asked(units, boundaries, *references), Picture(units), None)
    assert found is not None
    return found


def refusal(units: UnitMap, question: Question) -> Problem:
    picture = Picture(units)
    picture.take_measure(Measure("FLD-07", 1, 1, "vi", "en", "install"))

    def ask() -> None:
        check(question, picture)
        scope_of(question, picture, None)

    with pytest.raises(Problem) as raised:
        ask()
    return raised.value


def test_an_abolished_district_has_later_facts_of_units_that_lie_wholly_in_it(units: UnitMap) -> None:
    ward = bearing(units, "29905", TODAY).unit_id
    of_city = scope(units, "2025-06-30", "867")
    assert ward in of_city
    assert bearing(units, "30214", TODAY).unit_id not in of_city
    assert sum(unit.valid_on(BEFORE) for unit in map(units.get, of_city) if unit is not None) == 10


def test_an_id_means_its_territory_also_by_boundaries_of_a_day_on_which_it_is_not_valid(units: UnitMap) -> None:
    city = str(bearing(units, "867", BEFORE).unit_id)
    assert scope(units, "current", city) == scope(units, "2025-06-30", "867")
    bac_kan = str(bearing(units, "06", BEFORE).unit_id)
    assert scope(units, "current", bac_kan) < scope(units, "current", "19")
    new = str(bearing(units, "82", TODAY).unit_id)
    assert scope(units, "2025-06-30", new) == scope(units, "current", "82")


def test_a_code_is_read_on_the_day_of_the_boundaries(units: UnitMap) -> None:
    tien_giang, dong_thap = scope(units, "2025-06-30", "82"), scope(units, "current", "82")
    assert bearing(units, "82", BEFORE).unit_id in tien_giang
    assert bearing(units, "82", TODAY).unit_id not in tien_giang
    assert tien_giang < dong_thap
    problem = refusal(units, asked(units, "current", "867"))
    assert (problem.code, problem.faults[0].code) == ("unknown_unit", "unit_code_not_valid_on_day")
    assert problem.faults[0].params["day"] == "2026-01-01"


def test_a_level_that_did_not_exist_on_the_day_is_named_with_the_nearest_day_that_has_it(units: UnitMap) -> None:
    problem = refusal(units, asked(units, "2026-01-01", group_by=("measure", "unit:district")))
    assert (problem.code, problem.faults[0].pointer) == ("level_not_on_day", "/group_by/1")
    assert problem.params == {"level": "district", "day": "2026-01-01", "nearest": "2025-06-30"}
    assert refusal(units, asked(units, "current", group_by=("unit:subcommune",))).code == "level_not_on_map"


@pytest.mark.parametrize("boundaries", ["", "now", "2025-02-30", "20250630", "2025-W27-1", "as_recorded "])
def test_boundaries_that_name_no_day_are_refused(boundaries: str) -> None:
    with pytest.raises(Problem) as raised:
        day_of(boundaries, TODAY)
    assert (raised.value.code, raised.value.faults[0].pointer) == ("unknown_boundaries", "/boundaries")


def test_the_map_is_known_from_the_day_before_its_first_change(units: UnitMap) -> None:
    assert units.known_from() == BEFORE
    assert a_map(a_unit(1, "province")).known_from() is None
    hamlet = a_unit(3, "subcommune", (1,), begin=date(2020, 1, 1))
    later = a_unit(2, "province", begin=AFTER)
    assert a_map(a_unit(1, "province"), later, hamlet).known_from() == BEFORE
    assert a_map(later).known_from() == AFTER


def an_id(number: int) -> UUID:
    return UUID(int=number)


def a_unit(
    number: int,
    level: str,
    above: tuple[int, ...] = (),
    *,
    begin: date | None = None,
    end: date | None = None,
    onto: tuple[int, ...] = (),
) -> Unit:
    path = tuple(map(an_id, (*above, number)))
    return Unit(an_id(number), 1, str(number), level, str(number), begin, end, path, path, tuple(map(an_id, onto)))


def a_map(*states: Unit) -> UnitMap:
    made = UnitMap()
    for unit in states:
        made.take(unit)
    return made


def test_communes_that_keep_their_version_follow_a_renamed_province_both_ways() -> None:
    old = a_unit(1, "province", end=AFTER, onto=(2,))
    new = a_unit(2, "province", begin=AFTER)
    for parent in (1, 2):
        units = a_map(old, new, a_unit(3, "commune", (parent,)))
        assert units.on(BEFORE).holders(an_id(3)) == (an_id(3), an_id(1))
        assert units.on(AFTER).holders(an_id(3)) == (an_id(3), an_id(2))


def test_a_unit_that_ended_without_successor_is_held_by_what_holds_its_parent() -> None:
    units = a_map(a_unit(1, "province"), a_unit(2, "commune", (1,), end=AFTER))
    assert units.on(AFTER).holders(an_id(2)) == (an_id(1),)


def test_territory_that_leads_nowhere_in_part_is_not_held_by_where_the_rest_went() -> None:
    gone = a_unit(4, "commune", (9,), begin=AFTER, end=AFTER + timedelta(days=9))
    units = a_map(a_unit(2, "commune", (9,), end=AFTER, onto=(3, 4)), a_unit(3, "commune", begin=AFTER), gone)
    assert units.on(AFTER).at_level(an_id(2), "commune") == (None, False)
    assert units.on(TODAY).holders(an_id(2)) == ()


def test_a_hamlet_follows_itself_where_its_commune_was_divided() -> None:
    units = a_map(
        a_unit(1, "province"),
        a_unit(2, "commune", (1,), end=AFTER, onto=(3, 4)),
        a_unit(3, "commune", (1,), begin=AFTER),
        a_unit(4, "commune", (1,), begin=AFTER),
        a_unit(5, "subcommune", (1, 2), end=AFTER, onto=(6,)),
        a_unit(6, "subcommune", (1, 4), begin=AFTER),
    )
    assert units.on(AFTER).at_level(an_id(5), "commune") == (an_id(4), True)
    assert units.on(AFTER).at_level(an_id(2), "commune") == (an_id(1), False)
    assert units.on(BEFORE).at_level(an_id(6), "commune") == (an_id(2), True)


def test_lineage_and_parents_in_a_circle_come_to_an_end() -> None:
    units = a_map(
        a_unit(1, "commune", (2,), end=AFTER, onto=(2,)),
        a_unit(2, "commune", (1,), end=AFTER, onto=(1,)),
        a_unit(3, "commune", (4,)),
        a_unit(4, "commune", (3,)),
    )
    assert units.on(TODAY).holders(an_id(1)) == ()
    assert set(units.on(TODAY).holders(an_id(3))) == {an_id(3), an_id(4)}


def test_a_map_that_changes_later_changes_no_boundaries_given_before() -> None:
    units = a_map(a_unit(1, "province"), a_unit(2, "commune", (1,)))
    still = units.still()
    assert units.still() is still
    before = still.on(TODAY)
    units.take(Unit(an_id(2), 2, "2", "commune", "2", None, AFTER, (an_id(1), an_id(2)), (), (an_id(3),)))
    units.take(a_unit(3, "commune", (1,), begin=AFTER))
    assert before.holders(an_id(2)) == still.on(TODAY).holders(an_id(2)) == (an_id(2), an_id(1))
    assert units.still().on(TODAY).holders(an_id(2)) == (an_id(3), an_id(1))
    assert still.laid_over([a_unit(9, "province")]).get(an_id(9)) is not None
    assert still.get(an_id(9)) is None


# --- random maps of real ground: each day's units are sets of plots, so who holds whom can be seen ------------------

FIRST = date(2025, 1, 1)
Plots = frozenset[int]


class Land:
    """Provinces of plots that are merged, split, moved and renamed; what every version's ground is."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw
        self.units: dict[int, Unit] = {}
        self.ground: dict[int, Plots] = {}
        self.day = FIRST
        plot = 0
        for _ in range(2):
            province = self._begin("province", (), None)
            for _ in range(2):
                commune = self._begin("commune", (province,), None)
                hamlets = [self._begin("subcommune", (province, commune), None, {plot + n}) for n in range(2)]
                plot += 3
                self.ground[commune] = frozenset().union(*(self.ground[h] for h in hamlets)) | {plot - 1}
            self.ground[province] = frozenset(range(plot - 6, plot))

    def reform(self) -> None:
        """Merge all of two communes, split one, or rename a province, on a later day."""
        self.day += timedelta(days=10)
        kind = self._draw(st.integers(0, 3))
        communes = self._open("commune")
        if kind == 0:
            one = communes[self._pick(communes)]
            province = next(each for each in self._open("province") if self.ground[one] <= self.ground[each])
            beside = [each for each in communes if self.ground[each] <= self.ground[province]]
            gone = list(dict.fromkeys((one, beside[self._pick(beside)])))
            self._replace_communes(gone, [frozenset().union(*(self.ground[each] for each in gone))])
        elif kind == 1:
            one = communes[self._pick(communes)]
            part = frozenset(plot for plot in self.ground[one] if self._draw(st.integers(0, 1)))
            self._replace_communes([one], [ground for ground in (part, self.ground[one] - part) if ground])
        elif kind == 2:
            old = self._open("province")[self._pick(self._open("province"))]
            new = self._begin("province", (), self.day, self.ground[old])
            self._end(old, (new,))
        elif len(provinces := self._open("province")) > 1:
            new = self._begin("province", (), self.day, frozenset().union(*(self.ground[each] for each in provinces)))
            for old in provinces:
                self._end(old, (new,))

    def _replace_communes(self, gone: list[int], grounds: list[Plots]) -> None:
        # Who begins now lies in the province of now; who stays may well lie in one that is no more.
        above = tuple(each for each in self._open("province") if self.ground[gone[0]] <= self.ground[each])
        new = [self._begin("commune", above, self.day, ground) for ground in grounds]
        hamlets = [h for h in self._open("subcommune") if any(self.ground[h] <= self.ground[each] for each in gone)]
        for commune in gone:
            self._end(commune, tuple(each for each in new if self.ground[each] & self.ground[commune]))
        for hamlet in hamlets:
            home = next(each for each in new if self.ground[hamlet] <= self.ground[each])
            self._end(hamlet, (self._begin("subcommune", (*above, home), self.day, self.ground[hamlet]),))

    def _begin(
        self, level: str, above: tuple[int, ...], begin: date | None, ground: frozenset[int] | set[int] = frozenset()
    ) -> int:
        number = len(self.units) + 1
        self.units[number] = a_unit(number, level, above, begin=begin)
        self.ground[number] = frozenset(ground)
        return number

    def _end(self, number: int, onto: tuple[int, ...]) -> None:
        unit = self.units[number]
        self.units[number] = a_unit(
            number, unit.level, self._path(number)[:-1], begin=unit.valid_from, end=self.day, onto=onto
        )

    def _path(self, number: int) -> tuple[int, ...]:
        return tuple(above.int for above in self.units[number].path)

    def _open(self, level: str) -> list[int]:
        return [n for n, unit in self.units.items() if unit.level == level and unit.valid_to is None]

    def _pick(self, among: list[int]) -> int:
        return self._draw(st.integers(0, len(among) - 1))


@st.composite
def lands(draw: Callable[[st.SearchStrategy[int]], int]) -> Land:
    land = Land(draw)
    for _ in range(draw(st.integers(0, 5))):
        land.reform()
    return land


def oracle_cover(units: dict[int, Unit], number: int, day: date, seen: frozenset[int] = frozenset()) -> set[int]:
    """The rule as it is written down."""
    unit = units[number]
    if unit.valid_on(day):
        return {number}
    if unit.valid_to is not None and unit.valid_to <= day:
        onwards = {other.int for other in unit.successors}
    else:
        onwards = {n for n, other in units.items() if an_id(number) in other.successors}
    return set().union(*(oracle_cover(units, n, day, seen | {number}) for n in onwards - seen))


def oracle_holders(units: dict[int, Unit], number: int, day: date) -> set[int]:
    def above(of: int) -> set[int]:
        parent = units[of].parent
        return oracle_holders(units, parent.int, day) if parent is not None else set()

    each = [{part} | above(part) for part in oracle_cover(units, number, day)]
    return (set.intersection(*each) if each else set()) | above(number)


def days_of(land: Land) -> Iterator[date]:
    yield from (FIRST + timedelta(days=5 + 10 * n) for n in range((land.day - FIRST).days // 10 + 1))


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
                assert scope(units, day.isoformat(), str(unit.unit_id)) == scope(
                    units, day.isoformat(), str(after.unit_id)
                )
