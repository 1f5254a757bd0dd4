"""HTTP bodies of a rehearsal: what numbers become under a map that is not yet, told by the states of its units."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from libs.contracts.metrics_api import NumberContract, UnitRef
from libs.contracts.model import Contract, Text
from libs.contracts.registry import Level, UnitV1

__all__ = [
    "MAX_REHEARSAL_BYTES",
    "MAX_REHEARSED_UNITS",
    "Figures",
    "MeasureRehearsed",
    "RehearsalAnswer",
    "RehearsalQuery",
    "RehearsalQueryEcho",
    "UnallocatedRehearsed",
    "UnitRehearsed",
]

MAX_REHEARSED_UNITS = 2000
MAX_REHEARSAL_BYTES = 8 * 1024 * 1024


class RehearsalQuery(Contract):
    """States of units as a reform would write them, laid over the map as it is known, and the days to count."""

    units: Annotated[list[UnitV1], Field(min_length=1, max_length=MAX_REHEARSED_UNITS)] = Field(
        description="Whole states with revisions above those known, each unit once"
    )
    on: date = Field(ge=date(1900, 1, 1), description="The day on which the reform takes effect")
    from_: date = Field(alias="from", description="First day counted, included")
    to: date = Field(description="Last day counted, included")
    measures: Annotated[list[Text], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="Measure codes; by default all that anything was recorded of"
    )


class Figures(Contract):
    """Numbers of a measure; null is not zero, `reasons` and `suppressed` say why a number is null."""

    luot: int | None = Field(default=None, description="Null where teams and partners both reported: see the next two")
    luot_team: int | None = None
    luot_partner: int | None = None
    nguoi: int | None = None
    ho: int | None = None
    suppressed: list[str] = Field(default=[], description="Numbers withheld because they, or others here, are small")
    reasons: dict[str, str] = {}


class MeasureRehearsed(Contract):
    """A measure's numbers by the map of the day before, and by that of the day; null: there is no such unit then."""

    measure: str
    before: Figures | None = None
    after: Figures | None = None


class UnitRehearsed(Contract):
    """A unit that the reform touches, with the numbers of all facts that lie wholly in it."""

    unit: UnitRef
    change: Literal["ends", "begins", "changes", "above"] = Field(
        description="`above`: the province of others here, itself untouched"
    )
    measures: list[MeasureRehearsed] = Field(description="Only those of which anything was recorded here")


class UnallocatedRehearsed(Contract):
    """Numbers that a unit of this level holds on the day before, and that none will on the day."""

    level: Level
    unit: UnitRef | None = Field(description="The lowest unit of the day that holds all of it; null: none does")
    recorded_in: list[UnitRef] = Field(description="The units whose facts these are, at most 200 of them")
    measures: list[MeasureRehearsed] = Field(description="`before` is null: it was counted in other units then")


class RehearsalQueryEcho(Contract):
    """The question as executed, without the units."""

    on: date
    from_: date = Field(alias="from")
    to: date
    measures: list[str]


class RehearsalAnswer(Contract):
    """What a reform would do to the numbers; nothing of it is stored."""

    units: list[UnitRehearsed]
    unallocated: list[UnallocatedRehearsed]
    levels_gone: list[Level] = Field(description="Levels of which no unit is left on the day")
    contract: NumberContract = Field(description="With `boundaries` the day of the reform")
    query: RehearsalQueryEcho
