"""What becomes of each unit: it stays, goes on as a new version, ends in another, is divided, or ends with a level."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.registry.domain.ids import record_id
from services.registry.domain.reform.reading import Draft, Handle
from services.registry.domain.units import Share, Unit

__all__ = ["Fates"]


@dataclass(slots=True)
class Fates:
    """Asked unit by unit; what lies in a unit depends on what becomes of that."""

    draft: Draft
    _takes: dict[UUID, list[tuple[Handle, Share]]] = field(default_factory=dict)
    _targets: set[UUID] = field(default_factory=set)
    _abolished: set[UUID] = field(default_factory=set)
    _after: dict[UUID, UUID | None] = field(default_factory=dict)

    @classmethod
    def of(cls, draft: Draft) -> "Fates":
        """Sort the orders by unit."""
        made = cls(draft)
        for take in draft.takes:
            made._takes.setdefault(take.source, []).append((take.target, take.share))
            if isinstance(take.target, UUID):
                made._targets.add(take.target)
        for abolished in draft.abolished:
            made._abolished |= abolished.units
        return made

    def touched(self) -> set[UUID]:
        """Give the units that the orders speak of."""
        return {*self._takes, *self._targets, *self._abolished, *self.draft.alters, *self.draft.assigned}

    def is_taken(self, unit_id: UUID) -> bool:
        """Say whether the unit ends in others."""
        return unit_id in self._takes

    def is_abolished(self, unit_id: UUID) -> bool:
        """Say whether the unit ends with its level."""
        return unit_id in self._abolished and not self.is_taken(unit_id) and not self._goes_on(unit_id)

    def after(self, unit_id: UUID) -> UUID | None:
        """Give the unit in which another lies with all that lay in it; None where it is divided."""
        if unit_id not in self._after:
            self._after[unit_id] = self._find_after(unit_id)
        return self._after[unit_id]

    def edges(self, unit_id: UUID) -> list[tuple[UUID, Share]]:
        """Give where the territory of a unit that ends goes; nowhere where its level is abolished."""
        if unit_id in self._takes:
            return [(self.made(target), share) for target, share in self._takes[unit_id]]
        if self.is_abolished(unit_id):
            return []
        after = self.after(unit_id)
        if after is not None:
            return [(after, "whole")]
        parent_id = self.draft.atlas.units[unit_id].parent_id
        return self.edges(parent_id) if parent_id is not None else []

    def parent_after(self, unit: Unit) -> UUID | None:
        """Give the parent of a unit that goes on; None where that is divided, and of a province."""
        if "parent" in self.draft.alters.get(unit.record_id, {}):
            return self.made(self.draft.alters[unit.record_id]["parent"][0])
        if unit.record_id in self.draft.assigned:
            return self.made(self.draft.assigned[unit.record_id][1])
        return self.after(unit.parent_id) if unit.parent_id is not None else None

    def made(self, handle: Handle) -> UUID:
        """Give the id of what a unit goes on as, or of what the reform makes."""
        reform = self.draft.reform
        if isinstance(handle, UUID):
            return self.after(handle) or handle
        new = self.draft.makes[handle][0]
        if new.code is None:
            return record_id("unit", new.level, str(reform.reform_id), new.key)
        return record_id("unit", new.level, new.code, reform.effective.isoformat())

    def altered(self, unit: Unit) -> dict[str, Any]:
        """Give a unit's new values but for its parent."""
        changes = self.draft.alters.get(unit.record_id, {})
        return {what: value for what, (value, _) in changes.items() if what != "parent"}

    def began_late(self, unit: Unit) -> bool:
        """Say whether a unit began when the reform had taken effect: it then changes its parent, and stays."""
        return unit.valid_from is not None and unit.valid_from >= self.draft.reform.effective

    def _goes_on(self, unit_id: UUID) -> bool:
        return unit_id in self._targets or unit_id in self.draft.alters or unit_id in self.draft.assigned

    def _find_after(self, unit_id: UUID) -> UUID | None:
        unit = self.draft.atlas.units[unit_id]
        if unit_id in self._takes:
            (target, share), *_ = self._takes[unit_id]
            return self.made(target) if share == "whole" else None
        if self._goes_on(unit_id):
            return self._version(unit)
        parent_after = self.after(unit.parent_id) if unit.parent_id is not None else None
        if unit_id in self._abolished:
            return parent_after
        if parent_after == unit.parent_id or self.began_late(unit):
            return unit_id
        return None if parent_after is None else self._version(unit)

    def _version(self, unit: Unit) -> UUID:
        """Give the id of the version as which a unit goes on; of units with a code, that of the file of units."""
        day = self.draft.reform.effective.isoformat()
        code = str(self.altered(unit).get("code", unit.code))
        return record_id("unit", unit.level, code or str(unit.record_id), day)
