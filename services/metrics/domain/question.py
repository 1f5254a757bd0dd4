"""A question, checked: what to count, where, when, by whom, and how to group it."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from libs.common.problem import Fault, Problem
from services.metrics.domain.map import Unit
from services.metrics.domain.picture import Picture

__all__ = ["Question", "check", "check_level", "day_of", "find_unit", "scope_of"]

MAX_DAYS = 3660
AS_RECORDED, CURRENT = "as_recorded", "current"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `units` are ids or codes, empty sequences stand for no condition.

    `on` is the day whose units numbers are told of; None: those of each fact's own time.
    """

    measures: Sequence[str]
    first: date
    last: date
    group_by: Sequence[str]
    units: Sequence[str]
    reporter_kind: int | None
    reporters: Sequence[UUID]
    platforms: Sequence[str]
    answers: frozenset[str]
    boundaries: str
    on: date | None = None


def day_of(boundaries: str, today: date) -> date | None:
    """Give the day that boundaries are of; None: each fact's own time. Raises Problem for what names no day."""
    if boundaries == AS_RECORDED:
        return None
    if boundaries == CURRENT:
        return today
    try:
        day = date.fromisoformat(boundaries)
    except ValueError:
        day = None
    # Python reads other forms of ISO 8601, too.
    if day is None or day.isoformat() != boundaries:
        raise _refused("unknown_boundaries", "/boundaries", boundaries=boundaries[:50])
    return day


def check(question: Question, picture: Picture) -> None:
    """Raise Problem, with a pointer into the query, for what cannot be answered."""
    if question.first > question.last:
        raise _refused("range_reversed", "/from")
    if (question.last - question.first).days >= MAX_DAYS:
        raise _refused("range_too_long", "/to", limit=MAX_DAYS)
    seen: set[str] = set()
    for n, grouping in enumerate(question.group_by):
        kind = grouping.partition(":")[0]
        if kind in seen:
            raise _refused("grouping_repeated", f"/group_by/{n}", kind=kind)
        seen.add(kind)
        if kind == "unit" and question.on is not None:
            check_level(grouping.partition(":")[2], question.on, picture, f"/group_by/{n}")
    _check_codes("unknown_measure", "/measures", question.measures, picture.measures.keys())
    _check_codes("unknown_platform", "/filters/platform", question.platforms, picture.platforms.keys())


def check_level(level: str, day: date, picture: Picture, pointer: str) -> None:
    """Refuse a level that no unit had on a day: all rows would be unallocated, and look like an answer."""
    if level in picture.units.on(day).levels:
        return
    nearest = picture.units.nearest_with(level, day)
    if nearest is None:
        raise _refused("level_not_on_map", pointer, level=level)
    raise _refused("level_not_on_day", pointer, level=level, day=day.isoformat(), nearest=nearest.isoformat())


def _check_codes(code: str, pointer: str, asked: Sequence[str], known: Set[str]) -> None:
    faults = [Fault(code, f"{pointer}/{n}", {"code": value}) for n, value in enumerate(asked) if value not in known]
    if faults:
        raise Problem(code, faults=faults, **faults[0].params)


def scope_of(question: Question, picture: Picture, subtree: UUID | None) -> frozenset[UUID] | None:
    """Give the units whose facts the question is about; None: all, without a condition.

    `subtree` is the unit whose territory the caller may see, whatever the boundaries. Raises Problem for a unit that is
    unknown, or outside.
    """
    visible = None if subtree is None else picture.units.held_by(subtree)
    if not question.units:
        return visible
    asked: set[UUID] = set()
    for n, reference in enumerate(question.units):
        unit = find_unit(picture, reference, question.on or question.last, f"/filters/unit/{n}")
        if visible is not None and unit.unit_id not in visible:
            raise _refused("outside_subtree", f"/filters/unit/{n}", unit=reference)
        if question.on is None:
            asked |= picture.units.held_by(unit.unit_id)
        else:
            asked |= picture.units.territory(unit, question.on)
    return frozenset(asked) if visible is None else visible & asked


def find_unit(picture: Picture, reference: str, day: date, pointer: str) -> Unit:
    """Give the unit meant by an id, or by a code that holds on a day; raises Problem."""
    try:
        unit = picture.units.get(UUID(reference))
    except ValueError:
        return _find_by_code(picture, reference, day, pointer)
    if unit is None:
        raise _refused("unknown_unit", pointer, unit=reference)
    return unit


def _find_by_code(picture: Picture, code: str, day: date, pointer: str) -> Unit:
    bearers = picture.units.with_code(code)
    valid = [unit for unit in bearers if unit.valid_on(day)]
    if len(valid) == 1:
        return valid[0]
    fault = (
        Fault("unit_code_not_valid_on_day", pointer, {"code": code, "day": day.isoformat()})
        if bearers
        else Fault("unknown_unit_code", pointer, {"code": code})
    )
    raise Problem("unknown_unit", faults=[fault], unit=code)


def _refused(problem: str, pointer: str, /, **params: Any) -> Problem:
    return Problem(problem, faults=[Fault(problem, pointer, params)], **params)
