"""Rows of an answer, in the words of its contract."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from libs.contracts.metrics_api import ANSWERS, KnownBy, Matched, MeasureContract, Row, UnitRef
from libs.contracts.model import Names
from services.metrics.domain.answer import Numbers
from services.metrics.domain.facts import REFERENCE_KINDS
from services.metrics.domain.grouping import Group
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question

__all__ = ["in_order", "measure_contracts", "row_of", "unit_ref"]


def in_order(groups: Iterable[Group], picture: Picture) -> list[Group]:
    """Sort rows by their values, a unit's by its code; what has no value comes last."""

    def key(group: Group) -> tuple[Any, ...]:
        unit = picture.units.get(group.unit_id) if group.unit_id is not None else None
        code = (unit.code or "~", unit.name) if unit is not None else ("~", "~")
        by_value = (
            (value is None, *(code if value == str(group.unit_id) else ()), value or "") for value in group.values
        )
        return (group.unallocated, *by_value)

    return sorted(groups, key=key)


def row_of(group: Group, numbers: Numbers, hidden: frozenset[str], question: Question, picture: Picture) -> Row:
    """Make a row: what was asked for, except what means nothing here and what is withheld."""
    values: dict[str, Any] = {
        "luot": numbers.luot,
        "nguoi": numbers.nguoi,
        "ho": numbers.ho,
        "unknown": numbers.unknown,
        "known_by": KnownBy(**dict(zip(REFERENCE_KINDS, numbers.known_by, strict=True))),
        "matched": Matched(team_people=numbers.matched[0], partner_people=numbers.matched[1])
        if numbers.matched
        else None,
    }
    asked: list[str] = [name for name in ANSWERS if name in question.answers]
    reasons = {name: numbers.reasons[name] for name in asked if name in numbers.reasons}
    suppressed = [name for name in asked if name in hidden and name not in reasons]
    return Row(
        group=_values_of(group, question.group_by, picture),
        unit=unit_ref(group.unit_id, picture),
        unallocated=group.unallocated,
        suppressed=suppressed,
        reasons=reasons,
        **{name: values[name] for name in asked if name not in reasons and name not in suppressed},
    )


def _values_of(group: Group, group_by: Sequence[str], picture: Picture) -> dict[str, str | None]:
    """Give the group's values; a reporter's name stands beside its id."""
    values: dict[str, str | None] = dict(zip(group_by, group.values, strict=False))
    if reporter := values.get("reporter"):
        named = picture.reporters.get(UUID(reporter))
        values["reporter_name"] = named.name if named else None
    return values


def unit_ref(unit_id: UUID | None, picture: Picture) -> UnitRef | None:
    """Name a unit, if it is known."""
    unit = picture.units.get(unit_id) if unit_id is not None else None
    return UnitRef(id=unit.unit_id, code=unit.code, name=unit.name, level=unit.level) if unit else None


def measure_contracts(codes: Iterable[str], picture: Picture) -> list[MeasureContract]:
    """Say what the measures asked for mean."""
    known = [picture.measures[code] for code in codes]
    return [
        MeasureContract(
            code=measure.code,
            version=measure.version,
            names=Names(vi=measure.vi, en=measure.en),
            unit_of_count=measure.unit_of_count,
        )
        for measure in known
    ]
