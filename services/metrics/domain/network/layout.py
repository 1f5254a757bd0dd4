"""Where every unit stands in answers of one kind, as columns that PostgreSQL can join with, and who covers it."""

from array import array
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.metrics.domain.boundaries import Boundaries
from services.metrics.domain.map import Unit, UnitMap

__all__ = ["COVERED", "NONE", "Layout", "Layouts", "Placed", "Spot"]

COVERED = ("commune", "subcommune")
NONE = -1
MOST_LAYOUTS = 8
MOST_SCOPES = 64


class Spot(NamedTuple):
    """The unit of a row; unallocated where it is none of the level asked for."""

    unit_id: UUID | None
    unallocated: bool


class Placed(NamedTuple):
    """Units by number, with the index of their spot, and for each covered level that of the unit that covers them.

    Written once as PostgreSQL reads arrays: made of Python's values at each question they would cost more than it.
    """

    units: str
    spots: str
    communes: str
    subcommunes: str


def _written(values: Iterable[object]) -> str:
    return f"{{{','.join(map(str, values))}}}"


class Layout:
    """Every unit's place at a time of the map; numbers are indexes into `units` and `spots`.

    Spot 0 is that of units which the map does not have.
    """

    def __init__(self, units: UnitMap, day: date, level: str | None, *, as_recorded: bool) -> None:
        every, ground = units.all(), units.on(day)
        at_level = units.at_level if as_recorded else ground.at_level
        self.units = [unit.unit_id for unit in every]
        self._number = {unit_id: n for n, unit_id in enumerate(self.units)}
        self._spot_numbers: dict[Spot, int] = {Spot(None, level is not None): 0}
        self._spot_of = array("l", (self._spot(unit_id, level, at_level) for unit_id in self.units))
        self._cover_of = {
            of_level: array("l", (self._cover(unit, of_level, ground) for unit in every)) for of_level in COVERED
        }
        self._levels = {
            of_level: {n for n, unit in enumerate(every) if unit.level == of_level and unit.valid_on(day)}
            for of_level in COVERED
        }
        self.spots = list(self._spot_numbers)
        self._placed: OrderedDict[tuple[frozenset[UUID] | None, int], Placed] = OrderedDict()

    def placed(self, scope: frozenset[UUID] | None, numbers: Mapping[UUID, int], version: int) -> Placed:
        """Give the places of the units of a scope that have a number; `version` tells numbers from others.

        What covers them from outside of the scope does not count.
        """
        key = scope, version
        known = self._placed.get(key)
        if known is None:
            known = self._placed[key] = self._written(scope, numbers)
            if len(self._placed) > MOST_SCOPES:
                self._placed.popitem(last=False)
        return known

    def _written(self, scope: frozenset[UUID] | None, numbers: Mapping[UUID, int]) -> Placed:
        indexes = range(len(self.units)) if scope is None else self._within(scope)
        inside = set(indexes)
        named = [(numbers[self.units[n]], n) for n in indexes if self.units[n] in numbers]
        covers = (
            _written(cover if (cover := self._cover_of[level][n]) in inside else NONE for _, n in named)
            for level in COVERED
        )
        return Placed(_written(number for number, _ in named), _written(self._spot_of[n] for _, n in named), *covers)

    def universe(self, scope: frozenset[UUID] | None) -> dict[str, Counter[Spot]]:
        """Count the units that there are on the day, by level and spot."""
        return {level: self.count(self._there(level, scope)) for level in COVERED}

    def at_level(self, level: str, scope: frozenset[UUID] | None) -> set[UUID]:
        """Give the units of a covered level that there are on the day."""
        return {self.units[n] for n in self._there(level, scope)}

    def _there(self, level: str, scope: frozenset[UUID] | None) -> Iterable[int]:
        there = self._levels[level]
        return there if scope is None else filter(there.__contains__, self._within(scope))

    def count(self, numbers: Iterable[int]) -> Counter[Spot]:
        """Count units by spot, each told by its number."""
        by_number = Counter(map(self._spot_of.__getitem__, numbers))
        return Counter({self.spots[spot]: units for spot, units in by_number.items()})

    def spot(self, unit_id: UUID) -> Spot:
        """Give the spot of a unit."""
        number = self._number.get(unit_id)
        return self.spots[0 if number is None else self._spot_of[number]]

    def cover(self, unit_id: UUID, level: str) -> UUID | None:
        """Give the unit of the day and a covered level that holds a unit whole."""
        number = self._number.get(unit_id)
        cover = NONE if number is None else self._cover_of[level][number]
        return None if cover == NONE else self.units[cover]

    def _within(self, scope: frozenset[UUID]) -> list[int]:
        return [n for n in map(self._number.get, scope) if n is not None]

    def _spot(self, unit_id: UUID, level: str | None, at_level: Callable[[UUID, str], tuple[UUID | None, bool]]) -> int:
        if level is None:
            return 0
        found, exact = at_level(unit_id, level)
        return self._spot_numbers.setdefault(Spot(found, not exact), len(self._spot_numbers))

    def _cover(self, unit: Unit, level: str, ground: Boundaries) -> int:
        # What lies higher than a level is held by none of it.
        if level == "subcommune" and unit.level != level:
            return NONE
        found, exact = ground.at_level(unit.unit_id, level)
        return self._number[found] if exact and found is not None else NONE


@dataclass(slots=True)
class Layouts:
    """Layouts used lately; days between two changes of the map have one in common."""

    _kept: OrderedDict[tuple[int, str | None, bool], Layout] = field(default_factory=OrderedDict)
    _changes: int = -1
    _dates: list[date] = field(default_factory=list)

    def of(self, units: UnitMap, day: date, level: str | None, *, as_recorded: bool) -> Layout:
        """Give the layout of a day of the map as it is now."""
        if self._changes != units.changes:
            self._kept.clear()
            every = units.all()
            self._dates = sorted({each for unit in every for each in (unit.valid_from, unit.valid_to) if each})
            self._changes = units.changes
        key = bisect_right(self._dates, day), level, as_recorded
        known = self._kept.get(key)
        if known is None:
            known = self._kept[key] = Layout(units, day, level, as_recorded=as_recorded)
            if len(self._kept) > MOST_LAYOUTS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return known
