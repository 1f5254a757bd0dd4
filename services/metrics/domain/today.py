"""What has been received on a day: the newest revision of each record, small enough to keep a province's day in memory.

A record counts on the day on which its newest revision was received, where that is not a void: a correction counts on
the day it came. Told again, or in another order, it comes to the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from struct import Struct
from uuid import UUID

__all__ = ["Figures", "Part", "Receipt", "Today"]

_HEAD = Struct("<iiiI")
"""Revision, edition, the unit's place among the names (VOID: none), the reporter's."""
_LINE = Struct("<IqQ")
"""The measure's place among the names, quantity, the first eight bytes of the person's pseudonym (0: nobody)."""
VOID = -1
NOBODY = 0
SLICE_RECORDS = 5_000  # Some milliseconds.


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record as it was received; each line is measure, quantity and pseudonym of its person, if any.

    `team` is whether a team reports it; a voided one has no lines.
    """

    record_id: UUID
    revision: int
    edition: int
    unit_id: UUID
    reporter_id: UUID
    team: bool
    voided: bool
    lines: Sequence[tuple[str, int, bytes | None]]


@dataclass(slots=True)
class Part:
    """What a province has received; lượt and people by measure, people as sets of their pseudonyms' numbers."""

    rows: int = 0
    teams: set[int] = field(default_factory=set)
    turns: dict[str, int] = field(default_factory=dict)
    people: dict[str, set[int]] = field(default_factory=dict)


Figures = dict[str, Part]
"""By province."""


@dataclass(slots=True)
class Today:
    """The records of one local day."""

    day: date = date.min
    _records: dict[bytes, bytes] = field(default_factory=dict)
    _numbers: dict[object, int] = field(default_factory=dict)
    _names: list[object] = field(default_factory=list)

    def turn_to(self, day: date) -> None:
        """Begin another day with nothing; the same day goes on."""
        if day != self.day:
            self.day = day
            self._records, self._numbers, self._names = {}, {}, []

    def take(self, receipt: Receipt) -> None:
        """Take a record received on the day unless a newer revision of it is known."""
        key = receipt.record_id.bytes
        known = self._records.get(key)
        if known is not None and _HEAD.unpack_from(known)[:2] >= (receipt.revision, receipt.edition):
            return
        unit = VOID if receipt.voided else self._number(receipt.unit_id)
        reporter = self._number((receipt.reporter_id, receipt.team))
        head = _HEAD.pack(receipt.revision, receipt.edition, unit, reporter)
        self._records[key] = head + b"".join(
            _LINE.pack(self._number(measure), quantity, int.from_bytes(person[:8], "little") if person else NOBODY)
            for measure, quantity, person in receipt.lines
        )

    def __len__(self) -> int:
        return len(self._records)

    def slices(self, province_of: Callable[[UUID], str], into: Figures) -> Iterator[None]:
        """Add everything up by province, some at a time, so that others get their turn; what comes meanwhile waits."""
        places: dict[int, Part] = {}
        records = iter(list(self._records.values()))
        names = self._names
        while some := list(islice(records, SLICE_RECORDS)):
            for record in some:
                _, _, unit, reporter = _HEAD.unpack_from(record)
                if unit == VOID:
                    continue
                part = places.get(unit)
                if part is None:
                    unit_id = names[unit]
                    assert isinstance(unit_id, UUID)
                    part = places[unit] = into.setdefault(province_of(unit_id), Part())
                _add(record, names, reporter, part)
            yield

    def _number(self, name: object) -> int:
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number


def _add(record: bytes, names: Sequence[object], reporter: int, part: Part) -> None:
    part.rows += 1
    who = names[reporter]
    assert isinstance(who, tuple)
    if who[1]:
        part.teams.add(reporter)
    for number, quantity, person in _LINE.iter_unpack(record[_HEAD.size :]):
        measure = str(names[number])
        part.turns[measure] = part.turns.get(measure, 0) + quantity
        people = part.people.setdefault(measure, set())
        if person != NOBODY:
            people.add(person)
