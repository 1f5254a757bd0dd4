"""HTTP bodies of teams: founded, changed, consolidated, dissolved, taken over by others."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.contracts.model import ClientId, Contract, DateTime, Text
from libs.contracts.network import ContactV1, DecisionV1
from libs.contracts.registry import Level, TeamV1

__all__ = [
    "ChangeTeam",
    "ConsolidateTeam",
    "CreateTeam",
    "DissolveTeam",
    "SucceedTeam",
    "TeamAnswer",
    "TeamDetail",
    "TeamRevision",
    "TeamStatus",
    "TeamType",
]

TeamType = Literal["community_digital_team", "youth_digital_team", "volunteer_formation"]
TeamStatus = Literal["planned", "active", "dissolved", "succeeded"]

TeamCode = Annotated[str, StringConstraints(pattern=r"^[^\s/\x00]{1,60}$")]
UnitRef = Annotated[Text, Field(description="A unit's id, or its code on the day on which the record begins")]
Replaces = Annotated[int, Field(ge=1, description="The revision that this changes; a stale one gets 409")]
ChangeId = Annotated[ClientId, Field(description="Made by the client; sent again, the same change is not made twice")]
Confirmed = Annotated[
    bool, Field(description="The mobile numbers among the contacts are the team's own and may be public")
]


class CreateTeam(Contract):
    """A team that was established."""

    id: Annotated[ClientId, Field(description="The team's id, made by the client: the same sent again is a success")]
    code: Annotated[TeamCode, Field(description="The province's own code of the team, unique in the province")]
    name: Text
    type: TeamType
    level: Level
    local_type_name: Text | None = Field(default=None, description="What such a team is called here")
    unit: UnitRef
    established_on: date
    establishment: DecisionV1 | None = None
    contacts: list[ContactV1] = []
    mobile_numbers_confirmed: Confirmed = False


class ChangeTeam(Contract):
    """What was told wrongly of a team, told rightly; a field left out stays; null empties one that may be empty."""

    id: ChangeId
    replaces: Replaces
    code: TeamCode | None = None
    name: Text | None = None
    type: TeamType | None = None
    level: Level | None = None
    local_type_name: Text | None = None
    unit: UnitRef | None = None
    established_on: date | None = None
    establishment: DecisionV1 | None = None
    contacts: list[ContactV1] = []
    mobile_numbers_confirmed: Confirmed = False


class ConsolidateTeam(Contract):
    """Kiện toàn: a team goes on, by a decision; what else it says replaces what was."""

    id: ChangeId
    replaces: Replaces
    on: date
    decision: DecisionV1 | None = None
    name: Text | None = None
    local_type_name: Text | None = None
    contacts: list[ContactV1] = []
    mobile_numbers_confirmed: Confirmed = False


class DissolveTeam(Contract):
    """Giải thể: from the day on there is no such team; who is in it leaves it on that day."""

    id: ChangeId
    replaces: Replaces
    on: date = Field(description="First day on which it no longer exists")
    decision: DecisionV1 | None = None


class SucceedTeam(Contract):
    """Other teams take over from the day on, by merger or division; what the team did stays its own."""

    id: ChangeId
    replaces: Replaces
    on: date = Field(description="First day on which it no longer exists")
    successors: list[UUID] = Field(min_length=1, max_length=50, description="Teams that exist on that day")
    decision: DecisionV1 | None = None
    move_members: bool = Field(
        default=False, description="Who is in it joins the successor, which must be one; else they leave"
    )


class TeamAnswer(Contract):
    """A team after what was asked; `duplicate`: it was done before, and this is the team as it is now."""

    status: Literal["created", "changed", "same", "duplicate"]
    team: TeamV1


class TeamRevision(Contract):
    """A team as it was told at some time."""

    revision: int
    told_at: DateTime
    team: TeamV1


class TeamDetail(Contract):
    """A team with what was told of it over time, newest first."""

    team: TeamV1
    on: date
    status: TeamStatus = Field(description="On that day, by the team's dates")
    predecessors: list[UUID] = Field(description="Teams from which it took over")
    revisions: list[TeamRevision]
