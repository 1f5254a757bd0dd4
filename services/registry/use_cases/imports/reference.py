"""Planning lists of denominators and of targets: each row is decided as one sent by itself would be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from services.registry.domain.imports import reference as listed
from services.registry.domain.imports.fields import RowRead
from services.registry.domain.imports.places import Places
from services.registry.domain.imports.planned import Planned, faulted, planned, refused
from services.registry.domain.units import Unit
from services.registry.use_cases import reference
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports.planner import Bounds, in_pieces
from services.registry.use_cases.reference import Outcome

__all__ = ["plan_denominators", "plan_targets"]


async def plan_denominators(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], write: bool) -> list[Planned]:
    """Say what becomes of the rows of a list of denominators, and write it where that is asked."""
    placed = await _placed(desk, bounds, rows, "on")
    good = [(row, unit) for row, unit in placed if unit is not None]
    told = [listed.denominator_of(row, unit) for row, unit in good]
    outcomes = await reference.write_denominators(desk.connection, desk.atlas, told, root=bounds.root, store=write)
    return _judged(placed, outcomes)


async def plan_targets(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], write: bool) -> list[Planned]:
    """Say what becomes of the rows of a list of targets, and write it where that is asked."""
    placed = await _placed(desk, bounds, rows, "due")
    good = [(row, unit) for row, unit in placed if unit is not None]
    told = [listed.target_of(row, unit) for row, unit in good]
    outcomes = await reference.write_targets(
        desk.connection, desk.atlas, told, root=bounds.root, today=desk.today, store=write
    )
    return _judged(placed, outcomes)


@dataclass
class _PlacesByDay:
    """The units as the list of each day names them; a figure is of a unit that stood on its day."""

    desk: Desk
    bounds: Bounds
    known: dict[date, Places] = field(default_factory=dict)

    def find(self, row: RowRead, day: date) -> Unit | None:
        day = self.bounds.codes_as_of or min(day, self.desk.today)
        if day not in self.known:
            self.known[day] = Places(self.desk.atlas, self.bounds.root, day)
        return self.known[day].find(row)


async def _placed(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], day: str) -> list[tuple[RowRead, Unit | None]]:
    places, placed = _PlacesByDay(desk, bounds), list[tuple[RowRead, Unit | None]]()
    async for some in in_pieces(rows):
        for row in some:
            unit = places.find(row, row.values.get(day, desk.today))
            placed.append((row, None if row.is_wrong else unit))
    return placed


def _judged(placed: Sequence[tuple[RowRead, Unit | None]], outcomes: Sequence[Outcome]) -> list[Planned]:
    """Give what becomes of every row; outcomes are of those that were placed."""
    remaining, found = iter(outcomes), []
    for row, unit in placed:
        outcome = next(remaining) if unit is not None else None
        if outcome is not None:
            row.findings += [faulted(row, fault, listed.AT) for fault in outcome.faults]
        if outcome is None or unit is None or outcome.record_id is None:
            found.append(refused(row))
            continue
        fields = ("value",) if outcome.status == "changed" else ()
        key = unit.code or unit.name
        found.append(planned(row, key, outcome.record_id, is_new=outcome.status == "created", fields=fields))
    return found
