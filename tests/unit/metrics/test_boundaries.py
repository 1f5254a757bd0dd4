"""Boundaries in time: who holds whose territory by the map of any day, on the real map and on random ones."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from libs.common.problem import Problem
from services.metrics.domain.map import Unit, UnitMap
from services.metrics.domain.picture import Measure, Picture
from services.metrics.domain.question import Question, check, day_of, scope_of
from tests.support.land import AFTER, BEFORE, a_map, a_unit, an_id
from tests.support.real_map import real_map

TODAY = date(2026, 1, 1)


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
