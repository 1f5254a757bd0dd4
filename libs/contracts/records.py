"""Events of the visits service: records at a revision, how far reporters have synced, how far the log was read."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, DateTime, Pseudonym, Text

__all__ = [
    "CHANNELS",
    "Channel",
    "ConsentV1",
    "LineV1",
    "PositionV1",
    "ProgressV1",
    "RecordV1",
    "ReferencesV1",
    "ReporterV1",
]

Channel = Literal[
    "door_to_door",
    "chat_group",
    "broadcast",
    "community_meeting",
    "one_stop_office",
    "campaign",
    "facility",
    "training_class",
    "press",
]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


class ReporterV1(Contract):
    """Who says so; it never changes during a record's life."""

    kind: Literal["team", "partner"]
    id: UUID


class ReferencesV1(Contract):
    """Pseudonyms of one person; the person counts under the first that is present, in this order."""

    level: int = Field(default=1, ge=1, description="Level of the key chain the pseudonyms were made at")
    national_id: Pseudonym | None = None
    phone: Pseudonym | None = None
    ref: Pseudonym | None = None
    receipt: Pseudonym | None = None


class LineV1(Contract):
    """One line: `quantity` in the unit of count of its measure, and at most one person."""

    line: Annotated[int, Field(ge=1, le=50)]
    measure: Text
    platform: Text | None = None
    stage: Text | None = None
    quantity: Annotated[int, Field(ge=1)]
    person: ReferencesV1 | None = None


class ConsentV1(Contract):
    """Under which text, when and how the person agreed."""

    text: Text
    at: DateTime
    how: Text


class RecordV1(Contract):
    """A visit or a partner's report, whole, at one revision; a voided one has no lines."""

    record_id: UUID
    revision: Annotated[int, Field(ge=1, description="The client's: created, corrected, voided")]
    edition: Annotated[int, Field(ge=0, description="Ours, within a revision: settled, expired, redacted")]
    kind: Literal["visit", "partner_report"]
    state: Literal["recorded", "voided"]
    reporter: ReporterV1
    unit_id: UUID
    day: date = Field(description="Local day in Asia/Ho_Chi_Minh of occurred_at")
    occurred_at: DateTime = Field(description="Event time, corrected where the device's clock was ahead")
    received_at: DateTime
    channel: Channel | None = None
    recorded_by: Text | None = None
    household: Pseudonym | None = None
    household_level: int = Field(default=1, ge=1, description="Level of the key chain of the household's pseudonym")
    consent: ConsentV1 | None = None
    wave_id: UUID | None = Field(default=None, description="The campaign wave it was part of")
    model_id: UUID | None = Field(default=None, description="The model it was made at, such as a digital market")
    flags: list[Text] = []
    lines: list[LineV1]


class ProgressV1(Contract):
    """How far a reporter's device has sent everything, or since when records of a reporter are held."""

    progress_id: UUID
    revision: Annotated[int, Field(ge=1)]
    reporter: ReporterV1
    device: Text | None = Field(default=None, description="null: the row about held records")
    synced_through: DateTime | None = Field(default=None, description="Until then everything has been sent")
    held_since: DateTime | None = Field(default=None, description="Oldest occurred_at among the held records")


class PositionV1(Contract):
    """The relay has sent to this partition everything up to this position of its owner's log."""

    owner: Text
    position: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$", description="epoch.xid.seq")]
    caught_up: bool = Field(default=False, description="It was the log's end when it was sent")
