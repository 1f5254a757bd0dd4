"""HTTP bodies of rosters, waves and models, and of the public answer to: who can help me where I live, and when?"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from libs.contracts.model import ClientId, Contract, Text
from libs.contracts.network import ContactV1, DutyV1, ModelKind, ModelV1, RosterKind, RosterV1, TimeOfDay, WaveV1
from libs.contracts.registry_api import UnitBrief
from libs.contracts.teams_api import ChangeId, Confirmed, Replaces, TeamType, UnitRef

__all__ = [
    "ChangeModel",
    "ChangeRoster",
    "ChangeWave",
    "CreateModel",
    "CreateRoster",
    "CreateWave",
    "HelpAnswer",
    "HelpDay",
    "HelpHours",
    "HelpPlace",
    "HelpTeam",
    "HelpTexts",
    "HelpWave",
    "ModelAnswer",
    "ModelPage",
    "RosterAnswer",
    "RosterPage",
    "WaveAnswer",
    "WavePage",
]

NewId = Annotated[ClientId, Field(description="The record's id, made by the client: the same sent again is a success")]
Status = Literal["created", "changed", "same", "duplicate"]
Ids = Annotated[list[UUID], Field(max_length=500)]


class CreateRoster(Contract):
    """Who helps where and when."""

    id: NewId
    kind: RosterKind
    unit: UnitRef
    place: Text
    duties: list[DutyV1]
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="First day on which it no longer holds")
    teams: Ids = []
    members: Ids = []
    contacts: list[ContactV1] = []
    mobile_numbers_confirmed: Confirmed = False


class ChangeRoster(Contract):
    """A field left out stays; null empties one that may be empty."""

    id: ChangeId
    replaces: Replaces
    kind: RosterKind | None = None
    unit: UnitRef | None = None
    place: Text | None = None
    duties: list[DutyV1] = []
    valid_from: date | None = None
    valid_to: date | None = None
    teams: Ids = []
    members: Ids = []
    contacts: list[ContactV1] = []
    mobile_numbers_confirmed: Confirmed = False


class CreateWave(Contract):
    """A campaign wave (ra quân)."""

    id: NewId
    name: Text
    unit: UnitRef
    place: Text | None = None
    first_day: date
    last_day: date
    teams: Ids = []
    partners: Ids = []
    topics: Annotated[list[Text], Field(max_length=50)] = []


class ChangeWave(Contract):
    """A field left out stays; null empties one that may be empty."""

    id: ChangeId
    replaces: Replaces
    name: Text | None = None
    unit: UnitRef | None = None
    place: Text | None = None
    first_day: date | None = None
    last_day: date | None = None
    teams: Ids = []
    partners: Ids = []
    topics: Annotated[list[Text], Field(max_length=50)] = []
    cancelled: bool = False


class CreateModel(Contract):
    """A model that was launched, such as a digital market or a cashless street."""

    id: NewId
    kind: ModelKind
    name: Text
    unit: UnitRef
    place: Text | None = None
    launched_on: date
    ended_on: date | None = Field(default=None, description="First day on which there is none any more")


class ChangeModel(Contract):
    """A field left out stays; null empties one that may be empty."""

    id: ChangeId
    replaces: Replaces
    kind: ModelKind | None = None
    name: Text | None = None
    unit: UnitRef | None = None
    place: Text | None = None
    launched_on: date | None = None
    ended_on: date | None = None


class RosterAnswer(Contract):
    """A roster after what was asked; `duplicate`: it was done before, and this is the roster as it is now."""

    status: Status
    roster: RosterV1


class WaveAnswer(Contract):
    """A wave after what was asked."""

    status: Status
    wave: WaveV1


class ModelAnswer(Contract):
    """A model after what was asked."""

    status: Status
    model: ModelV1


class RosterPage(Contract):
    """A page of rosters; `next` is the cursor of the next page."""

    rosters: list[RosterV1]
    next: str | None


class WavePage(Contract):
    """A page of waves; `next` is the cursor of the next page."""

    waves: list[WaveV1]
    next: str | None


class ModelPage(Contract):
    """A page of models; `next` is the cursor of the next page."""

    models: list[ModelV1]
    next: str | None


class HelpTeam(Contract):
    """A team that helps here."""

    team_id: UUID
    name: Text
    type: TeamType
    local_type_name: Text | None
    unit: Text = Field(description="Name of the unit in which it works")
    contacts: list[ContactV1]


class HelpHours(Contract):
    """From when to when, local time."""

    opens: TimeOfDay
    closes: TimeOfDay


class HelpDay(Contract):
    """A day with its hours; none: closed."""

    day: date
    hours: list[HelpHours]


class HelpPlace(Contract):
    """A place where help is given, with its hours of the day asked for and the six after it."""

    roster_id: UUID
    kind: RosterKind
    place: Text
    unit: Text = Field(description="Name of the unit in which it lies")
    days: list[HelpDay]
    contacts: list[ContactV1]


class HelpWave(Contract):
    """A campaign wave under way or to come."""

    wave_id: UUID
    name: Text
    unit: Text = Field(description="Name of the unit in which it is")
    place: Text | None
    first_day: date
    last_day: date


class HelpTexts(Contract):
    """What to tell a citizen, sentence by sentence."""

    vi: list[str]
    en: list[str]


class HelpAnswer(Contract):
    """Who can help in a commune, and when; nothing in it is about a person."""

    on: date
    status: Literal["found", "divided"] = Field(
        description="divided: the unit asked for lies in several now, see `candidates`, and ask for one of these"
    )
    asked: UnitBrief = Field(description="The unit asked for; perhaps abolished since")
    unit: UnitBrief | None = Field(description="The unit that answers on the day; null where it was divided")
    candidates: list[UnitBrief]
    texts: HelpTexts
    teams: list[HelpTeam]
    places: list[HelpPlace]
    waves: list[HelpWave] = Field(description="The next ones first")
