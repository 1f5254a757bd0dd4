"""What a query names: every metric with the labels that it asks of it, and the labels of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import promql_parser as ql

__all__ = ["Asked", "Labels", "answer_labels", "read_query"]

Labels = frozenset[str]
TARGET: Labels = frozenset({"job", "instance"})
"""What Prometheus adds to every series that it scrapes."""
SETS = ("and", "unless")


@dataclass(frozen=True)
class Asked:
    """A selector: its metric, the labels it matches on, and the values that it wants exactly."""

    metric: str
    labels: Labels
    equal: Mapping[str, str]


@dataclass
class _Reading:
    known: Mapping[str, Labels]
    asked: list[Asked] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def labels(self, expr: ql.Expr) -> Labels:
        """Give the labels of an answer, noting what is asked and what cannot be."""
        if isinstance(expr, ql.VectorSelector):
            return self._selected(expr)
        if isinstance(expr, ql.MatrixSelector):
            return self._selected(expr.vector_selector)
        if isinstance(expr, ql.ParenExpr | ql.SubqueryExpr | ql.UnaryExpr):
            return self.labels(expr.expr)
        if isinstance(expr, ql.AggregateExpr):
            return self._aggregated(expr)
        if isinstance(expr, ql.Call):
            return self._called(expr)
        if isinstance(expr, ql.BinaryExpr):
            return self._combined(expr)
        return frozenset()

    def _selected(self, expr: ql.VectorSelector) -> Labels:
        matchers = expr.matchers.matchers
        assert expr.name is not None, f"a selector without a metric: {expr.prettify()}"
        has = self.known.get(expr.name)
        equal = {one.name: one.value for one in matchers if one.op == ql.MatchOp.Equal}
        self.asked.append(Asked(expr.name, frozenset(one.name for one in matchers), equal))
        if has is None:
            self.faults.append(f"nobody tells {expr.name}")
            return frozenset()
        self._within(frozenset(one.name for one in matchers), has, expr.name)
        return has

    def _aggregated(self, expr: ql.AggregateExpr) -> Labels:
        inner = self.labels(expr.expr)
        if expr.modifier is None:
            return frozenset()
        named = frozenset(expr.modifier.labels)
        if expr.modifier.type == ql.AggModifierType.By:
            self._within(named, inner, expr.prettify())
            return named
        return inner - named

    def _called(self, expr: ql.Call) -> Labels:
        parts = [self.labels(part) for part in expr.args]
        if expr.func.name == "absent":
            return frozenset(self.asked[-1].equal)
        inner = frozenset[str]().union(*parts)
        return inner - {"le"} if expr.func.name == "histogram_quantile" else inner

    def _combined(self, expr: ql.BinaryExpr) -> Labels:
        left, right = self.labels(expr.lhs), self.labels(expr.rhs)
        matching = expr.modifier.matching if expr.modifier is not None else None
        if matching is not None and str(matching).startswith("on"):
            on = frozenset(matching.labels)
            self._within(on, left, f"left of {expr.prettify()}")
            self._within(on, right, f"right of {expr.prettify()}")
        if str(expr.op) == "or":
            return left | right
        if str(expr.op) in SETS:
            return left
        brought = frozenset((expr.modifier.group_labels or []) if expr.modifier is not None else [])
        self._within(brought, right, f"right of {expr.prettify()}")
        return (left or right) | brought

    def _within(self, named: Labels, has: Labels, where: str) -> None:
        if not named <= has:
            self.faults.append(f"{', '.join(sorted(named - has))} is no label of {where}")


def read_query(query: str, known: Mapping[str, Labels]) -> tuple[list[Asked], list[str]]:
    """Give what a query asks of which metric, and what is wrong with it; `known` names metrics with their labels."""
    reading = _Reading(known)
    reading.labels(ql.parse(query))
    return reading.asked, reading.faults


def answer_labels(query: str, known: Mapping[str, Labels]) -> Labels:
    """Give the labels that an answer may have."""
    return _Reading(known).labels(ql.parse(query))
