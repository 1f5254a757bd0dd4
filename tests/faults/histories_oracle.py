"""What must have been counted, in plain Python: each record's highest revision, added up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

__all__ = ["KINDS", "Cell", "Line", "Numbers", "Revision", "Said", "Wanted", "numbers", "wanted"]

KINDS = ("national_id", "phone", "ref", "receipt")
"""Whom a line names by several references counts under the first of these."""


@dataclass(frozen=True)
class Line:
    """A line; `person` has names by kind of reference."""

    number: int
    measure: str
    platform: str
    quantity: int
    person: Mapping[str, str]


@dataclass(frozen=True)
class Revision:
    """A record at a revision and edition; a voided one has no lines."""

    record: int
    at: tuple[int, int]
    unit: UUID
    reporter: UUID
    day: str
    household: str | None
    lines: Sequence[Line]


@dataclass(frozen=True)
class Said:
    """What a device said at a revision."""

    device: int
    at: int
    reporter: UUID
    day: str


class Cell(NamedTuple):
    """What is added up and united together."""

    unit: UUID
    measure: str
    platform: str
    day: str
    reporter: UUID


@dataclass
class Wanted:
    """Live lines, cells as sums and sets of names, and until when each device has sent everything."""

    facts: set[tuple[object, ...]] = field(default_factory=set)
    quantity: dict[Cell, int] = field(default_factory=dict)
    unknown: dict[Cell, int] = field(default_factory=dict)
    people: dict[Cell, set[str]] = field(default_factory=dict)
    households: dict[Cell, set[str]] = field(default_factory=dict)
    progress: dict[int, tuple[int, str]] = field(default_factory=dict)


Numbers = tuple[int | None, int | None, int | None, int | None]
"""Encounters, people, households, encounters without a person; None where an answer must say why there is none."""


def wanted(told: Iterable[Revision | Said]) -> Wanted:
    """Count what was told, in whatever order, however often."""
    newest: dict[int, Revision] = {}
    found = Wanted()
    for state in told:
        if isinstance(state, Said):
            found.progress[state.device] = max(found.progress.get(state.device, (0, "")), (state.at, state.day))
        elif state.record not in newest or newest[state.record].at < state.at:
            newest[state.record] = state
    for revision in newest.values():
        for line in revision.lines:
            _count(found, revision, line)
    return found


def _count(found: Wanted, revision: Revision, line: Line) -> None:
    cell = Cell(revision.unit, line.measure, line.platform, revision.day, revision.reporter)
    references = [line.person.get(kind) for kind in KINDS]
    found.facts.add((revision.record, line.number, *cell, line.quantity, *references, revision.household))
    found.quantity[cell] = found.quantity.get(cell, 0) + line.quantity
    first = next((reference for reference in references if reference is not None), None)
    if first is None:
        found.unknown[cell] = found.unknown.get(cell, 0) + line.quantity
    else:
        found.people.setdefault(cell, set()).add(first)
    if revision.household is not None:
        found.households.setdefault(cell, set()).add(revision.household)


def numbers(found: Wanted, cells: Iterable[Cell], partner: UUID) -> Numbers:
    """Add up and unite some cells; what a team and a partner report may be the same, so it is not added up."""
    some = list(cells)
    if not some:
        return (None, None, None, None)
    people = {name for cell in some for name in found.people.get(cell, ())}
    households = {name for cell in some for name in found.households.get(cell, ())}
    if len({cell.reporter == partner for cell in some}) == 2:
        return (None, len(people), len(households), None)
    quantity = sum(found.quantity[cell] for cell in some)
    return (quantity, len(people), len(households), sum(found.unknown.get(cell, 0) for cell in some))
