"""HTTP bodies of denominators and targets: written in batches of which every row is answered, read in pages."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, Text
from libs.contracts.network import DecisionV1
from libs.contracts.reference import Comparator, DenominatorBase, DenominatorV1, Figure, TargetV1
from libs.contracts.visits_api import FieldError

__all__ = [
    "DenominatorBatch",
    "DenominatorInput",
    "DenominatorPage",
    "MAX_REFERENCE_ROWS",
    "ReferenceAnswer",
    "ReferenceReceipt",
    "TargetBatch",
    "TargetInput",
    "TargetPage",
]

MAX_REFERENCE_ROWS = 1000

UnitReference = Annotated[Text, Field(description="Unit id, or a code that is valid on the row's day")]
InputAge = Annotated[int, Field(ge=0, le=150, description="Years")]


class DenominatorInput(Contract):
    """How many there are in a unit on a day, by a source.

    Unit version, base, ages, day and source together say which row it is: another value corrects it.
    """

    unit: UnitReference
    base: DenominatorBase
    min_age: InputAge | None = Field(default=None, description="Needed for population_adult: there is no one adulthood")
    max_age: InputAge | None = Field(default=None, description="Included")
    on: date
    value: Annotated[int, Field(ge=0, le=1_000_000_000)]
    source: Text


class DenominatorBatch(Contract):
    """Rows of denominators."""

    rows: Annotated[list[DenominatorInput], Field(min_length=1, max_length=MAX_REFERENCE_ROWS)]


class TargetInput(Contract):
    """What shall be reached in a unit by a day.

    Unit version, indicator, denominator, age, due day and the decision's number together say which target it is.
    """

    unit: UnitReference
    indicator: Text
    comparator: Comparator = ">="
    value: Figure
    unit_of_count: Text | None = Field(default=None, description="One of the indicator's; default: its first")
    denominator: DenominatorBase | None = Field(default=None, description="One of the indicator's; default: its first")
    min_age: InputAge | None = Field(default=None, description="Needed for population_adult")
    due: date
    decision: DecisionV1 | None = None
    parent: UUID | None = Field(default=None, description="Target of the same indicator, of a higher unit, it serves")


class TargetBatch(Contract):
    """Rows of targets; one may serve another of the same batch."""

    rows: Annotated[list[TargetInput], Field(min_length=1, max_length=MAX_REFERENCE_ROWS)]


class ReferenceReceipt(Contract):
    """The outcome of a row."""

    index: int = Field(description="Number of the row in the batch, from 0")
    status: Literal["created", "changed", "same", "rejected"] = Field(
        description="changed: another value of a row that was known, as a new revision; same: nothing was stored"
    )
    id: UUID | None = Field(description="Of the denominator or target; null where the row was rejected")
    revision: int | None = None
    errors: list[FieldError] = []


class ReferenceAnswer(Contract):
    """The outcome of every row, in order."""

    mode: Literal["commit", "validate"]
    rows: list[ReferenceReceipt]


class DenominatorPage(Contract):
    """A page of denominators, in the order of their ids; `next` is the cursor of the next page."""

    denominators: list[DenominatorV1]
    next: str | None


class TargetPage(Contract):
    """A page of targets, in the order of their ids; `next` is the cursor of the next page."""

    targets: list[TargetV1]
    next: str | None
