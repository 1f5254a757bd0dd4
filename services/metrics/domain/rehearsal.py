"""A rehearsal: the map as it would be, which units a reform touches, and what would be unallocated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from pyroaring import BitMap

from libs.common.problem import Fault, Problem
from services.metrics.domain.boundaries import Boundaries
from services.metrics.domain.map import LEVELS, Unit, UnitMap

__all__ = [
    "Change",
    "Told",
    "Touched",
    "Unplaced",
    "check_states",
    "tells_few",
    "tells_few_encounters",
    "touched_by",
    "unplaced",
]

Change = Literal["ends", "begins", "changes", "above"]
Told = tuple[Unit, UUID | None]
"""A state, with its parent as it tells it."""

ALLOCATED = ("province", "district", "commune")


@dataclass(frozen=True, slots=True)
class Touched:
    """A unit that a reform touches, as it is last known."""

    unit: Unit
    change: Change


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Units of which a level's unit of the day before has all, and none of the day itself."""

    level: str
    units: frozenset[UUID]


def check_states(states: Sequence[Told], known: UnitMap, visible: frozenset[UUID] | None) -> None:
    """Raise Problem, with a pointer, for a state that no reform could write, or that the caller may not see."""
    told = {unit.unit_id: unit for unit, _ in states}
    seen: set[UUID] = set()
    for n, (unit, parent) in enumerate(states):
        before = known.get(unit.unit_id)
        if unit.unit_id in seen:
            raise _refused("unit_told_twice", f"/units/{n}/unit_id", unit)
        seen.add(unit.unit_id)
        if before is not None and before.revision >= unit.revision:
            raise _refused("unit_revision_known", f"/units/{n}/revision", unit, revision=before.revision)
        if unit.valid_from is not None and unit.ended_by(unit.valid_from):
            raise _refused("unit_never_valid", f"/units/{n}/valid_to", unit)
        if visible is not None and before is not None and unit.unit_id not in visible:
            raise _refused("outside_subtree", f"/units/{n}/unit_id", unit)
        path = [told.get(above) or known.get(above) for above in unit.path]
        levels = [LEVELS.index(above.level) for above in path if above is not None]
        downwards = levels == sorted(set(levels)) and None not in path
        if not (downwards and unit.path and unit.path[-1] == unit.unit_id and unit.parent == parent):
            raise _refused("unit_path_unsound", f"/units/{n}/path", unit)


def _refused(problem: str, pointer: str, unit: Unit, **params: Any) -> Problem:
    named = {"unit": str(unit.unit_id), **params}
    return Problem(problem, faults=[Fault(problem, pointer, named)], **named)


def touched_by(
    states: Sequence[Unit], known: UnitMap, later: UnitMap, before: Boundaries, on: Boundaries
) -> list[Touched]:
    """Give the units that a reform touches and the provinces above them, by level and code."""
    found: dict[UUID, Touched] = {}
    for unit in states:
        old = known.get(unit.unit_id)
        was, is_ = old is not None and old.valid_on(before.day), unit.valid_on(on.day)
        change: Change = "changes" if was and is_ else "ends" if was else "begins"
        if was or is_:
            found[unit.unit_id] = Touched(unit, change)
    for touched in list(found):
        for day in (before, on):
            province, exact = day.at_level(touched, "province")
            above = later.get(province) if province is not None and exact else None
            if above is not None:
                found.setdefault(above.unit_id, Touched(above, "above"))
    return sorted(found.values(), key=lambda each: (LEVELS.index(each.unit.level), each.unit.code or "~", each.change))


def unplaced(touched: Mapping[UUID, Touched], before: Boundaries, on: Boundaries) -> list[Unplaced]:
    """Give what a unit of each level held on the day before, and none will hold on the day."""
    found = []
    for level in ALLOCATED:
        if level not in before.levels or level not in on.levels:
            continue
        held = frozenset().union(*(before.held_by(unit_id) for unit_id in touched))
        lost = frozenset(u for u in held if before.at_level(u, level)[1] and not on.at_level(u, level)[1])
        if lost:
            found.append(Unplaced(level, lost))
    return found


def tells_few(sets: Iterable[BitMap], smallest: int) -> bool:
    """Say whether some sets tell of fewer than `smallest`: by one alone, or by what one has beyond another in it."""
    by_size = sorted((of for of in sets if of), key=len)
    if by_size and len(by_size[0]) < smallest:
        return True
    for n, inner in enumerate(by_size):
        for outer in by_size[n + 1 :]:
            if len(outer) - len(inner) >= smallest:
                break
            if len(outer) > len(inner) and inner.issubset(outer):
                return True
    return False


def tells_few_encounters(quantities: Iterable[int], smallest: int) -> bool:
    """Say whether a quantity, or what it has beyond the next smaller, is below `smallest`."""
    by_size = sorted({0, *quantities})
    return any(0 < more - less < smallest for less, more in pairwise(by_size))
