"""Records read fast: msgspec takes what is exactly as the contract says; pydantic judges whatever it refuses.

Whatever is taken here, pydantic takes with the same values; a test holds the two against each other.
"""

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from libs.contracts.model import FIRST_YEAR, LAST_YEAR
from libs.contracts.records import Channel, RecordV1
from services.metrics.domain.facts import (
    MAX_INTEGER,
    MAX_LEVEL,
    MAX_QUANTITY,
    NOBODY,
    REPORTER_KINDS,
    Line,
    Record,
    Refs,
)
from services.metrics.store.ids import quick

__all__ = ["read_record", "record_of"]

# References stay as they were told; `_bytes` sees to their letters.
_Pseudonym: TypeAlias = Annotated[str, Meta(min_length=32, max_length=32)]
_Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
_Level: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_LEVEL)]
_DateTime: TypeAlias = Annotated[datetime, Meta(tz=True)]


class _Reporter(Struct, gc=False, forbid_unknown_fields=True):
    kind: Literal["team", "partner"]
    id: UUID


class _Person(Struct, gc=False, forbid_unknown_fields=True):
    level: _Level = 1
    national_id: _Pseudonym | None = None
    phone: _Pseudonym | None = None
    ref: _Pseudonym | None = None
    receipt: _Pseudonym | None = None


class _Line(Struct, gc=False, forbid_unknown_fields=True):
    line: Annotated[int, Meta(ge=1, le=50)]
    measure: _Text
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    platform: _Text | None = None
    stage: _Text | None = None
    person: _Person | None = None


class _Consent(Struct, gc=False, forbid_unknown_fields=True):
    text: _Text
    at: _DateTime
    how: _Text


class _Record(Struct, gc=False, forbid_unknown_fields=True):
    record_id: UUID
    revision: Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
    edition: Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
    kind: Literal["visit", "partner_report"]
    state: Literal["recorded", "voided"]
    reporter: _Reporter
    unit_id: UUID
    day: date
    occurred_at: _DateTime
    received_at: _DateTime
    lines: list[_Line]
    channel: Channel | None = None
    recorded_by: _Text | None = None
    household: _Pseudonym | None = None
    consent: _Consent | None = None
    flags: list[_Text] = []
    wave_id: UUID | None = None
    model_id: UUID | None = None
    household_level: _Level = 1


_decoder = msgspec.json.Decoder(_Record)


def read_record(body: bytes) -> Record | None:
    """Read a record; None where it is not plainly valid, and must be looked at by the contract's own class."""
    # Where nothing is escaped there is no U+0000.
    if b"\\" in body:
        return None
    try:
        return _record(_decoder.decode(body))
    except ValueError:
        return None


def _record(told: _Record) -> Record | None:
    at = [told.occurred_at, told.received_at]
    if told.consent is not None:
        at.append(told.consent.at)
    if not all(FIRST_YEAR <= moment.year < LAST_YEAR for moment in at):
        return None
    # All lines are read also of a voided record: they must be valid, though they do not count.
    lines = [_line(line) for line in told.lines]
    household = _bytes(told.household)
    if told.state == "voided":
        lines = []
    elif len({line.line for line in lines}) != len(lines):
        return None
    return record_of(told, household, lines)


def record_of(told: _Record | RecordV1, household: bytes | None, lines: list[Line]) -> Record:
    """Make a record of what was told, whichever way it was read."""
    return Record(
        quick(told.record_id),
        told.revision,
        told.edition,
        REPORTER_KINDS.index(told.reporter.kind),
        quick(told.reporter.id),
        quick(told.unit_id),
        told.day,
        told.channel,
        household,
        lines,
        told.household_level,
    )


def _line(told: _Line) -> Line:
    level = 1 if told.person is None else told.person.level
    return Line(told.line, told.measure, told.platform or "", told.stage, told.quantity, _refs(told.person), level)


def _refs(person: _Person | None) -> Refs:
    if person is None:
        return NOBODY
    return (_bytes(person.national_id), _bytes(person.phone), _bytes(person.ref), _bytes(person.receipt))


def _bytes(pseudonym: str | None) -> bytes | None:
    """Raises ValueError unless it is of lower-case hexadecimal digits alone."""
    if pseudonym is None:
        return None
    made = bytes.fromhex(pseudonym)
    if made.hex() != pseudonym:
        raise ValueError("not a pseudonym")
    return made
