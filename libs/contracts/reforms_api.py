"""HTTP bodies of reforms: what a decree orders, how it stands, what it would write, what it would touch."""

from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from libs.contracts.model import ClientId, Contract, DateTime, Text
from libs.contracts.registry import Level, UnitV1
from libs.contracts.registry_api import UnitBrief
from libs.contracts.rehearsal_api import RehearsalAnswer
from libs.contracts.visits_api import FieldError

__all__ = [
    "MAX_OPERATIONS",
    "MAX_REFORM_BYTES",
    "REFORM_STATUSES",
    "AbolishLevelInput",
    "ChangeTypeInput",
    "ClientTouched",
    "CodeChanged",
    "MergeInput",
    "NewUnitInput",
    "OperationInput",
    "PartInput",
    "PlaceInput",
    "ReformAction",
    "ReformBrief",
    "ReformChange",
    "ReformImpact",
    "ReformInput",
    "ReformPage",
    "ReformPlan",
    "ReformReach",
    "ReformView",
    "RenameInput",
    "SourceInput",
    "SplitInput",
    "TouchedTeam",
    "TouchedUnit",
    "TransferInput",
]

MAX_OPERATIONS = 5000
MAX_SOURCES = 1000
MAX_REFORM_BYTES = 4 * 1024 * 1024

ReformStatus = Literal["draft", "scheduled", "enacted", "failed", "withdrawn"]
REFORM_STATUSES: tuple[ReformStatus, ...] = get_args(ReformStatus)

Reference = Annotated[
    str,
    StringConstraints(
        pattern=r"^(#[a-z0-9][a-z0-9-]{0,39}|[0-9]{2,5}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"
    ),
    Field(
        description="A unit: its id, its code on the eve of the effective date, or #key of one that the reform makes"
    ),
]
Share = Literal["whole", "part"]


class NewUnitInput(Contract):
    """A unit that begins with the reform, named by a key of this reform's own; a code in use may be used again."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    level: Level
    type: Text = Field(description="tinh, thanh_pho, xa, phuong, dac_khu, thon, ban, khom, ap …")
    name: Text
    short_name: Text | None = Field(default=None, description="By default the name without its type's words")
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,5}$")] | None = Field(
        default=None, description="2, 3 or 5 digits by level; none below commune level"
    )
    parent: Reference | None = Field(default=None, description="Every unit but a province needs one")


class PlaceInput(Contract):
    """Where territory goes: a unit that there is or that another operation makes, or a new one; exactly one of both."""

    unit: Reference | None = None
    new: NewUnitInput | None = None


class SourceInput(Contract):
    """A unit whose territory is taken."""

    unit: Reference
    share: Share = Field(default="whole", description="part: other operations say where the rest goes")
    units: list[Reference] = Field(
        default=[], description="Of a part: the units of it that go this way", max_length=500
    )


class PartInput(PlaceInput):
    """Where a part of a divided unit goes."""

    units: list[Reference] = Field(default=[], description="The units of it that go this way", max_length=500)


class MergeInput(Contract):
    """Units or parts of them become one. A target that there is goes on under its name with more territory."""

    sources: list[SourceInput] = Field(min_length=1, max_length=MAX_SOURCES)
    target: PlaceInput


class SplitInput(Contract):
    """A unit ends and its territory is divided; what remains of it under its old code is one of the targets, new."""

    source: Reference
    targets: list[PartInput] = Field(min_length=1, max_length=100)


class TransferInput(Contract):
    """A unit goes to another parent with all that lies in it."""

    unit: Reference
    new_parent: Reference


class RenameInput(Contract):
    """A unit gets another name, short name or code; what is left out stays."""

    unit: Reference
    name: Text | None = None
    short_name: Text | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,5}$")] | None = None


class ChangeTypeInput(Contract):
    """A unit becomes one of another type."""

    unit: Reference
    type: Text


class AbolishLevelInput(Contract):
    """A level ends; what lay in its units lies in what held them."""

    level: Literal["district", "subcommune"]
    within: Reference | None = Field(default=None, description="By default in the whole country")


class OperationInput(Contract):
    """One operation of a decree: exactly one of these."""

    create: NewUnitInput | None = None
    merge: MergeInput | None = None
    split: SplitInput | None = None
    transfer: TransferInput | None = None
    rename: RenameInput | None = None
    change_type: ChangeTypeInput | None = None
    abolish_level: AbolishLevelInput | None = None


class ReformInput(Contract):
    """A decree; the same `id` sent again with the same content is the same reform."""

    id: ClientId
    decree: Text = Field(description="Number of the resolution, such as 1665/NQ-UBTVQH15")
    effective_date: date
    operations: list[OperationInput] = Field(min_length=1, max_length=MAX_OPERATIONS)


class ReformChange(Contract):
    """A draft's new content, in place of revision `revision`; `id` is made by the client for this change."""

    id: ClientId
    revision: int = Field(ge=1)
    decree: Text
    effective_date: date
    operations: list[OperationInput] = Field(min_length=1, max_length=MAX_OPERATIONS)


class ReformAction(Contract):
    """Something done with the revision that one has seen; `id` is made by the client, so that a resend is known."""

    id: ClientId
    revision: int = Field(ge=1)


class ClientTouched(Contract):
    """A client whose subtree is a unit that ends; `to` is the unit that it follows into, null: an operator decides."""

    client_id: Text
    name: Text
    unit: UnitBrief
    to: UnitBrief | None


class ReformBrief(Contract):
    """A reform as it stands, without its operations."""

    id: ClientId
    revision: int
    status: ReformStatus
    decree: Text
    effective_date: date
    operations: int = Field(description="How many")
    client_id: Text = Field(description="Who drafted it")
    created_at: DateTime
    changed_at: DateTime


class ReformPage(Contract):
    """A page of reforms, the newest decree first."""

    reforms: list[ReformBrief]
    next: str | None


class ReformView(Contract):
    """A reform as it stands."""

    id: ClientId
    revision: int
    status: ReformStatus
    decree: Text
    effective_date: date
    operations: list[OperationInput]
    client_id: Text
    created_at: DateTime
    changed_at: DateTime
    faults: list[FieldError] = Field(description="Why it could not be enacted now; empty: it could, or has been")
    failure: list[FieldError] | None = Field(description="Why it failed on its day")
    units_begun: int | None = Field(description="Units that it began; null before it is enacted")
    units_ended: int | None
    clients_waiting: list[ClientTouched] = Field(
        description="Clients whose unit was divided or abolished by it; an operator gives them another"
    )


class ReformPlan(Contract):
    """Exactly the states that enacting it now would write; of an enacted one those that its units have now."""

    id: ClientId
    revision: int
    units: list[UnitV1]
    begun: list[UnitBrief]
    ended: list[UnitBrief]


class TouchedUnit(Contract):
    """A unit that ends, begins, or merely gets another parent or other holders; with its teams and members."""

    unit: UnitBrief
    change: Literal["ends", "begins", "changes"]
    to: list[UnitBrief] = Field(description="Where the territory of one that ends goes")
    share: Share | None = Field(
        description="whole: all goes to one; part: it is divided; null: it does not end, or has no heir"
    )
    teams: int
    members: int


class TouchedTeam(Contract):
    """A team that works in a unit that ends."""

    team_id: str
    code: Text
    name: Text
    unit: UnitBrief
    to: UnitBrief | None = Field(description="Where its unit goes whole; null: the unit is divided")
    members: int


class CodeChanged(Contract):
    """A code that means something else after the reform."""

    code: str
    before: UnitBrief
    after: UnitBrief | None = Field(description="Who bears it then; null: nobody")
    meaning: Literal["wider", "other", "nobody"] = Field(
        description="wider: more territory than before; other: not all that it was; nobody: the code ends"
    )


class ReformReach(Contract):
    """What a reform touches in the registry; lists end at `listed`, counts do not."""

    units_begun: int
    units_ended: int
    units_changed: int
    teams: int = Field(description="Teams that work in units that end")
    members: int = Field(description="Distinct members of those teams")
    teams_divided: int = Field(
        description="Of the teams, those whose unit is divided: someone must say where they work"
    )
    listed: int = Field(description="Most entries of each list")
    units: list[TouchedUnit]
    teams_listed: list[TouchedTeam]
    clients_following: list[ClientTouched]
    clients_waiting: list[ClientTouched]
    codes: list[CodeChanged]
    codes_changed: int
    partners: list[Text] = Field(
        description="Clients that report for partners within the area and do not declare of which list their codes are"
    )
    plan_units: int = Field(description="How many states of units enacting it would write")


class ReformImpact(Contract):
    """A rehearsal: what enacting a reform would do; nothing is written."""

    id: ClientId
    revision: int
    status: ReformStatus
    effective_date: date
    registry: ReformReach
    numbers: RehearsalAnswer | None = Field(description="Each measure before and after; null where `numbers_missing`")
    numbers_missing: FieldError | None = Field(description="Why there are no numbers")
