"""HTTP bodies of members. Names and phones are sealed; they come out as `person`, in the own unit only."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.contracts.model import ClientId, Contract, Text
from libs.contracts.network import Affiliation, MemberRole, MemberV1
from libs.contracts.teams_api import ChangeId, Replaces

__all__ = [
    "AppointMember",
    "ChangeMember",
    "EraseMember",
    "JoinTeam",
    "LeaveTeam",
    "MemberAnswer",
    "MemberPage",
    "MemberView",
    "PersonInput",
    "PersonView",
    "PostInput",
    "RegisterMember",
    "TrainMember",
    "TrainingInput",
]

PostCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,59}$")]


class PersonInput(Contract):
    """Who it is; kept encrypted, seen in the person's own unit only, erased some time after leaving."""

    name: Text
    phone: Annotated[str, Field(min_length=3, max_length=40)] | None = None
    birth_date: date | None = None
    birth_year: Annotated[int, Field(ge=1800, le=9999)] | None = None
    code: Annotated[str, Field(min_length=1, max_length=60)] | None = Field(
        default=None, description="The province's own code of the person"
    )


class PostInput(Contract):
    """A position outside the team, such as youth_union_secretary or village_head."""

    post: PostCode
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


class TrainingInput(Contract):
    """A course that was completed."""

    course: Text
    completed_on: date


class RegisterMember(Contract):
    """A person in a team; one whom the province has already, by its code or by name and phone, is the same member."""

    id: Annotated[ClientId, Field(description="The member's id where the person is new; made by the client")]
    person: PersonInput
    team_id: UUID
    role: MemberRole = "member"
    joined_on: date | None = None
    left_on: date | None = Field(default=None, description="First day on which the person was no longer in the team")
    affiliations: list[Affiliation] = []
    posts: list[PostInput] = []
    trainings: list[TrainingInput] = []
    rename: bool = Field(default=False, description="Where the code is known under another name: the name is changed")


class ChangeMember(Contract):
    """What a field names replaces what was; `person` is taken whole."""

    id: ChangeId
    replaces: Replaces
    person: PersonInput | None = None
    affiliations: list[Affiliation] = []
    posts: list[PostInput] = []
    trainings: list[TrainingInput] = []


class JoinTeam(Contract):
    """A member comes into a team, or has another role in it."""

    id: ChangeId
    replaces: Replaces
    team_id: UUID
    role: MemberRole = "member"
    joined_on: date | None = None


class LeaveTeam(Contract):
    """A member leaves a team."""

    id: ChangeId
    replaces: Replaces
    team_id: UUID
    left_on: date = Field(description="First day on which the member is no longer in the team")


class TrainMember(Contract):
    """A member completed a course."""

    id: ChangeId
    replaces: Replaces
    course: Text
    completed_on: date


class AppointMember(Contract):
    """A member becomes a digital ambassador (đại sứ số) of a unit; told again with `to`, the appointment ends."""

    id: ChangeId
    replaces: Replaces
    kind: Literal["digital_ambassador"]
    unit: Annotated[Text, Field(description="A unit's id, or its code on the day on which the appointment begins")]
    from_: date = Field(alias="from")
    to: date | None = Field(default=None, description="First day on which it no longer holds")


class EraseMember(Contract):
    """Who the member is is no longer kept; what the member did stays, under an id that says nothing."""

    id: ChangeId
    replaces: Replaces


class PersonView(Contract):
    """Who a member is."""

    name: str
    phone: str | None
    birth_date: date | None
    birth_year: int | None
    code: str | None


class MemberAnswer(Contract):
    """A member after what was asked; `recognised`: the province has this person already, under this member's id."""

    status: Literal["created", "recognised", "changed", "same", "duplicate"]
    member: MemberV1


class MemberView(Contract):
    """A member; `person` only where names were asked for and may be seen."""

    member: MemberV1
    person: PersonView | None = None


class MemberPage(Contract):
    """A page of members; `next` is the cursor of the next page."""

    members: list[MemberView]
    next: str | None
