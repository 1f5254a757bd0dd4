"""What follows from parents and lineage: a unit's chain of parents, and every version that holds its territory."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

from services.registry.domain.units import LEVELS, Unit

__all__ = ["closed", "restated"]


def closed(units: Mapping[UUID, Unit], stale: Collection[UUID]) -> list[Unit]:
    """Give the stale units with `path` and `within` made anew; those of the others are taken as they stand.

    A parent is of a higher level and ends no earlier than its children, a successor ends later than who it succeeds:
    in that order each is made of what is made already.
    """
    made: dict[UUID, Unit] = {}

    def known(unit_id: UUID) -> Unit:
        return made.get(unit_id) or units[unit_id]

    for unit in sorted((units[unit_id] for unit_id in stale), key=_holders_first):
        parent = known(unit.parent_id) if unit.parent_id is not None else None
        holders = [parent] if parent is not None else []
        holders += [known(edge.unit_id) for edge in unit.successors if edge.share == "whole"]
        # Itself first, then the nearest; the same holder may be reached by several ways.
        within = dict.fromkeys([unit.record_id, *(each for holder in holders for each in holder.within)])
        path = (*(parent.path if parent is not None else ()), unit.record_id)
        made[unit.record_id] = replace(unit, path=path, within=tuple(within))
    return [made[unit_id] for unit_id in stale]


def restated(units: Mapping[UUID, Unit], changed: Mapping[UUID, Unit]) -> list[Unit]:
    """Give the new states of all units that differ once some have changed or begun, those included."""
    # Whoever lies in a unit that changed lies in what that became, too.
    known = changed.keys() & units.keys()
    stale = [unit_id for unit_id, unit in units.items() if not known.isdisjoint(unit.within)]
    made = closed({**units, **changed}, [*dict.fromkeys([*stale, *changed])])
    return [unit for unit in made if units.get(unit.record_id) != unit]


def _holders_first(unit: Unit) -> tuple[int, int]:
    return -(unit.valid_to or date.max).toordinal(), LEVELS.index(unit.level)
