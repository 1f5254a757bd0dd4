"""HTTP bodies of the metrics service: a query and an answer whose numbers carry their contract."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, DateTime, Names, Text

__all__ = [
    "ANSWERS",
    "AS_RECORDED",
    "BOUNDARIES",
    "CURRENT",
    "Filters",
    "GROUPINGS",
    "KnownBy",
    "Matched",
    "MetricsAnswer",
    "MetricsQuery",
    "NumberContract",
    "REVISION_HEADER",
    "RevisionAnswer",
    "Row",
    "UnitRef",
]

Grouping = Literal[
    "measure",
    "platform",
    "reporter_kind",
    "reporter",
    "unit:province",
    "unit:district",
    "unit:commune",
    "unit:subcommune",
    "time:day",
    "time:week",
    "time:month",
    "time:year",
]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
Answer = Literal["luot", "nguoi", "ho", "unknown", "known_by", "matched"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)

AS_RECORDED, CURRENT = "as_recorded", "current"
BOUNDARIES = rf"^({AS_RECORDED}|{CURRENT}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})$"

REVISION_HEADER = "x-revision"
"""Between the services: names the revision of everything an answer depends on besides who asks and for what."""


class Filters(Contract):
    """What to count; several values of one field are alternatives."""

    unit: Annotated[list[Text], Field(max_length=200)] | None = Field(
        default=None,
        description=(
            "Unit ids, or codes valid on the day of the boundaries (`as_recorded`: on `to`): the facts of every unit, "
            "of any time, that lies wholly in one. An id of a unit not valid on that day stands for its territory"
        ),
    )
    reporter_kind: Literal["team", "partner"] | None = None
    reporter: Annotated[list[UUID], Field(max_length=200)] | None = None
    platform: Annotated[list[Text], Field(max_length=200)] | None = None


class MetricsQuery(Contract):
    """A question about numbers; days are local days in Asia/Ho_Chi_Minh, both ends included."""

    measures: Annotated[list[Text], Field(min_length=1, max_length=20)]
    from_: date = Field(alias="from")
    to: date
    group_by: Annotated[list[Grouping], Field(max_length=4)] = []
    filters: Filters = Filters()
    answers: Annotated[list[Answer], Field(max_length=6)] = ["luot", "nguoi", "ho", "unknown"]
    boundaries: str = Field(
        default=AS_RECORDED,
        json_schema_extra={"pattern": BOUNDARIES},
        description="`as_recorded`, `current` (today in Vietnam) or a day: the units that numbers are told of",
    )
    at_least: Text | None = Field(default=None, description="Position from a receipt: wait until it is counted")


class UnitRef(Contract):
    """A unit in an answer."""

    id: UUID
    code: str | None
    name: str
    level: str


class KnownBy(Contract):
    """People of `nguoi` by the kind of reference under which they count."""

    national_id: int | None
    phone: int | None
    ref: int | None
    receipt: int | None


class Matched(Contract):
    """People whom both teams and partners report, matched over all references."""

    team_people: int | None = Field(description="People in the teams' count whom a partner also reports")
    partner_people: int | None = Field(description="People in the partners' count whom a team also reports")


class Row(Contract):
    """A group's numbers; null is not zero, `reasons` says why a number is null."""

    group: dict[str, str | None] = Field(description="One value for each entry of group_by")
    unit: UnitRef | None = None
    unallocated: bool = Field(
        default=False,
        description=(
            "No unit of the level asked for holds it: recorded above it, or of a territory that several divide. `unit` "
            "is the lowest that holds it all; null: none does"
        ),
    )
    luot: int | None = None
    nguoi: int | None = None
    ho: int | None = None
    unknown: int | None = Field(default=None, description="Lượt that came without a reference")
    known_by: KnownBy | None = None
    matched: Matched | None = None
    suppressed: list[str] = Field(default=[], description="Numbers withheld because they are small")
    reasons: dict[str, str] = {}


class MeasureContract(Contract):
    """What a measure's number means."""

    code: str
    version: int
    names: Names
    unit_of_count: str


class NumberContract(Contract):
    """What every number of the answer means and how fresh it is."""

    measures: list[MeasureContract]
    boundaries: str = Field(description="As asked")
    boundaries_on: date | None = Field(
        default=None, description="The day whose units these are; null: `as_recorded`, those of each fact's own time"
    )
    map_known_from: date | None = Field(
        default=None,
        description="Set where the boundaries are of an earlier day: of changes before this one the map says nothing",
    )
    data_revision: str = Field(description="epoch.n of the data")
    map_revision: str = Field(description="epoch.xid.seq of the newest unit known")
    as_of: DateTime | None = Field(description="When the data last changed")
    complete_through: DateTime | None = Field(
        description="Every reporter active here has sent everything until then; null: one has never said"
    )
    exact: bool = Field(description="false: small counts are suppressed")
    smallest_shown: int = Field(
        description="People and households from 1 to below it are suppressed unless exact, with what gives them away"
    )


class MetricsAnswer(Contract):
    """Rows, the total (a union of people, never the sum of the rows), and the contract of the numbers."""

    rows: list[Row]
    total: Row
    contract: NumberContract
    query: MetricsQuery = Field(description="The query as executed")


class RevisionAnswer(Contract):
    """Where the numbers stand: an answer read at this revision is still what would be answered now."""

    data_revision: str = Field(description="epoch.n of the data")
    map_revision: str = Field(description="epoch.xid.seq of the newest unit known")
    as_of: DateTime | None = Field(description="When the data last changed")
