"""What a decree makes of the map: the new states of all units that it changes, and nothing else."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.atlas import Atlas
from services.registry.domain.closure import restated
from services.registry.domain.reform.checks import check_orders, levels_down
from services.registry.domain.reform.fates import Fates
from services.registry.domain.reform.operations import NewUnit, Reform, short_name_of
from services.registry.domain.reform.reading import Draft, read_reform
from services.registry.domain.units import LEVELS, Successor, Unit, overlap

__all__ = ["Outcome", "apply"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reform comes to: its faults, or the states that it writes.

    `reached` says of each unit that ends which one holds all of it afterwards; None where it was divided.
    """

    faults: tuple[Fault, ...] = ()
    area: tuple[tuple[UUID | None, str], ...] = ()
    states: tuple[Unit, ...] = ()
    begun: tuple[UUID, ...] = ()
    ended: tuple[UUID, ...] = ()
    reached: tuple[tuple[UUID, UUID | None], ...] = ()
    abolished: frozenset[UUID] = frozenset()


def apply(atlas: Atlas, reform: Reform) -> Outcome:
    """Say what a reform makes of a map; the map itself stays as it is."""
    draft = read_reform(atlas, reform)
    if not draft.faults:
        check_orders(draft)
    if draft.faults:
        return Outcome(tuple(draft.faults), tuple(draft.area))
    making = _Making(draft, Fates.of(draft), {}, {}, {})
    making.make()
    if draft.faults:
        return Outcome(tuple(draft.faults), tuple(draft.area))
    return making.outcome()


@dataclass(slots=True)
class _Making:
    """The units that end, that begin, and that merely get another parent, by id."""

    draft: Draft
    fates: Fates
    ended: dict[UUID, Unit]
    begun: dict[UUID, Unit]
    moved: dict[UUID, Unit]

    def make(self) -> None:
        for handle in self.draft.makes:
            self._begin(handle)
        for unit in self._affected():
            self._decide(unit)
        if not self.draft.faults:
            self._check_codes()
            self._check_levels()
            self._check_emptied()

    def outcome(self) -> Outcome:
        changed = {**self.ended, **self.begun, **self.moved}
        return Outcome(
            area=tuple(self.draft.area),
            states=tuple(restated(self.draft.atlas.units, changed)),
            begun=tuple(self.begun),
            ended=tuple(self.ended),
            reached=tuple((unit_id, self.fates.after(unit_id)) for unit_id in self.ended),
            abolished=frozenset(filter(self.fates.is_abolished, self.ended)),
        )

    def _affected(self) -> list[Unit]:
        """Give the units that the orders speak of and all that lies in them, the higher levels first."""
        found: dict[UUID, Unit] = {}
        waiting = list(self.fates.touched())
        while waiting:
            unit_id = waiting.pop()
            if unit_id in found:
                continue
            found[unit_id] = self.draft.atlas.units[unit_id]
            waiting += [child.record_id for child in self._children(unit_id)]
        return sorted(found.values(), key=lambda unit: (LEVELS.index(unit.level), unit.record_id))

    def _children(self, unit_id: UUID) -> Iterable[Unit]:
        """Give the units that lie directly in another on the effective date or later."""
        effective = self.draft.reform.effective
        children = self.draft.atlas.children(unit_id)
        return [unit for unit in children if unit.valid_to is None or unit.valid_to > effective]

    def _decide(self, unit: Unit) -> None:
        unit_id, fates = unit.record_id, self.fates
        if self.fates.began_late(unit):
            self._move(unit)
        elif fates.is_taken(unit_id) or fates.is_abolished(unit_id):
            self._end(unit)
        elif fates.after(unit_id) is None:
            # Where its parent is divided, a hamlet lies nobody knows where; a commune must be told of.
            if unit.level != "subcommune":
                self._not_assigned(unit)
            self._end(unit)
        elif fates.after(unit_id) != unit_id:
            self._go_on(unit)

    def _not_assigned(self, unit: Unit) -> None:
        holder = unit.parent_id
        while holder is not None and not self.fates.is_taken(holder):
            holder = self.draft.atlas.units[holder].parent_id
        pointer = next((take.pointer for take in self.draft.takes if take.source == holder), "/operations")
        self.draft.wrong("reform_child_not_assigned", pointer, unit=f"{unit.name} ({unit.code})")

    def _move(self, unit: Unit) -> None:
        """Give a unit that began since another parent."""
        parent = self.fates.parent_after(unit)
        if parent is None and unit.parent_id is not None:
            self._not_assigned(unit)
        elif parent != unit.parent_id:
            self.moved[unit.record_id] = replace(unit, parent_id=parent)

    def _end(self, unit: Unit) -> None:
        reform = self.draft.reform
        edges = [
            Successor(to, share, reform.effective, reform.decree) for to, share in self.fates.edges(unit.record_id)
        ]
        ordered = tuple(sorted(edges, key=lambda edge: edge.unit_id))
        self.ended[unit.record_id] = replace(unit, valid_to=reform.effective, successors=ordered)

    def _go_on(self, unit: Unit) -> None:
        """End a version and begin the next."""
        self._end(unit)
        changes: dict[str, Any] = self.fates.altered(unit)
        if "name" in changes and "short_name" not in changes:
            changes["short_name"] = short_name_of(unit.level, changes.get("type", unit.type), changes["name"])
        parent = self.fates.parent_after(unit)
        pointer = self.draft.alters.get(unit.record_id, {}).get("parent", (None, "/operations"))[1]
        if unit.level != "province" and parent is None:
            self._not_assigned(unit)
        elif parent is not None:
            self._check_parent(parent, unit, pointer)
        next_id = self.fates.after(unit.record_id)
        assert next_id is not None
        self.begun[next_id] = replace(
            unit, record_id=next_id, valid_from=self.draft.reform.effective, parent_id=parent, **changes
        )

    def _begin(self, handle: str) -> None:
        new, pointer = self.draft.makes[handle]
        unit = Unit(
            record_id=self.fates.made(handle),
            code=new.code or "",
            level=new.level,
            type=new.type,
            name=new.name,
            short_name=new.short_name or short_name_of(new.level, new.type, new.name),
            valid_from=self.draft.reform.effective,
            valid_to=None,
            parent_id=self._parent_of(new, f"{pointer}/parent"),
        )
        if unit.record_id in self.begun:
            self.draft.wrong("code_taken", f"{pointer}/code", code=new.code)
        self.begun[unit.record_id] = unit

    def _parent_of(self, new: NewUnit, pointer: str) -> UUID | None:
        """Find the parent of a new unit, which must be open after the reform and of a higher level."""
        handle = self.draft.handle(new.parent, pointer) if new.parent is not None else None
        if handle is None:
            return None
        if isinstance(handle, str):
            self._check_level(self.draft.makes[handle][0].level, new, pointer)
            return self.fates.made(handle)
        parent = self.draft.atlas.units[handle]
        if self.fates.is_taken(handle) or self.fates.is_abolished(handle) or self.fates.after(handle) is None:
            self.draft.wrong("parent_ends", pointer, unit=parent.name)
        self._check_level(parent.level, new, pointer)
        return self.fates.made(handle)

    def _check_parent(self, parent_id: UUID, unit: Unit, pointer: str) -> None:
        parent = self.begun.get(parent_id) or self.draft.atlas.units.get(parent_id)
        if parent is None or parent_id in self.ended:
            self.draft.wrong("parent_ends", pointer, unit=unit.name)
        else:
            self._check_level(parent.level, unit, pointer)

    def _check_level(self, level: Any, child: Unit | NewUnit, pointer: str) -> None:
        if not levels_down(level, child.level):
            self.draft.wrong("parent_of_wrong_level", pointer, unit=child.name)

    def _check_codes(self) -> None:
        """No two units may bear a code on one day."""
        pointers = {self.fates.made(handle): f"{at}/code" for handle, (_, at) in self.draft.makes.items()}
        for unit_id, changes in self.draft.alters.items():
            if "code" in changes:
                pointers[self.fates.made(unit_id)] = changes["code"][1]
        borne = Counter(unit.code for unit in self.begun.values() if unit.code)
        for unit in self.begun.values():
            if not unit.code:
                continue
            pointer = pointers.get(unit.record_id, "/operations")
            if borne[unit.code] > 1 and unit.record_id in pointers:
                self.draft.wrong("code_taken", pointer, code=unit.code)
            for other in self.draft.atlas.bearers(unit.code):
                now = self.ended.get(other.record_id, other)
                if now.record_id != unit.record_id and overlap(now, unit):
                    code = "code_taken" if now.valid_to is None else "overlapping_validity"
                    self.draft.wrong(code, pointer, code=unit.code, day=now.valid_from or date.min)
                elif now.record_id == unit.record_id:
                    self.draft.wrong("overlapping_validity", pointer, code=unit.code, day=now.valid_from)

    def _check_levels(self) -> None:
        """A level that ends has no unit left."""
        for abolished in self.draft.abolished:
            holder = self.fates.after(abolished.within) if abolished.within is not None else None
            for unit in self.begun.values():
                if unit.level == abolished.level and (holder is None or self._lies_in(unit, holder)):
                    self.draft.wrong("level_not_empty", abolished.pointer, unit=unit.name, level=unit.level)

    def _lies_in(self, unit: Unit, holder: UUID) -> bool:
        above: Unit | None = unit
        while above is not None and above.record_id != holder:
            parent_id = above.parent_id
            above = None
            if parent_id is not None:
                above = self.begun.get(parent_id) or self.draft.atlas.units.get(parent_id)
        return above is not None

    def _check_emptied(self) -> None:
        """A province or district that had units and goes on must have some left."""
        parents = {unit.parent_id for unit in [*self.ended.values()] if unit.parent_id is not None}
        filled = {unit.parent_id for unit in [*self.begun.values(), *self.moved.values()]}
        for parent_id in parents:
            after, parent = self.fates.after(parent_id), self.draft.atlas.units[parent_id]
            if after is None or parent.level not in ("province", "district") or after in filled:
                continue
            if self.fates.is_abolished(parent_id) or self._has_others(after):
                continue
            self.draft.wrong("reform_nothing_left", "/operations", unit=f"{parent.name} ({parent.code})")

    def _has_others(self, unit_id: UUID) -> bool:
        children = self.draft.atlas.children(unit_id)
        return any(child.record_id not in self.ended and child.valid_to is None for child in children)
