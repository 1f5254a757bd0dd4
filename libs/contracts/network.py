"""Events about who helps: members of teams, duty rosters, campaign waves, models; no name, phone or birth date."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, Text

__all__ = [
    "AFFILIATIONS",
    "Affiliation",
    "AppointmentV1",
    "CONTACT_KINDS",
    "ContactV1",
    "DecisionV1",
    "DutyV1",
    "MEMBER_ROLES",
    "MODEL_KINDS",
    "MemberRole",
    "MemberV1",
    "MembershipV1",
    "ModelV1",
    "PostV1",
    "ROSTER_KINDS",
    "RosterV1",
    "TEAM_CHANGES",
    "TeamChangeV1",
    "TrainingV1",
    "WaveV1",
]

ContactKind = Literal["phone", "zalo", "email", "web", "address"]
CONTACT_KINDS: tuple[ContactKind, ...] = get_args(ContactKind)
MemberRole = Literal["leader", "deputy_leader", "member"]
MEMBER_ROLES: tuple[MemberRole, ...] = get_args(MemberRole)
Affiliation = Literal[
    "youth_union",
    "village_head",
    "police",
    "women_union",
    "farmers_union",
    "veterans_association",
    "enterprise",
    "civil_servant",
    "teacher",
    "student",
    "other",
]
AFFILIATIONS: tuple[Affiliation, ...] = get_args(Affiliation)
TeamChangeKind = Literal["consolidated", "dissolved", "succeeded"]
TEAM_CHANGES: tuple[TeamChangeKind, ...] = get_args(TeamChangeKind)
RosterKind = Literal["one_stop_office", "help_point", "campaign", "online"]
ROSTER_KINDS: tuple[RosterKind, ...] = get_args(RosterKind)
ModelKind = Literal[
    "digital_market", "digital_family", "cashless_street", "digital_identity", "digital_village", "other"
]
MODEL_KINDS: tuple[ModelKind, ...] = get_args(ModelKind)

Revision = Annotated[int, Field(ge=1, description="Raised by each change of the record")]
LastDay = Field(default=None, description="First day on which it no longer holds; null: open")
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local time, HH:MM")]


class DecisionV1(Contract):
    """A decision (quyết định) by which something was established, changed or set as a target."""

    number: Text
    signed_on: date | None = None
    issuer: Text | None = None


class ContactV1(Contract):
    """A contact of a team or a help point that may be public; never a person's own."""

    kind: ContactKind
    value: Text
    label: Text | None = None


class TeamChangeV1(Contract):
    """What happened to a team: kiện toàn, giải thể, or other teams took over."""

    kind: TeamChangeKind
    on: date
    decision: DecisionV1 | None = None
    successors: list[UUID] = Field(default=[], description="The teams that took over, where it was succeeded")


class MembershipV1(Contract):
    """A time in a team."""

    team_id: UUID
    role: MemberRole
    joined_on: date | None = Field(default=None, description="null: since before it was noted")
    left_on: date | None = LastDay


class PostV1(Contract):
    """A position held outside the team, such as youth_union_secretary, youth_union_deputy_secretary, village_head."""

    post: Text
    from_: date | None = Field(default=None, alias="from")
    to: date | None = LastDay


class AppointmentV1(Contract):
    """A duty towards a unit rather than a team: a digital ambassador (đại sứ số) helps in a commune."""

    kind: Literal["digital_ambassador"]
    unit_id: UUID
    from_: date | None = Field(default=None, alias="from")
    to: date | None = LastDay


class TrainingV1(Contract):
    """A course that a member completed."""

    course: Text
    completed_on: date


class MemberV1(Contract):
    """A person who is in teams over time, by an id that says nothing of who it is."""

    member_id: UUID
    revision: Revision
    memberships: list[MembershipV1]
    affiliations: list[Affiliation] = []
    posts: list[PostV1] = []
    appointments: list[AppointmentV1] = []
    trainings: list[TrainingV1] = []
    erased: bool = Field(default=False, description="Name and phone are no longer kept; what the member did stays")


class WaveV1(Contract):
    """A campaign wave (ra quân): teams and partners at a place on some days."""

    wave_id: UUID
    revision: Revision
    name: Text
    unit_id: UUID
    place: Text | None = None
    first_day: date
    last_day: date
    teams: list[UUID] = []
    partners: list[UUID] = []
    topics: list[Text] = []
    cancelled: bool = False


class DutyV1(Contract):
    """When help is given: every week on a weekday (1 Monday … 7 Sunday), or on one day."""

    weekday: Annotated[int, Field(ge=1, le=7)] | None = None
    day: date | None = None
    opens: TimeOfDay
    closes: TimeOfDay


class RosterV1(Contract):
    """Who helps where and when, for everyone to know; members by id only."""

    roster_id: UUID
    revision: Revision
    kind: RosterKind
    unit_id: UUID
    place: Text
    duties: list[DutyV1]
    valid_from: date | None = None
    valid_to: date | None = LastDay
    teams: list[UUID] = []
    members: list[UUID] = []
    contacts: list[ContactV1] = []


class ModelV1(Contract):
    """An instance of a model such as a digital market or a cashless street, with its launch and place."""

    model_id: UUID
    revision: Revision
    kind: ModelKind
    name: Text
    unit_id: UUID
    place: Text | None = None
    launched_on: date
    ended_on: date | None = LastDay
