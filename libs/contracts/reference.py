"""Events about what numbers are held against: indicators, denominators, targets."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.contracts.model import Contract, Names, Text
from libs.contracts.network import DecisionV1

__all__ = [
    "AGGREGATIONS",
    "COMPARATORS",
    "DENOMINATOR_BASES",
    "DenominatorBase",
    "DenominatorV1",
    "Figure",
    "INDICATOR_KINDS",
    "IndicatorV1",
    "OBSERVATION_KINDS",
    "TargetV1",
]

Figure = Annotated[str, StringConstraints(pattern=r"^-?\d{1,15}(\.\d{1,6})?$")]
"""A decimal number as a string, so that 9.07 stays 9.07."""

IndicatorKind = Literal["network", "field", "adoption", "context", "model", "rank", "quality"]
INDICATOR_KINDS: tuple[IndicatorKind, ...] = get_args(IndicatorKind)
Aggregation = Literal["sum", "last", "ratio_of_sums", "distinct", "none"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
ObservationKind = Literal["operational", "partner", "administrative", "survey", "press"]
OBSERVATION_KINDS: tuple[ObservationKind, ...] = get_args(ObservationKind)
Comparator = Literal[">=", ">"]
COMPARATORS: tuple[Comparator, ...] = get_args(Comparator)
DenominatorBase = Literal[
    "population_total",
    "population_unspecified",
    "population_14_plus",
    "population_15_plus",
    "citizens_16_plus",
    "population_adult",
    "population_working_age",
    "internet_users",
    "households",
    "business_households",
    "farming_households",
    "agri_cooperatives",
    "enterprises",
    "subcommune_units",
    "commune_units",
    "health_facilities",
    "banks",
    "state_agencies",
    "higher_ed_institutions",
    "k12_schools",
    "subscriptions",
]
DENOMINATOR_BASES: tuple[DenominatorBase, ...] = get_args(DenominatorBase)

Revision = Annotated[int, Field(ge=1, description="Raised by each change of the record")]
Age = Annotated[int, Field(ge=0, le=150, description="Years")]


class IndicatorV1(Contract):
    """Something that is reported of a unit: what is counted over what."""

    code: Text
    revision: Revision
    version: int = Field(ge=1, description="Raised when the meaning changes")
    names: Names
    kind: IndicatorKind
    unit_of_count: Text
    denominator: DenominatorBase | None = Field(default=None, description="null: an absolute count")
    other_units: list[Text] = Field(default=[], description="Units of count in which it is reported, too")
    other_denominators: list[DenominatorBase] = Field(default=[], description="Bases over which it is reported, too")
    per: Text | None = Field(
        default=None,
        description="What it is a share or a mean of, where that is no base of the register: an indicator, respondents",
    )
    aggregation: Aggregation
    observation_kind: ObservationKind
    measures: list[Text] = Field(default=[], description="Measures of lines that it counts, where it does")
    framework_refs: list[Text] = []
    comparability_notes: Text | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class DenominatorV1(Contract):
    """How many there are, in a unit version on a day, by a source; a rate names the row it used."""

    denominator_id: UUID
    revision: Revision
    unit_id: UUID
    base: DenominatorBase
    min_age: Age | None = None
    max_age: Age | None = Field(default=None, description="Included")
    on: date
    value: Annotated[int, Field(ge=0)]
    source: Text


class TargetV1(Contract):
    """What shall be reached by a day."""

    target_id: UUID
    revision: Revision
    indicator: Text
    unit_id: UUID
    comparator: Comparator
    value: Figure
    unit_of_count: Text
    denominator: DenominatorBase | None = None
    min_age: Age | None = None
    due: date
    decision: DecisionV1 | None = None
    parent_id: UUID | None = Field(default=None, description="The target of a higher level that it serves")
