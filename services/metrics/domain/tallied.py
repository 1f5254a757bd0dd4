"""What the cells of a question came to, and what they come to once later folds have added something.

Whatever only came is added to what is known. Somebody who left a cell may still be in another one, and a reporter of
whom a cell is gone may have others: then nothing follows from what is known, and all is tallied anew.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from pyroaring import BitMap

from services.metrics.domain.answer import StoredCell, Sums, Tally
from services.metrics.domain.grouping import Group, Place
from services.metrics.domain.question import Question
from services.metrics.domain.rollups import CellChange

__all__ = ["Added", "Tallied", "added_to", "additions"]

BYTES_A_GROUP = 1000  # What a group takes besides the members of its sets, about.
BYTES_A_MEMBER = 2


@dataclass(frozen=True, slots=True)
class Tallied:
    """Sums by group at a data revision, by a state of the map; nothing of it is ever changed.

    `active` are those who have reported anything in the units and days asked about, of whatever measure.
    """

    n: int
    map_changes: int
    sums: Mapping[Group, Sums]
    active: frozenset[UUID]

    def size(self) -> int:
        """Give the bytes it takes in memory, about."""
        members = sum(len(sums.persons) + len(sums.households) for sums in self.sums.values())
        return BYTES_A_GROUP * len(self.sums) + BYTES_A_MEMBER * members


@dataclass(frozen=True, slots=True)
class Added:
    """What folds have added to the cells of a question, and who has reported anything of whatever measure."""

    cells: list[StoredCell]
    reporters: frozenset[UUID]


def additions(
    changes: Iterable[CellChange], question: Question, units: Collection[UUID] | None, id_of: Callable[[bytes], UUID]
) -> Added | None:
    """Give what changes add to a question about some units (None: all); None where any of them takes something away."""
    first, last = question.first.toordinal(), question.last.toordinal()
    measures, platforms, kind = set(question.measures), set(question.platforms), question.reporter_kind
    who = {reporter.bytes for reporter in question.reporters}
    cells: list[StoredCell] = []
    came: set[bytes] = set()
    for unit, measure, platform, day, reporter, of_kind, quantity, unknown, *sets in changes:
        if (
            not first <= day <= last
            or (kind is not None and of_kind != kind)
            or (platforms and platform not in platforms)
            or (who and reporter not in who)
            or (units is not None and id_of(unit) not in units)
        ):
            continue
        persons, households, gone_persons, gone_households = sets
        if quantity < 0 or unknown < 0 or gone_persons or gone_households:
            return None
        if quantity:
            came.add(reporter)
        if measure in measures:
            place = Place(id_of(unit), measure, platform, date.fromordinal(day), id_of(reporter), of_kind)
            cells.append((place, quantity, unknown, _set(persons), _set(households)))
    return Added(cells, frozenset(map(id_of, came)))


def added_to(known: Tallied, added: Added, n: int, group: Callable[[Place], Group], max_groups: int) -> Tallied:
    """Give what is known with what was added until a data revision; raises TooManyGroups."""
    sums = known.sums
    if added.cells:
        tally = Tally(group, max_groups, sums)
        tally.add(added.cells)
        sums = tally.sums
    active = known.active if added.reporters <= known.active else known.active | added.reporters
    return Tallied(n, known.map_changes, sums, active)


def _set(members: list[int]) -> tuple[BitMap, ...]:
    return (BitMap(members),) if members else ()
