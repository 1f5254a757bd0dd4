"""What the cells of a question came to, and what they come to once later folds have changed something.

Whatever only came is added to what is known. Somebody who left a cell may still be in another one of its group: then
nothing follows from what is known of the group, which is tallied anew, and the others are not.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
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
    """What folds have done to the cells of a question: what came, added up, and where something was taken away.

    Of whatever measure, `came` have reported more than before; `left` less, each with a unit where it was so.
    """

    cells: list[StoredCell]
    lessened: frozenset[Place]
    came: frozenset[UUID]
    left: frozenset[tuple[UUID, UUID]]


@dataclass(slots=True)
class _Came:
    """What came to a group, of one measure and kind of reporter; all the places of it are alike to the group."""

    place: Place
    quantity: int = 0
    unknown: int = 0
    persons: list[int] = field(default_factory=list)
    households: list[int] = field(default_factory=list)

    def add(self, quantity: int, unknown: int, persons: list[int], households: list[int]) -> None:
        self.quantity += quantity
        self.unknown += unknown
        self.persons += persons
        self.households += households

    def cell(self) -> StoredCell:
        return self.place, self.quantity, self.unknown, _set(self.persons), _set(self.households)


def what_changed(
    changes: Iterable[CellChange],
    question: Question,
    units: Collection[UUID] | None,
    id_of: Callable[[bytes], UUID],
    group: Callable[[Place], Group],
) -> Since:
    """Give what changes have done to a question about some units (None: all)."""
    by_unit = any(grouping.startswith("unit:") for grouping in question.group_by)
    by_reporter, measures = "reporter" in question.group_by, set(question.measures)
    alike: dict[tuple[object, ...], _Came] = {}
    came: dict[tuple[Group, int, str], _Came] = {}
    lessened: set[Place] = set()
    reported: defaultdict[bytes, int] = defaultdict(int)
    less: set[tuple[bytes, bytes]] = set()
    for unit, measure, platform, day, reporter, kind, quantity, unknown, *sets in _asked(
        changes, question, units, id_of
    ):
        reported[reporter] += quantity
        if quantity < 0:
            less.add((unit, reporter))
        if measure not in measures:
            continue
        persons, households, gone_persons, gone_households = sets
        if quantity < 0 or unknown < 0 or gone_persons or gone_households:
            lessened.add(_place(unit, measure, platform, day, reporter, kind, id_of))
            continue
        key = measure, platform, day, kind, by_unit and unit, by_reporter and reporter
        into = alike.get(key)
        if into is None:
            place = _place(unit, measure, platform, day, reporter, kind, id_of)
            into = alike[key] = came.setdefault((group(place), kind, measure), _Came(place))
        into.add(quantity, unknown, persons, households)
    return Since(
        cells=[each.cell() for each in came.values()],
        lessened=frozenset(lessened),
        came=frozenset(id_of(reporter) for reporter, quantity in reported.items() if quantity > 0),
        left=frozenset((id_of(unit), id_of(reporter)) for unit, reporter in less if reported[reporter] < 0),
    )


def _asked(
    changes: Iterable[CellChange], question: Question, units: Collection[UUID] | None, id_of: Callable[[bytes], UUID]
) -> Iterator[CellChange]:
    """Give the changes of the units, days, platforms and reporters asked about, of whatever measure."""
    first, last = question.first.toordinal(), question.last.toordinal()
    platforms, kind = set(question.platforms), question.reporter_kind
    who = {reporter.bytes for reporter in question.reporters}
    for change in changes:
        unit, _, platform, day, reporter, of_kind, *_ = change
        if (
            first <= day <= last
            and (kind is None or of_kind == kind)
            and (not platforms or platform in platforms)
            and (not who or reporter in who)
            and (units is None or id_of(unit) in units)
        ):
            yield change


def _place(
    unit: bytes, measure: str, platform: str, day: int, reporter: bytes, kind: int, id_of: Callable[[bytes], UUID]
) -> Place:
    return Place(id_of(unit), measure, platform, date.fromordinal(day), id_of(reporter), kind)


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
