"""The units of a day by what each unit's state says of who holds its territory."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.metrics.domain.map import LEVELS, UnitMap

__all__ = ["WithinGround"]


@dataclass(frozen=True, slots=True)
class WithinGround:
    """The units of a day that hold others, itself, parents and whole successors."""

    units: UnitMap
    day: date

    def at_level(self, unit_id: UUID, level: str) -> tuple[UUID | None, bool]:
        """Give the unit of a level that holds a unit whole, and whether there is one; else the lowest that does."""
        unit = self.units.get(unit_id)
        held = [self.units.get(holder) for holder in unit.within] if unit is not None else []
        holders = {each.level: each.unit_id for each in held if each is not None and each.valid_on(self.day)}
        if level in holders:
            return holders[level], True
        return next((holders[lower] for lower in reversed(LEVELS) if lower in holders), None), False
