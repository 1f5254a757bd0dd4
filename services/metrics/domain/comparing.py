"""Whether figures can be held against each other, added, or measured by a target, and if not, why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from services.metrics.domain.references import Target
from services.metrics.domain.statements import MIXED, RATIOS, Qualifier, Statement

__all__ = ["Placed", "as_target", "compare", "compare_to_target", "gap", "reached", "whole_sum"]

UNBOUNDED = "population_unspecified"
AGED_BY_HAND = "population_adult"


@dataclass(frozen=True, slots=True)
class Placed:
    """A statement with the units it was said of, and those that are of just the same territory today."""

    statement: Statement
    said_of: frozenset[UUID]
    same_as: frozenset[UUID]
    parts_of: frozenset[UUID]

    @property
    def whole(self) -> frozenset[UUID]:
        """All units whose figure it is."""
        return self.said_of | self.same_as


def compare(left: Placed, right: Placed) -> list[str]:
    """Give the reasons for which two figures cannot be compared; none: they can."""
    one, other = left.statement, right.statement
    reasons = [*_of_each(one), *_of_each(other)]
    if one.unit_of_count != other.unit_of_count:
        reasons.append("different_unit_of_count")
    reasons += _denominators(one, other)
    if one.indicator != other.indicator:
        reasons.append("different_indicator")
    if one.part != other.part:
        reasons.append("rank_scope" if "rank" in (one.shape, other.shape) else "different_part")
    reasons += _places(left, right)
    reasons += _shapes(one, other)
    return list(dict.fromkeys(reasons))


def _of_each(statement: Statement) -> list[str]:
    reasons = []
    if statement.unit_of_count == MIXED:
        reasons.append("mixed_unit")
    reasons += [flag for flag in ("magnitude_missing", "scope_ambiguous") if flag in statement.flags]
    if statement.ambiguous:
        reasons.append("scope_ambiguous")
    if statement.qualifier == "order_of_magnitude":
        reasons.append("only_an_order_of_magnitude")
    if "compound" in statement.flags:
        reasons.append("compound_target")
    return reasons


def _denominators(one: Statement, other: Statement) -> list[str]:
    if one.denominator != other.denominator:
        return ["different_denominator"]
    if one.denominator == UNBOUNDED:
        return ["unbounded_denominator"]
    # Each source may mean another age by "adult"; within one it is the same.
    return ["unstated_age_bound"] if one.denominator == AGED_BY_HAND and one.source != other.source else []


def _places(left: Placed, right: Placed) -> list[str]:
    if left.said_of == right.said_of or left.whole & right.whole:
        return []
    if left.parts_of & right.whole or right.parts_of & left.whole:
        return ["partial_coverage"]
    return ["different_unit"]


def _shapes(one: Statement, other: Statement) -> list[str]:
    if one.shape != other.shape:
        return ["different_shape"]
    if one.shape in ("flow", "cumulative") and (one.since is None or one.since != other.since):
        return ["different_since"]
    return []


def whole_sum(placed: Sequence[Placed], stated: Statement | None) -> list[str]:
    """Give the reasons for which figures cannot be added; `stated` is the statement that says it is their sum.

    People add up only where they cannot be the same: where the source itself adds them.
    """
    statements = [each.statement for each in placed]
    first = statements[0]
    reasons: list[str] = [reason for each in statements for reason in _of_each(each)]
    if any(each.qualifier != "exact" for each in statements):
        reasons.append("qualified")
    if any(each.unit_of_count in RATIOS or each.shape in ("target", "rank") for each in statements):
        reasons.append("not_additive")
    pairs = (
        ("different_unit_of_count", "unit_of_count"),
        ("different_indicator", "indicator"),
        ("different_shape", "shape"),
        ("different_since", "since"),
        ("different_day", "as_of"),
    )
    reasons += [code for code, name in pairs if any(getattr(each, name) != getattr(first, name) for each in statements)]
    if _overlap(placed) or (stated is None and first.unit_of_count in ("person", "household")):
        reasons.append("overlapping")
    return list(dict.fromkeys(reasons))


def _overlap(placed: Sequence[Placed]) -> bool:
    """Say whether two of them speak, even in part, of the same."""
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            disjoint = one.statement.part != other.statement.part and None not in (
                one.statement.part,
                other.statement.part,
            )
            nested = one.whole & (other.whole | other.parts_of) or other.whole & one.parts_of
            if nested and not disjoint:
                return True
    return False


def as_target(statement: Statement) -> bool:
    """Say whether a statement says what shall be reached."""
    return statement.shape == "target"


def compare_to_target(placed: Placed, target: Target) -> list[str]:
    """Give the reasons for which a figure cannot be measured by a target of the registry."""
    statement = placed.statement
    reasons = _of_each(statement)
    if statement.shape not in ("snapshot", "cumulative"):
        reasons.append("not_a_state")
    if statement.unit_of_count != target.unit_of_count:
        reasons.append("different_unit_of_count")
    if statement.denominator != target.denominator:
        reasons.append("different_denominator")
    elif target.denominator == UNBOUNDED:
        reasons.append("unbounded_denominator")
    elif target.denominator == AGED_BY_HAND:
        reasons.append("unstated_age_bound")
    if statement.part is not None:
        reasons.append("different_part")
    if target.unit_id not in placed.whole:
        reasons.append("partial_coverage" if target.unit_id in placed.parts_of else "different_unit")
    return list(dict.fromkeys(reasons))


def gap(value: Decimal, target: Decimal) -> Decimal:
    """Give what is missing to a target; below zero where it was passed."""
    return target - value


def reached(qualifier: Qualifier, value: Decimal, comparator: str, target: Decimal) -> bool | None:
    """Say whether a figure reaches a target; None where its qualifier leaves that open."""
    at_value = value > target if comparator == ">" else value >= target
    match qualifier:
        case "exact":
            return at_value
        case "more_than":
            return True if value >= target else None
        case "at_least":
            return True if at_value else None
        case "just_under":
            return False if value <= target else None
    return None
