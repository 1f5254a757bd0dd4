"""HTTP bodies about the network: teams and members counted on a day, and where there are none."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.metrics_api import UnitRef
from libs.contracts.model import Contract, DateTime, Names, Text

__all__ = [
    "DenominatorUsed",
    "DeclaredRow",
    "Figure",
    "GAP_KINDS",
    "GAP_LEVELS",
    "GapUnit",
    "GapsAnswer",
    "GapsContract",
    "IndicatorMeaning",
    "NETWORK_GROUPINGS",
    "NETWORK_INDICATORS",
    "NetworkAnswer",
    "NetworkContract",
    "NetworkQuery",
    "NetworkRow",
    "SmallTeam",
    "TEAM_TYPES",
]

NetworkIndicator = Literal[
    "NET-01",
    "NET-02",
    "NET-03",
    "NET-04",
    "NET-05",
    "NET-06",
    "NET-07",
    "NET-08",
    "NET-09",
    "NET-10",
    "NET-11",
]
NETWORK_INDICATORS: tuple[NetworkIndicator, ...] = get_args(NetworkIndicator)
NetworkGrouping = Literal["level", "type", "unit:province", "unit:district", "unit:commune", "unit:subcommune"]
NETWORK_GROUPINGS: tuple[NetworkGrouping, ...] = get_args(NetworkGrouping)
TeamType = Literal["community_digital_team", "youth_digital_team", "volunteer_formation"]
TEAM_TYPES: tuple[TeamType, ...] = get_args(TeamType)
TeamLevel = Literal["province", "district", "commune", "subcommune"]
GapKind = Literal["without_team", "undersized"]
GAP_KINDS: tuple[GapKind, ...] = get_args(GapKind)
GapLevel = Literal["commune", "subcommune"]
GAP_LEVELS: tuple[GapLevel, ...] = get_args(GapLevel)

Minimum = Annotated[int, Field(ge=1, le=100)]
ON = "The day asked about: teams that existed then, memberships that held then"


class NetworkQuery(Contract):
    """A question about teams and members on a day; days are local days in Asia/Ho_Chi_Minh."""

    on: date | None = Field(default=None, description=f"{ON}; null: today")
    unit: Annotated[list[Text], Field(max_length=200)] = Field(
        default=[], description="Unit ids, or codes valid on `on`: every team in the territory of one of them"
    )
    level: Annotated[list[TeamLevel], Field(max_length=4)] = Field(default=[], description="Levels of teams; none: all")
    type: Annotated[list[TeamType], Field(max_length=3)] = Field(
        default=[],
        description="Types of teams; none: community_digital_team, or where grouped by type all, a row for each",
    )
    group_by: Annotated[list[NetworkGrouping], Field(max_length=3)] = []
    boundaries: Text = Field(default="as_recorded", description="as_recorded | current | YYYY-MM-DD")
    indicators: Annotated[list[NetworkIndicator], Field(max_length=11)] = Field(
        default=[],
        description="None: all but NET-06, which needs a declared population, and those of a period unless one is told",
    )
    from_: date | None = Field(
        default=None, alias="from", description="First day of the period of NET-10, NET-11; null: 1 January"
    )
    to: date | None = Field(default=None, description="Last day of that period; null: `on`")
    minimum_members: Minimum = Field(default=3, description="NET-05: a team with fewer members is undersized")


class DeclaredRow(Contract):
    """A declared denominator that was used."""

    denominator_id: UUID
    unit_id: UUID
    on: date
    value: int
    min_age: int | None = None
    max_age: int | None = None
    source: str


class DenominatorUsed(Contract):
    """What a rate was divided by."""

    value: int
    base: str = Field(description="teams | members | commune_units | subcommune_units | population_total")
    source: Literal["network", "map", "declared"] = Field(
        description="network: counted in this answer; map: units known on the day; declared: `rows` name it"
    )
    rows: list[DeclaredRow] = []


class Figure(Contract):
    """A number of an indicator; null is not zero, `reason` says why."""

    value: int | float | None = Field(description="A count, or the rate that numerator and denominator make")
    numerator: int | None = None
    denominator: DenominatorUsed | None = None
    details: dict[str, int | None] = Field(
        default={},
        description="NET-02 memberships; NET-03, NET-04, NET-09 missing; NET-05 undersized, minimum; NET-08 volunteers",
    )
    suppressed: bool = Field(default=False, description="Withheld because it is small")
    reason: str | None = Field(
        default=None,
        description="not_of_this_group | types_not_added | no_teams | no_members | no_units | teams_not_placed | "
        "no_denominator | territory_of_several_units | small",
    )


class NetworkRow(Contract):
    """Figures of one group."""

    group: dict[str, str | None] = Field(description="One value for each entry of group_by")
    unit: UnitRef | None = None
    unallocated: bool = Field(
        default=False, description="Above the level asked for, or the territory is divided among several of its units"
    )
    figures: dict[str, Figure] = Field(description="By indicator")


class IndicatorMeaning(Contract):
    """What an indicator of the answer counts."""

    code: NetworkIndicator
    names: Names
    unit_of_count: str


class NetworkContract(Contract):
    """What the numbers mean, and of when they are."""

    indicators: list[IndicatorMeaning]
    on: date
    from_: date = Field(alias="from")
    to: date
    types: list[TeamType] = Field(description="Types of teams that every figure but NET-08 and NET-09 is about")
    levels: list[TeamLevel]
    boundaries: str
    units_on: date = Field(description="The day whose communes and sub-commune units are counted as denominators")
    map_known_from: date | None = Field(
        default=None, description="Set where `units_on` is earlier: of changes before this day the map says nothing"
    )
    network_revision: str = Field(description="epoch.n of teams, members and denominators")
    network_through: str = Field(description="epoch.xid.seq of the registry's log up to which they have been read")
    data_revision: str | None = Field(default=None, description="epoch.n of the facts, where NET-11 was asked")
    map_revision: str = Field(description="epoch.xid.seq of the newest unit known")
    as_of: DateTime | None = Field(description="When teams, members or denominators last changed")
    exact: bool = Field(description="false: small counts of people trained are suppressed")
    smallest_shown: int


class NetworkAnswer(Contract):
    """Rows, the total (a union of people, never the sum of the rows), and the contract of the numbers."""

    rows: list[NetworkRow]
    total: NetworkRow
    contract: NetworkContract
    query: NetworkQuery = Field(description="The query as executed")


class GapUnit(Contract):
    """A unit without a team of its level."""

    unit: UnitRef
    within: list[UnitRef] = Field(description="The units that hold it, province first")


class SmallTeam(Contract):
    """A team with fewer members than the minimum."""

    team_id: UUID
    code: str
    name: str
    level: TeamLevel
    members: int
    unit: UnitRef | None
    within: list[UnitRef] = []


class GapsContract(Contract):
    """What the list is about, and of when it is."""

    on: date
    boundaries: str
    units_on: date
    map_known_from: date | None = Field(
        default=None, description="Set where `units_on` is earlier: of changes before this day the map says nothing"
    )
    minimum_members: int
    network_revision: str
    network_through: str
    map_revision: str
    as_of: DateTime | None


class GapsAnswer(Contract):
    """A page of units without a team, or of undersized teams; `next` is the cursor of the next page."""

    kind: GapKind
    level: GapLevel | None
    count: int = Field(description="All there are, not only on this page")
    of: int = Field(description="Of how many units, or teams")
    units: list[GapUnit] = []
    teams: list[SmallTeam] = []
    next: str | None
    contract: GapsContract
