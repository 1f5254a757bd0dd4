"""Roll-ups: the cells of a commune or a province over a month, added up and united, as of some data revision.

What folds have changed since then lies beside them until it is worked in. A roll-up and the changes after it make the
number of a snapshot, exactly: quantities are sums; a set is the base and all who came, without those of the gone whom
no live fact holds there any more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from pyroaring import BitMap

__all__ = [
    "ANYTHING",
    "COMMUNE",
    "PROVINCE",
    "RADIX",
    "CellChange",
    "Change",
    "Rollup",
    "RollupKey",
    "Segment",
    "gone_from",
    "merged",
    "month_of",
    "next_month",
    "rolled_up",
    "segment_of",
    "spans",
]

COMMUNE, PROVINCE = 1, 2

RADIX = 8

ANYTHING = ""
"""Stands for the measure in the roll-ups that say who reported, whatever it was."""

CellChange = tuple[bytes, str, str, int, bytes, int, int, int, list[int], list[int], list[int], list[int]]
"""What a fold did to one cell: unit, measure, platform, ordinal of the day, reporter, its kind, quantity, unknown,
persons and households who came, persons and households who left the cell. Ids are their 16 bytes."""


class RollupKey(NamedTuple):
    """What the cells of a roll-up have in common."""

    level: int
    unit_id: UUID
    month: date
    measure: str
    platform: str
    reporter_kind: int


@dataclass(slots=True)
class Rollup:
    """What the cells make together; the days are bounds. `reporters` have the quantity each has reported."""

    first: date
    last: date
    quantity: int = 0
    unknown: int = 0
    persons: BitMap = field(default_factory=BitMap)
    households: BitMap = field(default_factory=BitMap)
    reporters: dict[bytes, int] = field(default_factory=dict)


@dataclass(slots=True)
class Change(Rollup):
    """What folds changed; the gone have left a cell at the fold given, and nobody has put them back since."""

    gone_persons: dict[int, int] = field(default_factory=dict)
    gone_households: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Segment:
    """What consecutive folds changed at a level, with the units that were not known to count anywhere."""

    changes: dict[RollupKey, Change] = field(default_factory=dict)
    strangers: set[bytes] = field(default_factory=set)


def month_of(day: date) -> date:
    """Give the first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Give the first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


@lru_cache(maxsize=4096)
def _day(ordinal: int) -> tuple[date, date]:
    day = date.fromordinal(ordinal)
    return day, month_of(day)


def segment_of(n: int, changes: Iterable[CellChange], level: int, unit_at: Callable[[bytes], UUID | None]) -> Segment:
    """Add up what one fold changed; `unit_at` gives the unit of the level that a unit counts in."""
    segment = Segment()
    found = segment.changes
    for unit, measure, platform, ordinal, reporter, kind, quantity, unknown, *sets in changes:
        above = unit_at(unit)
        if above is None:
            segment.strangers.add(unit)
            continue
        day, month = _day(ordinal)
        _add(_change(found, RollupKey(level, above, month, measure, platform, kind), day), quantity, unknown, n, sets)
        who = _change(found, RollupKey(level, above, month, ANYTHING, platform, kind), day)
        who.quantity += quantity
        who.reporters[reporter] = who.reporters.get(reporter, 0) + quantity
    for change in found.values():
        _put_back(change, change)
    return segment


def _change(found: dict[RollupKey, Change], key: RollupKey, day: date) -> Change:
    change = found.get(key)
    if change is None:
        change = found[key] = Change(day, day)
    elif day < change.first:
        change.first = day
    elif day > change.last:
        change.last = day
    return change


def _add(change: Change, quantity: int, unknown: int, n: int, sets: Sequence[list[int]]) -> None:
    persons, households, gone_persons, gone_households = sets
    change.quantity += quantity
    change.unknown += unknown
    if persons:
        change.persons.update(persons)
    if households:
        change.households.update(households)
    for number in gone_persons:
        change.gone_persons[number] = n
    for number in gone_households:
        change.gone_households[number] = n


def _put_back(gone: Change, by: Change) -> None:
    """Take those out of the gone who came again: a fact that entered is live until someone is gone after it."""
    if gone.gone_persons and by.persons:
        gone.gone_persons = {p: n for p, n in gone.gone_persons.items() if p not in by.persons}
    if gone.gone_households and by.households:
        gone.gone_households = {h: n for h, n in gone.gone_households.items() if h not in by.households}


def merged(segments: Sequence[Segment]) -> Segment:
    """Put consecutive segments together, in their order."""
    parts: dict[RollupKey, list[Change]] = {}
    strangers: set[bytes] = set()
    for segment in segments:
        strangers |= segment.strangers
        for key, change in segment.changes.items():
            parts.setdefault(key, []).append(change)
    changes = {key: of_key[0] if len(of_key) == 1 else _together(of_key) for key, of_key in parts.items()}
    return Segment(changes, strangers)


def _together(parts: Sequence[Change]) -> Change:
    whole = Change(min(part.first for part in parts), max(part.last for part in parts))
    _sum_up(whole, parts)
    for part in parts:
        _put_back(whole, part)
        whole.gone_persons |= part.gone_persons
        whole.gone_households |= part.gone_households
    return whole


def _sum_up(whole: Rollup, parts: Sequence[Rollup]) -> None:
    persons, households = [], []
    for part in parts:
        whole.quantity += part.quantity
        whole.unknown += part.unknown
        if part.persons:
            persons.append(part.persons)
        if part.households:
            households.append(part.households)
        for reporter, quantity in part.reporters.items():
            whole.reporters[reporter] = whole.reporters.get(reporter, 0) + quantity
    if persons:
        whole.persons |= BitMap.union(*persons)
    if households:
        whole.households |= BitMap.union(*households)


def gone_from(changes: Sequence[Change]) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Give the people and households who may have left, each with the fold after which nobody put them back."""
    persons: dict[int, int] = {}
    households: dict[int, int] = {}
    for change in changes:
        if persons:
            persons = {p: n for p, n in persons.items() if p not in change.persons}
        if households:
            households = {h: n for h, n in households.items() if h not in change.households}
        persons |= change.gone_persons
        households |= change.gone_households
    return persons, households


def rolled_up(parts: Sequence[Rollup], lost_persons: Iterable[int] = (), lost_households: Iterable[int] = ()) -> Rollup:
    """Make a roll-up of parts: a base and its changes, or those of the level below."""
    whole = Rollup(min(part.first for part in parts), max(part.last for part in parts))
    _sum_up(whole, parts)
    whole.persons.difference_update(BitMap(lost_persons))
    whole.households.difference_update(BitMap(lost_households))
    whole.reporters = {reporter: quantity for reporter, quantity in whole.reporters.items() if quantity}
    return whole


def spans(after: int, until: int) -> Iterator[tuple[int, int]]:
    """Cut the folds after one until another into a few spans (first, size) that many ranges have in common."""
    first = after + 1
    while first <= until:
        size = 1
        while first % (size * RADIX) == 0 and first + size * RADIX - 1 <= until:
            size *= RADIX
        yield first, size
        first += size
