"""Facts: one assistance line of one record, and what changes when a record's revision replaces another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

__all__ = [
    "KIND_RANGE",
    "MAX_INTEGER",
    "MAX_LEVEL",
    "MAX_QUANTITY",
    "NOBODY",
    "PARTNER",
    "REFERENCE_KINDS",
    "REPORTER_KINDS",
    "TEAM",
    "Changes",
    "Fact",
    "Line",
    "Record",
    "changes",
    "facts_of",
    "households_in",
    "newest",
    "pseudonyms_in",
]

REFERENCE_KINDS = ("national_id", "phone", "ref", "receipt")
"""A person counts under the first that a line has, in this order."""

KIND_RANGE = 1 << 30
"""Numbers of people of the n-th kind of reference lie in [n, n + 1) times this."""

REPORTER_KINDS = ("team", "partner")
TEAM, PARTNER = range(2)

MAX_INTEGER = 2**31 - 1
MAX_QUANTITY = 10**9
MAX_LEVEL = 1000
"""The largest revision and edition, the largest quantity of a line, the highest level of a key that can be kept."""

Refs = tuple[bytes | None, bytes | None, bytes | None, bytes | None]
NOBODY: Refs = (None, None, None, None)


class Line(NamedTuple):
    """A line as it was told; `refs` are pseudonyms in the order of REFERENCE_KINDS, of a level of the key chain."""

    line: int
    measure: str
    platform: str
    stage: str | None
    quantity: int
    refs: Refs
    level: int = 1


class Record(NamedTuple):
    """A record at a revision and edition; a voided one has no lines."""

    record_id: UUID
    revision: int
    edition: int
    reporter_kind: int
    reporter_id: UUID
    unit_id: UUID
    day: date
    channel: str | None
    household: bytes | None
    lines: Sequence[Line]
    household_level: int = 1

    def is_at(self, level: int) -> bool:
        """Say whether all of its pseudonyms are of a level."""
        return (self.household is None or self.household_level == level) and all(
            line.level == level for line in self.lines if line.refs is not NOBODY
        )


class Fact(NamedTuple):
    """Who (perhaps), where, when, what, how many; people and households by their dense numbers.

    `person` is the first of the references that is there: the one the person counts under.
    """

    record_id: UUID
    line: int
    unit_id: UUID
    measure: str
    platform: str
    day: date
    reporter_kind: int
    reporter_id: UUID
    stage: str | None
    channel: str | None
    quantity: int
    person: int | None
    national_id: int | None
    phone: int | None
    ref: int | None
    receipt: int | None
    household: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """The facts that are no longer so, and those that now are."""

    retired: Sequence[Fact]
    entered: Sequence[Fact]

    def __bool__(self) -> bool:
        return bool(self.retired or self.entered)


def newest(records: Iterable[Record]) -> dict[UUID, Record]:
    """Keep the highest (revision, edition) of each record."""
    kept: dict[UUID, Record] = {}
    for record in records:
        known = kept.get(record.record_id)
        if known is None or (known.revision, known.edition) < (record.revision, record.edition):
            kept[record.record_id] = record
    return kept


def pseudonyms_in(records: Iterable[Record]) -> dict[bytes, int]:
    """Give every pseudonym of a person with the index of its kind."""
    return {
        pseudonym: kind
        for record in records
        for line in record.lines
        for kind, pseudonym in enumerate(line.refs)
        if pseudonym is not None
    }


def households_in(records: Iterable[Record]) -> set[bytes]:
    """Give every pseudonym of a household."""
    return {record.household for record in records if record.household is not None and record.lines}


def facts_of(record: Record, persons: Mapping[bytes, int], households: Mapping[bytes, int]) -> list[Fact]:
    """Make a record's facts; every pseudonym must have its number."""
    household = households[record.household] if record.household is not None and record.lines else None
    made = []
    for line in record.lines:
        national_id, phone, ref, receipt = [None if p is None else persons[p] for p in line.refs]
        made.append(
            Fact(
                record.record_id,
                line.line,
                record.unit_id,
                line.measure,
                line.platform,
                record.day,
                record.reporter_kind,
                record.reporter_id,
                line.stage,
                record.channel,
                line.quantity,
                _first(national_id, phone, ref, receipt),
                national_id,
                phone,
                ref,
                receipt,
                household,
            )
        )
    return made


def _first(*numbers: int | None) -> int | None:
    for number in numbers:
        if number is not None:
            return number
    return None


def changes(live: Sequence[Fact], wanted: Sequence[Fact]) -> Changes:
    """Compare facts as they are with facts as they must be; a line that stays the same stays the same fact."""
    if not live:
        return Changes((), wanted)
    before, after = set(live), set(wanted)
    return Changes(
        [fact for fact in live if fact not in after],
        [fact for fact in wanted if fact not in before],
    )
