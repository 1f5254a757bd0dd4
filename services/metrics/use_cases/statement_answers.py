"""Answers about statements: held against each other, added where that is allowed, measured by targets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from libs.contracts import statements_api as api
from libs.contracts.reference import DenominatorV1
from services.metrics.domain import comparing
from services.metrics.domain.comparing import Placed
from services.metrics.domain.map import Unit
from services.metrics.domain.reasons import REASONS
from services.metrics.domain.references import Indicator, Target
from services.metrics.domain.statements import Statement
from services.metrics.domain.wording import figure, said
from services.metrics.use_cases.statement_views import Lens, names, unit_view

__all__ = ["Standpoint", "added", "compared", "progress"]


def _reasons(codes: Iterable[str]) -> list[api.Reason]:
    return [api.Reason.model_validate({"code": code, "vi": REASONS[code].vi, "en": REASONS[code].en}) for code in codes]


def compared(
    lens: Lens, left: Sequence[Statement], right: Sequence[Statement], map_revision: str
) -> api.ComparisonAnswer:
    """Hold each of some statements against each of others."""
    placed = {each.id: lens.place(each) for each in (*left, *right)}
    pairs = []
    for one, other in product(left, right):
        codes = comparing.compare(placed[one.id], placed[other.id])
        exact = not codes and one.qualifier == other.qualifier == "exact"
        pairs.append(
            api.Comparison(
                left=one.id,
                right=other.id,
                verdict="not_comparable" if codes else "comparable",
                reasons=_reasons(codes),
                difference=figure(other.value - one.value) if exact else None,
            )
        )
    return api.ComparisonAnswer(
        verdict="comparable" if all(pair.verdict == "comparable" for pair in pairs) else "not_comparable",
        pairs=pairs,
        statements=[lens.view(each.statement) for each in placed.values()],
        contract=lens.contract(map_revision),
    )


def added(lens: Lens, statements: Sequence[Statement], map_revision: str) -> api.SumAnswer:
    """Add statements where that means something, and check it against a statement that gives their sum itself."""
    stated = _stated(lens, statements)
    codes = comparing.whole_sum([lens.place(each) for each in statements], stated)
    value = None if codes else sum((each.value for each in statements), Decimal(0))
    return api.SumAnswer(
        verdict="not_addable" if codes else "addable",
        value=None if value is None else figure(value),
        unit_of_count=None if codes else statements[0].unit_of_count,
        reasons=_reasons(codes),
        stated_as=stated.id if stated else None,
        agrees=value == stated.value if stated and value is not None else None,
        statements=[lens.view(each) for each in statements],
        contract=lens.contract(map_revision),
    )


def _stated(lens: Lens, statements: Sequence[Statement]) -> Statement | None:
    """Give the statement that says it is the sum of just these."""
    wanted = {each.id for each in statements}
    everything = [each for _, each in lens.said.statements.values()]
    for each in everything:
        of = {part.id for part in everything if any(_is(part.id, told) for told in each.sum_of)}
        if each.sum_of and of == wanted:
            return each
    return None


def _is(statement_id: str, told: str) -> bool:
    return statement_id == told or (statement_id[:-1] == told and statement_id[-1:].isalpha())


@dataclass(frozen=True)
class Standpoint:
    """Whose progress is asked: an indicator, a unit, and the statements known of both."""

    indicator: Indicator
    unit: Unit
    statements: Sequence[Statement]


def progress(lens: Lens, asked: Standpoint, map_revision: str) -> api.ProgressAnswer:
    """Say where a unit stands on an indicator, and how far every known figure is from every target."""
    indicator, unit = asked.indicator, asked.unit
    placed = [lens.place(each) for each in asked.statements]
    values = [each for each in placed if each.statement.shape != "target"]
    bases = frozenset(base for base in (indicator.denominator, *indicator.other_denominators) if base is not None)
    targets = [
        _by_target(lens, target, values)
        for target in sorted(lens.references.targets.values(), key=lambda each: (each.due, each.target_id))
        if target.indicator == indicator.code and target.unit_id == unit.unit_id
    ]
    targets += [_by_statement(each, values) for each in placed if comparing.as_target(each.statement)]
    return api.ProgressAnswer(
        indicator=api.IndicatorBrief(
            code=indicator.code,
            version=indicator.version,
            names=names(indicator.names),
            unit_of_count=indicator.unit_of_count,
            denominator=indicator.denominator,
            comparability_notes=indicator.comparability_notes,
        ),
        unit=unit_view(unit),
        on=lens.on,
        statements=[lens.view(each) for each in asked.statements],
        denominators=[
            DenominatorV1.model_validate({name: getattr(row, name) for name in DenominatorV1.model_fields})
            for row in lens.references.denominators(unit.unit_id, bases, lens.on)
        ],
        targets=targets,
        contract=lens.contract(map_revision),
    )


def _by_target(lens: Lens, target: Target, values: Sequence[Placed]) -> api.TargetProgress:
    return api.TargetProgress.model_validate(
        {
            "target": str(target.target_id),
            "kind": "target",
            "comparator": target.comparator,
            "value": figure(target.value),
            "unit_of_count": target.unit_of_count,
            "denominator": target.denominator,
            "min_age": target.min_age,
            "due": target.due,
            "decision": target.decision,
            "lineage": lens.references.above(target),
            "against": [
                _progress(each.statement, comparing.compare_to_target(each, target), target.comparator, target.value)
                for each in values
            ],
        }
    )


def _by_statement(target: Placed, values: Sequence[Placed]) -> api.TargetProgress:
    """Measure figures by a target that a source reported: its qualifier is its comparator."""
    statement = target.statement
    comparator = ">" if statement.qualifier == "more_than" else ">="
    against = []
    for each in values:
        codes = [code for code in comparing.compare(each, target) if code != "different_shape"]
        if each.statement.shape not in ("snapshot", "cumulative"):
            codes.append("not_a_state")
        against.append(_progress(each.statement, codes, comparator, statement.value))
    return api.TargetProgress.model_validate(
        {
            "target": statement.id,
            "kind": "statement",
            "comparator": comparator,
            "value": figure(statement.value),
            "unit_of_count": statement.unit_of_count,
            "denominator": statement.denominator,
            "min_age": None,
            "due": statement.due,
            "decision": None,
            "lineage": [],
            "against": against,
        }
    )


def _progress(statement: Statement, codes: Sequence[str], comparator: str, target: Decimal) -> api.ProgressOf:
    good = not codes
    return api.ProgressOf(
        statement=statement.id,
        verdict="comparable" if good else "not_comparable",
        reasons=_reasons(codes),
        qualifier=statement.qualifier,
        value=figure(statement.value),
        text=names(said(statement)),
        gap=figure(comparing.gap(statement.value, target)) if good else None,
        reached=comparing.reached(statement.qualifier, statement.value, comparator, target) if good else None,
    )
