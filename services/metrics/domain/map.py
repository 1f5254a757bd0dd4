"""The administrative map as far as counting needs it: who lies in whom, by the map of any day."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from services.metrics.domain.boundaries import Boundaries, Terrain
from services.metrics.domain.units import LEVELS, Unit

__all__ = ["LEVELS", "Unit", "UnitMap"]

MOST_DAYS = 8
DAY = timedelta(days=1)


@dataclass(slots=True)
class UnitMap:
    """All unit versions known here, with the look-ups made again after a change, when they are next asked for.

    `changes` counts the states that were taken.
    """

    _units: dict[UUID, Unit] = field(default_factory=dict)
    _ids: dict[UUID, UUID] = field(default_factory=dict)
    _held_by: dict[UUID, frozenset[UUID]] = field(default_factory=dict)
    _by_code: dict[str, tuple[Unit, ...]] = field(default_factory=dict)
    _terrain: Terrain | None = None
    _on: OrderedDict[date, Boundaries] = field(default_factory=OrderedDict)
    _known_from: date | None = None
    _still: "UnitMap | None" = None
    _stale: bool = False
    changes: int = 0

    def take(self, unit: Unit) -> None:
        """Take a unit's state unless a newer one is known."""
        known = self._units.get(unit.unit_id)
        if known is None or known.revision < unit.revision:
            self._units[unit.unit_id] = unit
            self._stale = True
            self._still = None
            self.changes += 1

    def still(self) -> "UnitMap":
        """Give the map as it is now, to be read while this one changes; the same one until it does."""
        if self._still is None:
            self._still = UnitMap(_units=dict(self._units), _ids=self._ids, _stale=True, changes=self.changes)
        return self._still

    def laid_over(self, states: Iterable[Unit]) -> "UnitMap":
        """Give another map, with some states in place of those known here."""
        other = UnitMap(_units=dict(self._units), _stale=True, changes=self.changes)
        for unit in states:
            other.take(unit)
        return other

    def one(self, unit_id: UUID) -> UUID:
        """Give the one object that stands for an id, so that 14,000 units with their paths stay small."""
        return self._ids.setdefault(unit_id, unit_id)

    def get(self, unit_id: UUID) -> Unit | None:
        """Find a unit by its id."""
        return self._units.get(unit_id)

    def all(self) -> list[Unit]:
        """Give every version of every unit."""
        return list(self._units.values())

    def with_code(self, code: str) -> tuple[Unit, ...]:
        """Find every version that ever bore a code: a code is not an identity."""
        self._refresh()
        return self._by_code.get(code, ())

    def held_by(self, unit_id: UUID) -> frozenset[UUID]:
        """Give the units whose whole territory a unit holds, also those it succeeded."""
        self._refresh()
        return self._held_by.get(unit_id, frozenset())

    def at_level(self, unit_id: UUID, level: str) -> tuple[UUID, bool]:
        """Give the unit of a level that holds a unit by its path, and whether there is one; else the unit itself."""
        unit = self._units.get(unit_id)
        for above in unit.path if unit else ():
            ancestor = self._units.get(above)
            if ancestor is not None and ancestor.level == level:
                return above, True
        return unit_id, False

    def of_level(self, level: str, day: date) -> list[Unit]:
        """Give the units of a level on a day."""
        return [unit for unit in self._units.values() if unit.level == level and unit.valid_on(day)]

    def on(self, day: date) -> Boundaries:
        """Give the boundaries of a day; those of a few days are remembered."""
        self._refresh()
        known = self._on.get(day)
        if known is None:
            self._terrain = self._terrain or Terrain(self._units.values())
            known = self._on[day] = Boundaries(day, self._terrain)
            if len(self._on) > MOST_DAYS:
                self._on.popitem(last=False)
        self._on.move_to_end(day)
        return known

    def territory(self, unit: Unit, day: date) -> frozenset[UUID]:
        """Give the units, of any time, that lie wholly in a unit by the map of a day.

        Where the unit was not there on the day, the map of the nearest day on which it was tells.
        """
        return self.on(_nearest(unit, day)).held_by(unit.unit_id)

    def nearest_with(self, level: str, day: date) -> date | None:
        """Give the day nearest to one on which there were units of a level; None if there never were."""
        days = ((unit, _nearest(unit, day)) for unit in self._units.values() if unit.level == level)
        there = (other for unit, other in days if unit.valid_on(other))
        return min(there, key=lambda other: abs(other - day), default=None)

    def known_from(self) -> date | None:
        """Give the first day that the map tells of: what was before its first change is told by the day before that.

        None where it tells of no change. Units without an official code come and go without a change of the map.
        """
        self._refresh()
        return self._known_from

    def _first_day(self) -> date | None:
        official = [unit for unit in self._units.values() if unit.level != "subcommune"]
        changed = {day for unit in official for day in (unit.valid_from, unit.valid_to) if day is not None}
        if not changed:
            return None
        return min(changed) - DAY if any(unit.valid_from is None for unit in official) else min(changed)

    def _refresh(self) -> None:
        if not self._stale:
            return
        held_by: defaultdict[UUID, list[UUID]] = defaultdict(list)
        by_code: defaultdict[str, list[Unit]] = defaultdict(list)
        for unit in self._units.values():
            for holder in unit.within:
                held_by[holder].append(unit.unit_id)
            if unit.code is not None:
                by_code[unit.code].append(unit)
        self._held_by = {unit_id: frozenset(members) for unit_id, members in held_by.items()}
        self._by_code = {code: tuple(units) for code, units in by_code.items()}
        self._terrain = None
        self._known_from = self._first_day()
        self._on.clear()
        self._stale = False


def _nearest(unit: Unit, day: date) -> date:
    """Give the day nearest to one on which a unit is there; for one that never is, a day like any other."""
    if unit.ended_by(day):
        return unit.last_day or day
    return day if unit.valid_from is None else max(day, unit.valid_from)
