"""A question about the network, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from libs.common.problem import Fault, Problem
from services.metrics.domain.network.states import COMMUNITY, FORMATIONS, TYPES

__all__ = ["ALL", "OF_FACTS", "Question", "asked_by_default", "check", "types_by_default"]

ALL = tuple(f"NET-{n:02}" for n in range(1, 12))
OF_FACTS = ("NET-11",)
OF_A_PERIOD = ("NET-10", *OF_FACTS)
DECLARED_ONLY = ("NET-06",)
MAX_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a day; `levels` and `types` are those of teams, `first` and `last` the period's days."""

    on: date
    units: Sequence[str]
    levels: Sequence[str]
    types: Sequence[str]
    group_by: Sequence[str]
    boundaries: str
    indicators: Sequence[str]
    first: date
    last: date
    minimum: int

    @property
    def unit_level(self) -> str | None:
        """Give the level of units that it is grouped by."""
        return next((g.partition(":")[2] for g in self.group_by if g.startswith("unit:")), None)

    @property
    def mixed(self) -> bool:
        """Say whether community teams and formations would be added up where not grouped by type."""
        return COMMUNITY in self.types and len(self.types) > 1

    @property
    def types_read(self) -> tuple[str, ...]:
        """Give the types whose teams are needed."""
        formations = FORMATIONS if "NET-08" in self.indicators and "type" not in self.group_by else ()
        return tuple(each for each in TYPES if each in self.types or each in formations)


def asked_by_default(*, period_told: bool) -> tuple[str, ...]:
    """Give the indicators that are answered where none is named."""
    return tuple(code for code in ALL if code not in DECLARED_ONLY and (period_told or code not in OF_A_PERIOD))


def types_by_default(group_by: Sequence[str]) -> tuple[str, ...]:
    """Give the types of teams where none is named: each stands in a row of its own, or only one is asked about."""
    return TYPES if "type" in group_by else (COMMUNITY,)


def check(question: Question) -> None:
    """Raise Problem for what cannot be answered whatever the map is."""
    if question.first > question.last:
        raise _refused("range_reversed", "/from")
    if (question.last - question.first).days >= MAX_DAYS:
        raise _refused("range_too_long", "/to", limit=MAX_DAYS)
    kinds = [grouping.partition(":")[0] for grouping in question.group_by]
    for n, kind in enumerate(kinds):
        if kind in kinds[:n]:
            raise _refused("grouping_repeated", f"/group_by/{n}", kind=kind)


def _refused(problem: str, pointer: str, /, **params: Any) -> Problem:
    return Problem(problem, faults=[Fault(problem, pointer, params)], **params)
