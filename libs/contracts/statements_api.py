"""HTTP bodies of statements: figures that someone reported, shown as they were said and never added to a count."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, Names, Text
from libs.contracts.reference import Comparator, DenominatorV1, Figure
from libs.contracts.registry import Level

__all__ = [
    "Caveat",
    "Comparison",
    "ComparisonAnswer",
    "Coverage",
    "Holder",
    "IndicatorBrief",
    "PartView",
    "ProgressAnswer",
    "ProgressOf",
    "QUALIFIERS",
    "Qualifier",
    "REASONS",
    "Reason",
    "SHAPES",
    "Shape",
    "SourceView",
    "StatementPage",
    "StatementView",
    "StatementsContract",
    "SumAnswer",
    "TargetProgress",
    "UnitSaid",
]

Qualifier = Literal["exact", "just_under", "more_than", "about", "at_least", "order_of_magnitude"]
QUALIFIERS: tuple[Qualifier, ...] = get_args(Qualifier)
Shape = Literal["snapshot", "flow", "cumulative", "target", "rank"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

ReasonCode = Literal[
    "different_indicator",
    "different_unit_of_count",
    "different_denominator",
    "unbounded_denominator",
    "unstated_age_bound",
    "different_part",
    "different_unit",
    "partial_coverage",
    "scope_ambiguous",
    "different_shape",
    "different_since",
    "rank_scope",
    "mixed_unit",
    "magnitude_missing",
    "only_an_order_of_magnitude",
    "compound_target",
    "qualified",
    "not_additive",
    "different_day",
    "overlapping",
    "not_a_state",
]
REASONS: tuple[ReasonCode, ...] = get_args(ReasonCode)


class Reason(Contract):
    """Why two figures cannot be held against each other, or some not be added."""

    code: ReasonCode
    vi: str
    en: str


class Caveat(Contract):
    """What a reader should know of a figure on the asked day; it is flagged, never silently changed."""

    code: Literal["part_ended", "indicator_ended", "unknown_unit", "divided"]
    vi: str
    en: str


class SourceView(Contract):
    """Who said it."""

    code: str
    names: Names
    said_on: date = Field(description="The day of the map by which its places are meant")


class PartView(Contract):
    """Which part of the indicator the figure is about: a level, a technology, a kind of account."""

    code: str
    names: Names
    valid_to: date | None = Field(description="First day on which it no longer exists; null: no end is known")


class UnitSaid(Contract):
    """A unit version of which a figure was said."""

    unit_id: UUID | None = Field(description="null: the map known here has no such unit")
    code: str | None
    level: Level | None
    name: str | None
    valid_from: date | None
    valid_to: date | None


class Coverage(Contract):
    """How much of a unit's predecessors the figure speaks of."""

    predecessors: int = Field(description="Units of the map of that time whose territory, or a part of it, it took in")
    covered: int = Field(description="Those of them that lie wholly in what the figure was said of")
    divided: int = Field(description="Those that it took in only in part")
    vi: str
    en: str


class Holder(Contract):
    """A unit of the asked day that holds territory of which the figure was said."""

    unit: UnitSaid
    share: Literal["whole", "partial"] = Field(
        description="whole: the unit is of the same territory, so that the figure is also its own; partial: the figure "
        "speaks of a part of it and is never its value"
    )
    holds: Literal["all", "some"] = Field(description="Whether the unit holds all of the territory spoken of, or some")
    coverage: Coverage


class StatementView(Contract):
    """A reported figure; `value` is what was printed, exact to the digit, and means nothing without `qualifier`."""

    id: str
    revision: int
    source: SourceView
    indicator: str
    indicator_names: Names | None = Field(description="null: the catalogue does not have the indicator yet")
    qualifier: Qualifier
    value: Figure
    sort_value: Figure = Field(description="What it is sorted by; never a number to count with")
    text: Names = Field(description="The figure as it is to be shown: “gần 105.000”, “trên 70 %”")
    unit_of_count: str
    unit_names: Names
    denominator: str | None
    shape: Shape
    since: date | None
    as_of: date | None = Field(description="Of what day, or until what day it speaks; null for a target")
    due: date | None = Field(description="By when a target shall be reached; null: no day was said")
    part: PartView | None
    level: Level | None = Field(description="null: the source does not say of which unit it speaks")
    scope_confidence: Literal["stated", "ambiguous"]
    said_of: list[UnitSaid] = Field(description="The units as they were then; several: of all of them together")
    held_by: list[Holder] = Field(description="The units of the boundaries asked for; empty for as_recorded")
    sum_of: list[str] = Field(description="Ids of statements that it is the sum of")
    flags: list[str]
    flag_names: list[Names]
    usable_in_rates: bool
    caveats: list[Caveat] = Field(description="What a reader on the asked day should know")
    note: str | None


class StatementsContract(Contract):
    """What an answer rests on."""

    boundaries: str
    on: date = Field(description="The day whose boundaries are shown, and on which caveats hold")
    statements_revision: int
    map_revision: str
    never_added: Literal[True] = Field(description="Statements stand beside what is counted, never in it")


class StatementPage(Contract):
    """A page of statements; `next` is the cursor of the next page."""

    statements: list[StatementView]
    contract: StatementsContract
    next: str | None


Verdict = Literal["comparable", "not_comparable"]


class Comparison(Contract):
    """Two figures held against each other; `reasons` are all that stand against it."""

    left: str
    right: str
    verdict: Verdict
    reasons: list[Reason]
    difference: Figure | None = Field(description="right - left, where both are exact and comparable; else null")


class ComparisonAnswer(Contract):
    """Figures held against each other, each with each; an id such as 1.12 stands for 1.12a and 1.12b together."""

    verdict: Verdict = Field(description="comparable: every pair is")
    pairs: list[Comparison]
    statements: list[StatementView]
    contract: StatementsContract


class SumAnswer(Contract):
    """Whether figures may be added, and what they come to."""

    verdict: Literal["addable", "not_addable"]
    value: Figure | None
    unit_of_count: str | None
    reasons: list[Reason]
    stated_as: str | None = Field(description="Id of the statement that gives this sum itself")
    agrees: bool | None = Field(description="Whether that statement gives the same number")
    statements: list[StatementView]
    contract: StatementsContract


class IndicatorBrief(Contract):
    """What is asked about."""

    code: str
    version: int
    names: Names
    unit_of_count: str
    denominator: str | None
    comparability_notes: str | None


class ProgressOf(Contract):
    """A reported figure held against a target."""

    statement: str
    verdict: Verdict
    reasons: list[Reason]
    qualifier: Qualifier
    value: Figure
    text: Names
    gap: Figure | None = Field(description="Target - value, in the unit of count; bounded by the qualifier; null: none")
    reached: bool | None = Field(description="null: not comparable, or the qualifier does not say")


class TargetProgress(Contract):
    """A target with the targets it serves, and every figure known of the indicator and unit beside it."""

    target: str = Field(description="Id of the target, or of the statement that gives it")
    kind: Literal["target", "statement"]
    comparator: Comparator
    value: Figure
    unit_of_count: str
    denominator: str | None
    min_age: Annotated[int, Field(ge=0)] | None
    due: date | None
    decision: Text | None
    lineage: list[UUID] = Field(description="Targets that it serves, the nearest first")
    against: list[ProgressOf]


class ProgressAnswer(Contract):
    """Where a unit stands on an indicator on a day, and how far from its targets."""

    indicator: IndicatorBrief
    unit: UnitSaid
    on: date
    statements: list[StatementView]
    denominators: list[DenominatorV1] = Field(description="Newest rows of the unit over the indicator's bases")
    targets: list[TargetProgress]
    contract: StatementsContract
