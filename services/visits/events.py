"""The contract events of this service, made from domain values, and read back from the log."""

from datetime import date, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec.structs import replace

from libs.contracts.records import ProgressV1, RecordV1
from libs.contracts.topics import RECORDS, type_of
from services.visits.domain.draft import Consent, Draft, Kind, Line, lifted
from services.visits.domain.identity import KeyChain

__all__ = [
    "PROGRESS_TYPE",
    "RECORD_TYPE",
    "ROUTES",
    "draft_of",
    "held_progress_id",
    "lifted_body",
    "place_of",
    "progress_id",
    "record_body",
]

RECORD_TYPE = type_of(RecordV1)
PROGRESS_TYPE = type_of(ProgressV1)
ROUTES = {RECORD_TYPE: RECORDS, PROGRESS_TYPE: RECORDS}

_NAMESPACE = uuid5(NAMESPACE_URL, "urn:tungnha:visits")
_REPORTER = {"visit": "team", "partner_report": "partner"}


def progress_id(reporter_id: UUID, device: str) -> UUID:
    """Give the id of the row that says how far a device of a reporter has synced."""
    return uuid5(_NAMESPACE, f"synced/{reporter_id}/{device}")


def held_progress_id(reporter_id: UUID) -> UUID:
    """Give the id of the row that says since when records of a reporter are held."""
    return uuid5(_NAMESPACE, f"held/{reporter_id}")


def reporter_kind(kind: str) -> str:
    """Give the kind of reporter that makes a kind of record."""
    return _REPORTER[kind]


class _Reporter(msgspec.Struct, frozen=True, gc=False):
    kind: str
    id: UUID


class _Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    record_id: UUID
    revision: int
    edition: int
    kind: Kind
    state: str
    reporter: _Reporter
    unit_id: UUID | None
    day: date
    occurred_at: datetime
    received_at: datetime
    flags: tuple[str, ...]
    lines: tuple[Line, ...]
    channel: str | None = None
    recorded_by: str | None = None
    household: str | None = None
    consent: Consent | None = None
    wave_id: UUID | None = None
    model_id: UUID | None = None
    household_level: int = 1


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Record)


def record_body(
    draft: Draft, record_id: UUID, revision: int, *, edition: int = 0, state: str, unit_id: UUID | None
) -> bytes:
    """Encode a RecordV1; that of a held record may lack the unit, and is never sent."""
    return _ENCODER.encode(
        _Record(
            record_id,
            revision,
            edition,
            draft.kind,
            "voided" if state == "voided" else "recorded",
            _Reporter(_REPORTER[draft.kind], draft.reporter_id),
            unit_id,
            draft.day,
            draft.occurred_at,
            draft.received_at,
            draft.flags,
            draft.lines,
            draft.channel,
            draft.recorded_by,
            draft.household,
            draft.consent,
            draft.wave_id,
            draft.model_id,
            draft.household_level if draft.household is not None else 1,
        )
    )


class _Place(msgspec.Struct):
    unit_id: UUID | None = None
    flags: tuple[str, ...] = ()


_PLACES = msgspec.json.Decoder(_Place)


def place_of(body: bytes) -> tuple[UUID | None, tuple[str, ...]]:
    """Read the unit and the flags of a record's body."""
    place = _PLACES.decode(body)
    return place.unit_id, place.flags


def lifted_body(body: bytes, keys: KeyChain) -> bytes:
    """Give a record's body with every pseudonym at the level of the chain, and nothing else changed."""
    record = _DECODER.decode(body)
    lines = tuple(
        line if line.person is None else replace(line, person=lifted(line.person, keys)) for line in record.lines
    )
    household, level = record.household, record.household_level
    if household is not None:
        household, level = keys.lifted(household, level), keys.level
    return _ENCODER.encode(replace(record, lines=lines, household=household, household_level=level))


def draft_of(body: bytes, occurred_given: datetime) -> Draft:
    """Read a record's body back from the log."""
    record = _DECODER.decode(body)
    return Draft(
        kind=record.kind,
        reporter_id=record.reporter.id,
        unit_id=record.unit_id,
        occurred_given=occurred_given,
        occurred_at=record.occurred_at,
        received_at=record.received_at,
        channel=record.channel,
        recorded_by=record.recorded_by,
        household=record.household,
        consent=record.consent,
        flags=record.flags,
        lines=record.lines,
        wave_id=record.wave_id,
        model_id=record.model_id,
        household_level=record.household_level,
    )
