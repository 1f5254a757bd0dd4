"""HTTP bodies of the visits service: batches, receipts, corrections, voids."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from libs.contracts.model import ClientId, Contract, DateTime, Text
from libs.contracts.records import Channel, ConsentV1

__all__ = [
    "BatchAnswer",
    "BatchEnvelope",
    "Correction",
    "Counts",
    "FieldError",
    "HeldPage",
    "HeldRecord",
    "HouseholdInput",
    "LineInput",
    "PartnerReportCorrection",
    "PartnerReportInput",
    "PersonInput",
    "Receipt",
    "RecordPage",
    "RecordView",
    "Resolution",
    "RevisionView",
    "UnitName",
    "VisitCorrection",
    "VisitInput",
    "Void",
]

Code = Annotated[Text, StringConstraints(max_length=64)]
Quantity = Annotated[int, Field(ge=1, le=10_000, description="In the unit of count of the measure")]


class PersonInput(Contract):
    """References of one person; used to make pseudonyms and then forgotten."""

    national_id: Text | None = Field(default=None, description="Personal identification number, 12 digits")
    phone: Text | None = Field(default=None, description="Vietnamese or E.164 phone number")
    ref: Text | None = Field(default=None, description="Opaque reference of the reporter's own")
    keep: Literal[True] | None = Field(default=None, description="In a correction: keep the reference this line had")


class LineInput(Contract):
    """One thing that was done: `quantity` lượt, and at most one person."""

    line: Annotated[int, Field(ge=1, le=50, description="Number of the line, unique in the visit")]
    measure: Code
    platform: Code | None = None
    stage: Code | None = None
    quantity: Quantity = 1
    person: PersonInput | None = None
    receipt: Text | None = Field(default=None, description="Receipt code that the partner gave")


class HouseholdInput(Contract):
    """A household, by an opaque reference of the reporter's own."""

    ref: Text


class VisitInput(Contract):
    """A visit as a volunteer's application sends it."""

    id: ClientId = Field(description="Made by the client (UUIDv7); a resend with the same id is a success")
    team: Text = Field(description="Team id or code")
    unit: Text | None = Field(
        default=None, description="Unit id, or its code in the list declared; default: the team's own"
    )
    occurred_at: AwareDatetime
    household: HouseholdInput | None = None
    recorded_by: Text | None = Field(default=None, description="Opaque member id")
    channel: Channel | None = None
    consent: ConsentV1 | None = None
    wave: UUID | None = Field(default=None, description="Id of the campaign wave it was part of")
    model: UUID | None = Field(default=None, description="Id of the model it was made at, such as a digital market")
    lines: Annotated[list[LineInput], Field(min_length=1, max_length=50)]


class PartnerReportInput(Contract):
    """One install that a partner reports: one person or none, one moment, one place."""

    id: ClientId = Field(description="Made by the client (UUIDv7); a resend with the same id is a success")
    unit: Text = Field(description="Unit id, or its code in the list declared")
    occurred_at: AwareDatetime
    measure: Code
    platform: Code | None = None
    stage: Code | None = None
    person: PersonInput | None = None
    receipt: Text | None = Field(default=None, description="The partner's own receipt code")
    consent: ConsentV1 | None = None


class BatchEnvelope(Contract):
    """What surrounds the rows of a batch; `rows` may be empty."""

    batch_id: ClientId | None = Field(default=None, description="Made by the client; receipts can be read by it")
    device: Text | None = Field(default=None, description="Which device sends; needed with synced_through")
    sent_at: DateTime | None = Field(default=None, description="The device's clock at the moment of sending")
    synced_through: DateTime | None = Field(
        default=None, description="Until then this device has sent everything (team or partner in `reporter`)"
    )
    reporter: Text | None = Field(
        default=None, description="Team id or code that synced_through speaks of; default: the teams of the rows"
    )
    codes_as_of: date | None = Field(
        default=None,
        description="Day of the code list that unit codes are of; default: the client's, else each event's",
    )


class VisitCorrection(Contract):
    """A visit's new content, replacing a revision; lines not repeated are gone."""

    id: ClientId = Field(description="Of this correction, made by the client")
    replaces: Annotated[int, Field(ge=1, description="The revision it replaces")]
    sent_at: DateTime | None = None
    reason: Text | None = None
    codes_as_of: date | None = Field(
        default=None,
        description="Day of the code list that unit codes are of; default: the client's, else each event's",
    )
    team: Text | None = Field(default=None, description="If given, must be the record's team")
    unit: Text | None = None
    occurred_at: AwareDatetime
    household: HouseholdInput | None = None
    recorded_by: Text | None = None
    channel: Channel | None = None
    consent: ConsentV1 | None = None
    wave: UUID | None = Field(default=None, description="Id of the campaign wave it was part of")
    model: UUID | None = Field(default=None, description="Id of the model it was made at, such as a digital market")
    lines: Annotated[list[LineInput], Field(min_length=1, max_length=50)]


class PartnerReportCorrection(Contract):
    """A partner report's new content, replacing a revision."""

    id: ClientId = Field(description="Of this correction, made by the client")
    replaces: Annotated[int, Field(ge=1)]
    sent_at: DateTime | None = None
    reason: Text | None = None
    codes_as_of: date | None = Field(
        default=None,
        description="Day of the code list that unit codes are of; default: the client's, else each event's",
    )
    unit: Text
    occurred_at: AwareDatetime
    measure: Code
    platform: Code | None = None
    stage: Code | None = None
    person: PersonInput | None = None
    receipt: Text | None = None
    consent: ConsentV1 | None = None


Correction = VisitCorrection | PartnerReportCorrection


class Void(Contract):
    """Takes a record back: a revision with no lines."""

    id: ClientId = Field(description="Of this void, made by the client")
    replaces: Annotated[int, Field(ge=1, description="The revision it replaces")]
    reason: Text | None = None


class Resolution(Contract):
    """Says in which unit a record counts that is held because the territory meant was divided."""

    id: ClientId = Field(description="Of this decision, made by the client; a resend with the same id is a success")
    replaces: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The revision it speaks of; default: the current one"
    )
    unit: Text = Field(description="One of the candidates or a unit within one: its id, or its code on the event's day")


class UnitName(Contract):
    """A unit, named."""

    id: UUID
    code: str | None
    name: str | None = None


class FieldError(Contract):
    """One thing wrong with a row."""

    code: Text
    pointer: str = Field(description="JSON pointer into the row (RFC 6901)")
    vi: str
    en: str


class Receipt(Contract):
    """The outcome of one row, correction or void."""

    index: int | None = Field(default=None, description="Number of the row in the batch, from 0")
    id: UUID | None = Field(description="The client's id of this row, correction or void")
    status: Literal["accepted", "duplicate", "held", "rejected", "valid"]
    record: UUID | None = None
    revision: int | None = None
    state: Literal["recorded", "voided", "held", "expired"] | None = Field(
        default=None, description="State of the record now"
    )
    position: str | None = Field(default=None, description="owner:epoch.xid.seq; give it as at_least in a query")
    batch: UUID | None = None
    received_at: DateTime | None = None
    waiting_for: list[str] = []
    flags: list[str] = []
    errors: list[FieldError] = []
    resolved_unit: UnitName | None = Field(
        default=None, description="What the unit's code was taken for, where it is superseded, reused or was settled"
    )
    candidates: list[UnitName] = Field(
        default=[], description="The units among which somebody must choose, where `waiting_for` says so"
    )


class Counts(Contract):
    """Rows by outcome."""

    accepted: int = 0
    duplicate: int = 0
    held: int = 0
    rejected: int = 0
    valid: int = 0


class BatchAnswer(Contract):
    """The outcome of every row, in order."""

    batch_id: UUID
    mode: Literal["commit", "validate"]
    received_at: DateTime
    position: str | None = Field(description="The highest of the rows; give it as at_least in a query")
    synced_through: DateTime | None = Field(
        default=None,
        description="The batch's, by our clock, noted unless more was said before; null where a row was rejected",
    )
    counts: Counts
    rows: list[Receipt]


class LineView(Contract):
    """A line as it is stored; a person is shown by the kinds of reference only."""

    line: int
    measure: str
    platform: str | None
    stage: str | None
    quantity: int
    person: list[Literal["national_id", "phone", "ref", "receipt"]]


class RevisionView(Contract):
    """A record at one revision and edition."""

    revision: int
    edition: int
    change: UUID = Field(description="The client's id of the creation, correction or void")
    state: Literal["recorded", "voided", "held", "expired"]
    received_at: DateTime
    sent_at: DateTime | None
    batch: UUID | None
    reason: str | None
    unit: UUID | None
    occurred_at: DateTime | None
    day: str | None
    flags: list[str]
    waiting_for: list[str]
    lines: list[LineView]
    position: str


class RecordView(Contract):
    """A record with its revisions, newest first."""

    id: UUID
    kind: Literal["visit", "partner_report"]
    reporter: UUID | None
    state: Literal["recorded", "voided", "held", "expired"]
    revision: int
    revisions: list[RevisionView]


class HeldRecord(RecordView):
    """A record that waits until somebody says in which of the candidates it counts."""

    candidates: list[UnitName] = []


class HeldPage(Contract):
    """Records that wait for their unit, by id; a page may hold fewer than asked for."""

    records: list[HeldRecord]
    next: str | None


class RecordPage(Contract):
    """A page of records, newest first; `next` is the cursor of the next page."""

    records: list[RecordView]
    next: str | None
