"""A decree looked up on the map: who takes what of whom, who changes how; every fault is told at its place."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.atlas import Atlas
from services.registry.domain.reform.operations import (
    AbolishLevel,
    ChangeType,
    Create,
    Merge,
    NewUnit,
    Operation,
    Part,
    Place,
    Reform,
    Rename,
    Source,
    Split,
    Transfer,
)
from services.registry.domain.units import Share, Unit

__all__ = ["Abolished", "Draft", "Handle", "Take", "read_reform"]

Handle: TypeAlias = UUID | str
"""A unit that there is, by its id, or one that the reform makes, by `#key`."""


@dataclass(frozen=True, slots=True)
class Take:
    """Territory of a unit that goes to another."""

    source: UUID
    target: Handle
    share: Share
    pointer: str


@dataclass(frozen=True, slots=True)
class Abolished:
    """A level that ends within a unit, None the whole country; `units` are those that end."""

    level: str
    within: UUID | None
    units: frozenset[UUID]
    pointer: str


@dataclass(slots=True)
class Draft:
    """What the operations come to. Faults are gathered; with any, nothing else is to be relied on."""

    reform: Reform
    atlas: Atlas
    makes: dict[str, tuple[NewUnit, str]] = field(default_factory=dict)
    takes: list[Take] = field(default_factory=list)
    alters: dict[UUID, dict[str, tuple[Any, str]]] = field(default_factory=dict)
    assigned: dict[UUID, tuple[UUID, Handle, str]] = field(default_factory=dict)
    """Unit → whose part it goes with, where to, and where that is said."""
    abolished: list[Abolished] = field(default_factory=list)
    area: list[tuple[UUID | None, str]] = field(default_factory=list)
    """Every unit named, None the whole country: whoever enacts the reform must be allowed to act in all."""
    faults: list[Fault] = field(default_factory=list)

    def wrong(self, code: str, pointer: str, /, **params: Any) -> None:
        """Note a fault."""
        self.faults.append(Fault(code, pointer, params))

    def unit(self, reference: str, pointer: str) -> Unit | None:
        """Give a unit that there is and that is open when the reform takes effect."""
        effective = self.reform.effective
        if reference.startswith("#"):
            self.wrong("reform_key_misplaced", pointer, key=reference)
            return None
        unit = self._find(reference)
        if unit is None:
            listed = self.atlas.ever(reference)
            code = "not_open_at_date" if listed else "unknown_unit"
            self.wrong(code, pointer, unit=reference, day=effective)
            return None
        self.area.append((unit.record_id, pointer))
        if unit.valid_from is not None and unit.valid_from >= effective:
            self.wrong("reform_before_unit_began", pointer, unit=_name(unit), day=unit.valid_from)
            return None
        if unit.valid_to is not None:
            self.wrong("not_open_at_date", pointer, unit=_name(unit), day=effective)
            return None
        return unit

    def _find(self, reference: str) -> Unit | None:
        try:
            return self.atlas.units.get(UUID(reference))
        except ValueError:
            return self.atlas.on(reference, self.reform.effective - timedelta(days=1))

    def handle(self, reference: str, pointer: str) -> Handle | None:
        """Give a unit that there is, or one that this reform makes."""
        if not reference.startswith("#"):
            unit = self.unit(reference, pointer)
            return unit.record_id if unit else None
        if reference in self.makes:
            return reference
        self.wrong("reform_unknown_key", pointer, key=reference)
        return None

    def make(self, new: NewUnit, pointer: str) -> None:
        """Take note of a new unit."""
        key = f"#{new.key}"
        if key in self.makes:
            self.wrong("reform_key_repeated", f"{pointer}/key", key=key)
        else:
            self.makes[key] = (new, pointer)
        if new.level == "province":
            self.area.append((None, pointer))

    def place(self, place: Place, pointer: str) -> Handle | None:
        """Give where territory goes."""
        if place.new is not None:
            return f"#{place.new.key}"
        return self.handle(place.unit or "#", f"{pointer}/unit")

    def take(self, source: Unit, target: Handle | None, share: Share, pointer: str) -> None:
        """Take note of territory that goes to a unit."""
        if target is not None:
            self.takes.append(Take(source.record_id, target, share, pointer))

    def assign(self, source: Unit, target: Handle | None, units: tuple[str, ...], pointer: str) -> None:
        """Take note of which units of a divided one go with a part of it."""
        for number, reference in enumerate(units):
            at = f"{pointer}/{number}"
            unit = self.unit(reference, at)
            if unit is None or target is None:
                continue
            if unit.parent_id != source.record_id:
                self.wrong("reform_not_in_source", at, unit=_name(unit), source=_name(source))
            elif unit.record_id in self.assigned:
                self.wrong("reform_touched_twice", at, unit=_name(unit))
            else:
                self.assigned[unit.record_id] = (source.record_id, target, at)

    def alter(self, unit: Unit, what: str, value: Any, pointer: str) -> None:
        """Take note of a change of a unit that goes on."""
        changes = self.alters.setdefault(unit.record_id, {})
        if what in changes:
            self.wrong("reform_touched_twice", pointer, unit=_name(unit))
        changes[what] = (value, pointer)


def _name(unit: Unit) -> str:
    return f"{unit.name} ({unit.code or unit.record_id})"


def read_reform(atlas: Atlas, reform: Reform) -> Draft:
    """Look up everything that a reform names."""
    draft = Draft(reform, atlas)
    # Keys first: an operation may name a unit that a later one makes.
    for pointer, operation in reform.operations:
        for new, at in _made_by(operation, pointer):
            draft.make(new, at)
    for pointer, operation in reform.operations:
        _read(draft, operation, pointer)
    return draft


def _made_by(operation: Operation, pointer: str) -> list[tuple[NewUnit, str]]:
    match operation:
        case Create(new):
            return [(new, pointer)]
        case Merge(_, Place(new=NewUnit() as new)):
            return [(new, f"{pointer}/target/new")]
        case Split(_, targets):
            found = [(part.to.new, f"{pointer}/targets/{number}/new") for number, part in enumerate(targets)]
            return [(new, at) for new, at in found if new is not None]
    return []


def _read(draft: Draft, operation: Operation, pointer: str) -> None:
    match operation:
        case Merge(sources, target):
            _merge(draft, sources, target, pointer)
        case Split(source, targets):
            _split(draft, source, targets, pointer)
        case Transfer(reference, new_parent):
            _transfer(draft, reference, new_parent, pointer)
        case Rename():
            _rename(draft, operation, pointer)
        case ChangeType(reference, type_):
            unit = draft.unit(reference, f"{pointer}/unit")
            if unit is not None:
                draft.alter(unit, "type", type_, f"{pointer}/type")
        case AbolishLevel(level, within):
            _abolish(draft, level, within, pointer)


def _merge(draft: Draft, sources: tuple[Source, ...], target: Place, pointer: str) -> None:
    to = draft.place(target, f"{pointer}/target")
    for number, source in enumerate(sources):
        at = f"{pointer}/sources/{number}"
        unit = draft.unit(source.unit, f"{at}/unit")
        if unit is not None:
            draft.take(unit, to, source.share, f"{at}/unit")
            draft.assign(unit, to, source.units, f"{at}/units")


def _split(draft: Draft, source: str, targets: tuple[Part, ...], pointer: str) -> None:
    unit = draft.unit(source, f"{pointer}/source")
    for number, part in enumerate(targets):
        at = f"{pointer}/targets/{number}"
        to = draft.place(part.to, at)
        if unit is not None:
            draft.take(unit, to, "part", at)
            draft.assign(unit, to, part.units, f"{at}/units")


def _transfer(draft: Draft, reference: str, new_parent: str, pointer: str) -> None:
    unit = draft.unit(reference, f"{pointer}/unit")
    parent = draft.handle(new_parent, f"{pointer}/new_parent")
    if unit is None or parent is None:
        return
    above = draft.atlas.units[parent].path if isinstance(parent, UUID) else ()
    if unit.record_id in above:
        draft.wrong("target_descends_from_source", f"{pointer}/new_parent", unit=_name(unit))
    elif parent == unit.parent_id:
        draft.wrong("reform_changes_nothing", f"{pointer}/new_parent", unit=_name(unit))
    draft.alter(unit, "parent", parent, f"{pointer}/new_parent")


def _rename(draft: Draft, told: Rename, pointer: str) -> None:
    unit = draft.unit(told.unit, f"{pointer}/unit")
    if unit is None:
        return
    values = {"name": told.name, "short_name": told.short_name, "code": told.code}
    asked = {what: value for what, value in values.items() if value is not None}
    if all(getattr(unit, what) == value for what, value in asked.items()):
        draft.wrong("reform_changes_nothing", pointer, unit=_name(unit))
    for what, value in asked.items():
        draft.alter(unit, what, value, f"{pointer}/{what}")


def _abolish(draft: Draft, level: str, within: str | None, pointer: str) -> None:
    holder = draft.unit(within, f"{pointer}/within") if within is not None else None
    if within is None:
        draft.area.append((None, pointer))
    elif holder is None:
        return
    held = (unit for unit in draft.atlas.units.values() if unit.level == level and unit.valid_to is None)
    ends = [unit for unit in held if holder is None or holder.record_id in unit.path]
    if not ends:
        draft.wrong("reform_changes_nothing", pointer, unit=level)
    effective = draft.reform.effective
    for late in [unit for unit in ends if unit.valid_from is not None and unit.valid_from >= effective][:1]:
        draft.wrong("reform_before_unit_began", pointer, unit=_name(late), day=late.valid_from)
    holder_id = holder.record_id if holder else None
    draft.abolished.append(Abolished(level, holder_id, frozenset(unit.record_id for unit in ends), pointer))
