"""What the cells of a question came to, and what they come to once later folds have changed something.

Whatever only came is added to what is known. Somebody who left a cell may still be in another one of its group: then
nothing follows from what is known of the group, which is tallied anew, and the others are not.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from pyroaring import BitMap

from services.metrics.domain.answer import StoredCell, Sums, Tally
from services.metrics.domain.grouping import Group, Place, days_of
from services.metrics.domain.question import Question
from services.metrics.domain.rollups import CellChange

__all__ = ["Since", "Tallied", "added_to", "parts_with", "what_changed"]

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
class Since:
    """What folds have done to the cells of a question: what came, and the places that something was taken from.

    Of whatever measure, `came` have reported more than before; `left` less, each with a unit where it was so.
    """

    cells: list[StoredCell]
    lessened: frozenset[Place]
    came: frozenset[UUID]
    left: frozenset[tuple[UUID, UUID]]


def what_changed(
    changes: Iterable[CellChange], question: Question, units: Collection[UUID] | None, id_of: Callable[[bytes], UUID]
) -> Since:
    """Give what changes have done to a question about some units (None: all)."""
    first, last = question.first.toordinal(), question.last.toordinal()
    measures, platforms, kind = set(question.measures), set(question.platforms), question.reporter_kind
    who = {reporter.bytes for reporter in question.reporters}
    cells: list[StoredCell] = []
    lessened: set[Place] = set()
    reported: defaultdict[bytes, int] = defaultdict(int)
    less: set[tuple[bytes, bytes]] = set()
    for unit, measure, platform, day, reporter, of_kind, quantity, unknown, *sets in changes:
        if (
            not first <= day <= last
            or (kind is not None and of_kind != kind)
            or (platforms and platform not in platforms)
            or (who and reporter not in who)
            or (units is not None and id_of(unit) not in units)
        ):
            continue
        reported[reporter] += quantity
        if quantity < 0:
            less.add((unit, reporter))
        if measure in measures:
            place = Place(id_of(unit), measure, platform, date.fromordinal(day), id_of(reporter), of_kind)
            persons, households, gone_persons, gone_households = sets
            if quantity < 0 or unknown < 0 or gone_persons or gone_households:
                lessened.add(place)
            else:
                cells.append((place, quantity, unknown, _set(persons), _set(households)))
    came = frozenset(id_of(reporter) for reporter, quantity in reported.items() if quantity > 0)
    left = frozenset((id_of(unit), id_of(reporter)) for unit, reporter in less if reported[reporter] < 0)
    return Since(cells, frozenset(lessened), came, left)


def added_to(
    known: Tallied, since: Since, lessened: Set[Group], group: Callable[[Place], Group], max_groups: int
) -> Tally:
    """Give what is known with what came since, but for the groups to tally anew; raises TooManyGroups."""
    begun = {of_group: sums for of_group, sums in known.sums.items() if of_group not in lessened}
    tally = Tally(group, max_groups, begun)
    tally.add(cell for cell in since.cells if group(cell[0]) not in lessened)
    return tally


def parts_with(question: Question, places: Iterable[Place]) -> Iterator[Question]:
    """Give questions about nothing but days and measures whose groups have some of the places, and all of these."""
    span = next((grouping.partition(":")[2] for grouping in question.group_by if grouping.startswith("time:")), None)
    asked: defaultdict[tuple[date, date], set[str]] = defaultdict(set)
    for place in places:
        first, last = days_of(span, place.day) if span else (question.first, question.last)
        days = max(first, question.first), min(last, question.last)
        asked[days] |= {place.measure} if "measure" in question.group_by else {*question.measures}
    for (first, last), measures in sorted(asked.items()):
        yield replace(question, first=first, last=last, measures=tuple(sorted(measures)))


def _set(members: list[int]) -> tuple[BitMap, ...]:
    return (BitMap(members),) if members else ()
