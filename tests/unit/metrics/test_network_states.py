"""Spells of memberships, who is in two teams at once, and where units stand."""

import itertools
import random
from datetime import date, timedelta
from uuid import UUID

from services.metrics.domain.map import Unit
from services.metrics.domain.network.gaps import Mark, page_of, plain
from services.metrics.domain.network.layout import Layouts, Spot
from services.metrics.domain.network.states import Spell, at_once, merged, spell_of
from tests.support.real_map import real_map

FIRST = date(2024, 1, 1)
REFORM = date(2025, 7, 1)


def days(spell: Spell) -> set[date]:
    return {FIRST + timedelta(n) for n in range(60) if spell.first <= FIRST + timedelta(n) < spell.end}


def some_spells(chance: random.Random) -> list[tuple[str, Spell]]:
    def a_day() -> date | None:
        return None if chance.random() < 0.1 else FIRST + timedelta(chance.randrange(60))

    return [(chance.choice("abc"), spell_of(a_day(), a_day())) for _ in range(chance.randrange(6))]


def test_merged_spells_have_the_same_days_and_are_disjoint() -> None:
    for seed in range(300):
        told = some_spells(random.Random(seed))  # noqa: S311 - the same in every run
        made = merged(told)
        for key in "abc":
            of_key = [spell for name, spell in made if name == key]
            assert set().union(*map(days, of_key)) == set().union(*(days(s) for name, s in told if name == key))
            assert all(before.end < after.first for before, after in itertools.pairwise(of_key))


def test_two_teams_at_once_are_noticed_on_the_very_days() -> None:
    for seed in range(300):
        made = merged(some_spells(random.Random(seed)))  # noqa: S311 - the same in every run
        expected = any(
            days(one) & days(other) or (one.first == other.first == date.min) or (one.end == other.end == date.max)
            for n, (_, one) in enumerate(made)
            for _, other in made[:n]
        )
        assert at_once(made) == expected


def test_leaving_one_team_on_the_day_of_joining_another_is_not_being_in_two() -> None:
    assert not at_once([("a", spell_of(None, FIRST)), ("b", spell_of(FIRST, None))])
    assert at_once([("a", spell_of(None, FIRST + timedelta(1))), ("b", spell_of(FIRST, None))])


def test_days_between_two_changes_of_the_map_share_a_layout_and_a_change_makes_another() -> None:
    units, layouts = real_map(), Layouts()
    before = layouts.of(units, date(2023, 12, 31), "province", as_recorded=False)
    assert layouts.of(units, date(2025, 6, 30), "province", as_recorded=False) is before
    assert layouts.of(units, REFORM, "province", as_recorded=False) is not before
    units.take(Unit(UUID(int=1), 1, "999", "province", "Tỉnh Mới", None, None, (UUID(int=1),), (UUID(int=1),)))
    assert layouts.of(units, date(2023, 12, 31), "province", as_recorded=False) is not before


def test_a_commune_stands_in_its_old_province_as_recorded_and_in_the_new_one_on_the_new_map() -> None:
    units, layouts = real_map(), Layouts()
    (old,) = (unit for unit in units.with_code("06") if unit.level == "province")
    (new,) = (unit for unit in units.with_code("19") if unit.valid_on(REFORM))
    commune = next(unit for unit in units.all() if unit.level == "commune" and unit.path[0] == old.unit_id)
    told = {
        as_recorded: layouts.of(units, REFORM, "province", as_recorded=as_recorded).spot(commune.unit_id)
        for as_recorded in (True, False)
    }
    assert told == {True: Spot(old.unit_id, False), False: Spot(new.unit_id, False)}


def test_pages_by_name_have_every_item_once_in_the_order_of_names_without_marks() -> None:
    names = ["Đông", "dong", "An", "Ấn", "ân", "Bến", "Zú", "Đông"]
    items = [(name, UUID(int=n), n) for n, name in enumerate(names)]
    found: list[int] = []
    mark: Mark | None = None
    while True:
        page, mark, count = page_of(items, mark, 3)
        assert count == len(items)
        found += page
        if mark is None:
            break
    assert sorted(found) == list(range(len(items)))
    assert [plain(names[n]) for n in found] == sorted(map(plain, names))
