"""The administrative map as far as counting needs it: who lies in whom."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

__all__ = ["LEVELS", "Unit", "UnitMap"]

LEVELS = ("province", "district", "commune", "subcommune")


@dataclass(frozen=True, slots=True)
class Unit:
    """A version of a unit; `path` leads from the province to itself, `within` names all that hold its territory."""

    unit_id: UUID
    revision: int
    code: str | None
    level: str
    name: str
    valid_from: date | None
    valid_to: date | None
    path: tuple[UUID, ...]
    within: tuple[UUID, ...]

    def valid_on(self, day: date) -> bool:
        """Say whether it existed on a day; `valid_to` is the first day on which it does not."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


@dataclass(slots=True)
class UnitMap:
    """All unit versions known here, with the look-ups made again after a change, when they are next asked for.

    `changes` counts the states that were taken.
    """

    _units: dict[UUID, Unit] = field(default_factory=dict)
    _ids: dict[UUID, UUID] = field(default_factory=dict)
    _held_by: dict[UUID, frozenset[UUID]] = field(default_factory=dict)
    _by_code: dict[str, tuple[Unit, ...]] = field(default_factory=dict)
    _stale: bool = False
    changes: int = 0

    def take(self, unit: Unit) -> None:
        """Take a unit's state unless a newer one is known."""
        known = self._units.get(unit.unit_id)
        if known is None or known.revision < unit.revision:
            self._units[unit.unit_id] = unit
            self._stale = True
            self.changes += 1

    def one(self, unit_id: UUID) -> UUID:
        """Give the one object that stands for an id, so that 14,000 units with their paths stay small."""
        return self._ids.setdefault(unit_id, unit_id)

    def get(self, unit_id: UUID) -> Unit | None:
        """Find a unit by its id."""
        return self._units.get(unit_id)

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
        self._stale = False
