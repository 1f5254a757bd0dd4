"""Figures in the words of their contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from libs.contracts.model import Names
from libs.contracts.network_api import (
    DeclaredRow,
    DenominatorUsed,
    Figure,
    GapsContract,
    IndicatorMeaning,
    NetworkAnswer,
    NetworkContract,
    NetworkQuery,
    NetworkRow,
)
from services.metrics.domain.grouping import Group
from services.metrics.domain.map import LEVELS
from services.metrics.domain.network.figures import MEANINGS, Amount, Divisor
from services.metrics.domain.network.question import Question
from services.metrics.domain.picture import Picture
from services.metrics.use_cases.network.asking import Asking, Moment, unit_ref
from services.metrics.use_cases.query import Reader

__all__ = ["Told", "gaps_contract", "tell"]

WITHHELD = "NET-10"


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer is about, and for whom."""

    question: Question
    asking: Asking
    reader: Reader
    picture: Picture
    moment: Moment


def tell(
    told: Told,
    query: NetworkQuery,
    groups: Sequence[Group],
    figures: Sequence[dict[str, Amount]],
    withheld: Sequence[bool],
) -> NetworkAnswer:
    """Make the answer; the last group is the total."""
    *rows, total = (
        NetworkRow(
            group=dict(zip(told.question.group_by, group.values, strict=True)),
            unit=unit_ref(told.picture, group.unit_id),
            unallocated=group.unallocated,
            figures={code: _figure(amount, hidden=hidden and code == WITHHELD) for code, amount in of_group.items()},
        )
        for group, of_group, hidden in zip(groups, figures, withheld, strict=True)
    )
    return NetworkAnswer(rows=rows, total=total, contract=_contract(told), query=query)


def _figure(amount: Amount, *, hidden: bool) -> Figure:
    if hidden:
        return Figure(value=None, denominator=_denominator(amount.divisor), suppressed=True, reason="small")
    return Figure(
        value=amount.value,
        numerator=amount.numerator,
        denominator=_denominator(amount.divisor),
        details=dict(amount.details),
        reason=amount.reason,
    )


def _denominator(divisor: Divisor | None) -> DenominatorUsed | None:
    if divisor is None:
        return None
    rows = [
        DeclaredRow(
            denominator_id=row.key,
            unit_id=row.unit_id,
            on=row.on,
            value=row.value,
            min_age=row.min_age,
            max_age=row.max_age,
            source=row.source,
        )
        for row in divisor.rows
    ]
    return DenominatorUsed.model_validate(
        {"value": divisor.value, "base": divisor.base, "source": divisor.source, "rows": rows}
    )


def _contract(told: Told) -> NetworkContract:
    question, moment = told.question, told.moment
    meanings = [
        {"code": code, "names": Names(vi=meant.vi, en=meant.en), "unit_of_count": meant.unit_of_count}
        for code in question.indicators
        for meant in [MEANINGS[code]]
    ]
    return NetworkContract.model_validate(
        {
            "indicators": [IndicatorMeaning.model_validate(meaning) for meaning in meanings],
            "on": question.on,
            "from": question.first,
            "to": question.last,
            "types": list(question.types),
            "levels": list(question.levels or LEVELS),
            "boundaries": question.boundaries,
            "units_on": told.asking.day,
            "map_known_from": told.asking.known_from,
            "network_revision": str(moment.revision),
            "network_through": str(moment.through),
            "data_revision": str(moment.facts) if moment.facts is not None else None,
            "map_revision": ".".join(map(str, told.picture.map_revision)),
            "as_of": moment.revision.changed_at,
            "exact": told.reader.exact,
            "smallest_shown": told.reader.smallest_shown,
        }
    )


def gaps_contract(
    asking: Asking, picture: Picture, moment: Moment, *, on: date, boundaries: str, minimum: int
) -> GapsContract:
    """Say what a list is about."""
    return GapsContract(
        on=on,
        boundaries=boundaries,
        units_on=asking.day,
        map_known_from=asking.known_from,
        minimum_members=minimum,
        network_revision=str(moment.revision),
        network_through=str(moment.through),
        map_revision=".".join(map(str, picture.map_revision)),
        as_of=moment.revision.changed_at,
    )
