"""The contract events of this service, made from domain values, and read back from the log."""

from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from libs.contracts.records import ProgressV1, RecordV1
from libs.contracts.topics import RECORDS, type_of
from services.visits.domain.draft import Consent, Draft, Kind, Line, References

__all__ = [
    "PROGRESS_TYPE",
    "RECORD_TYPE",
    "ROUTES",
    "draft_of",
    "flags_of",
    "held_progress_id",
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


def _references(person: References) -> dict[str, Any]:
    made: dict[str, Any] = {"level": person.level}
    for kind in ("national_id", "phone", "ref", "receipt"):
        if (pseudonym := getattr(person, kind)) is not None:
            made[kind] = pseudonym
    return made


def record_body(
    draft: Draft, record_id: UUID, revision: int, *, edition: int = 0, state: str, unit_id: UUID | None
) -> bytes:
    """Encode a RecordV1; that of a held record may lack the unit, and is never sent."""
    body: dict[str, Any] = {
        "record_id": record_id,
        "revision": revision,
        "edition": edition,
        "kind": draft.kind,
        "state": "voided" if state == "voided" else "recorded",
        "reporter": {"kind": _REPORTER[draft.kind], "id": draft.reporter_id},
        "unit_id": unit_id,
        "day": draft.day,
        "occurred_at": draft.occurred_at,
        "received_at": draft.received_at,
        "flags": draft.flags,
        "lines": [_line(line) for line in draft.lines],
    }
    for name in ("channel", "recorded_by", "household"):
        if (value := getattr(draft, name)) is not None:
            body[name] = value
    if draft.consent is not None:
        body["consent"] = draft.consent
    return msgspec.json.encode(body)


def _line(line: Line) -> dict[str, Any]:
    made: dict[str, Any] = {"line": line.line, "measure": line.measure, "quantity": line.quantity}
    if line.platform is not None:
        made["platform"] = line.platform
    if line.stage is not None:
        made["stage"] = line.stage
    if line.person is not None:
        made["person"] = _references(line.person)
    return made


class _Line(msgspec.Struct):
    line: int
    measure: str
    quantity: int
    platform: str | None = None
    stage: str | None = None
    person: References | None = None


class _Reporter(msgspec.Struct):
    id: UUID


class _Record(msgspec.Struct):
    kind: Kind
    reporter: _Reporter
    unit_id: UUID | None
    day: date
    occurred_at: datetime
    received_at: datetime
    lines: list[_Line]
    channel: str | None = None
    recorded_by: str | None = None
    household: str | None = None
    consent: Consent | None = None
    flags: tuple[str, ...] = ()


class _Flags(msgspec.Struct):
    flags: tuple[str, ...] = ()


def flags_of(body: bytes) -> tuple[str, ...]:
    """Read the flags of a record's body."""
    return msgspec.json.decode(body, type=_Flags).flags


def draft_of(body: bytes, occurred_given: datetime) -> Draft:
    """Read a record's body back from the log."""
    record = msgspec.json.decode(body, type=_Record)
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
        lines=tuple(
            Line(line.line, line.measure, line.platform, line.stage, line.quantity, line.person)
            for line in record.lines
        ),
    )
