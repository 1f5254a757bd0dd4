"""What holds of every map, however it came to be: from files, from reforms, or from both."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.registry.domain.units import LEVELS, Unit, overlap, valid_on

__all__ = ["Conflict", "conflicts"]

Kind = Literal["code", "parent", "lineage"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two units that cannot both be on one map: they bear a code on the same day, or one's parent or heir is not."""

    kind: Kind
    unit: Unit
    other: Unit | None


def conflicts(units: Mapping[UUID, Unit]) -> Iterator[Conflict]:
    """Give whatever contradicts itself: none of a sound map."""
    by_code: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in units.values():
        for other in by_code[unit.code] if unit.code else ():
            if overlap(unit, other):
                yield Conflict("code", unit, other)
        by_code[unit.code].append(unit)
        yield from _parent(units, unit)
        yield from _lineage(units, unit)


def _parent(units: Mapping[UUID, Unit], unit: Unit) -> Iterator[Conflict]:
    """A unit lies in one of a higher level for as long as it is valid; a province in none."""
    if unit.parent_id is None:
        if unit.level != "province":
            yield Conflict("parent", unit, None)
        return
    parent = units.get(unit.parent_id)
    if (
        parent is None
        or LEVELS.index(parent.level) >= LEVELS.index(unit.level)
        or (parent.valid_to is not None and (unit.valid_to is None or unit.valid_to > parent.valid_to))
        or (parent.valid_from is not None and (unit.valid_from is None or unit.valid_from < parent.valid_from))
    ):
        yield Conflict("parent", unit, parent)


def _lineage(units: Mapping[UUID, Unit], unit: Unit) -> Iterator[Conflict]:
    """Territory goes on when its unit ends, wholly to one that is valid then, or in parts to several."""
    if any(edge.share == "whole" for edge in unit.successors) and len(unit.successors) > 1:
        yield Conflict("lineage", unit, None)
    for edge in unit.successors:
        heir = units.get(edge.unit_id)
        if (
            heir is None
            or edge.effective != unit.valid_to
            or not valid_on(heir.valid_from, heir.valid_to, edge.effective)
        ):
            yield Conflict("lineage", unit, heir)
