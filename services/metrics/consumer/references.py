"""Indicators, denominators and targets, as the registry tells them."""

from decimal import Decimal

from libs.common.log import Position
from libs.common.replica import Apply
from libs.contracts.reference import DenominatorV1, IndicatorV1, TargetV1
from libs.contracts.topics import type_of
from services.metrics.domain.references import Denominator, Indicator, References, Target
from services.metrics.domain.statements import Wording

__all__ = ["reference_handlers"]


def reference_handlers(references: References) -> dict[str, Apply]:
    """Give what to do with each type of event; pydantic's ValidationError is a ValueError."""

    def indicator(body: bytes, _: Position) -> None:
        references.take_indicator(_indicator(IndicatorV1.model_validate_json(body, extra="ignore")))

    def denominator(body: bytes, _: Position) -> None:
        references.take_denominator(_denominator(DenominatorV1.model_validate_json(body, extra="ignore")))

    def target(body: bytes, _: Position) -> None:
        references.take_target(_target(TargetV1.model_validate_json(body, extra="ignore")))

    return {type_of(IndicatorV1): indicator, type_of(DenominatorV1): denominator, type_of(TargetV1): target}


def _indicator(told: IndicatorV1) -> Indicator:
    return Indicator(
        told.code,
        told.revision,
        told.version,
        Wording(told.names.vi, told.names.en),
        told.unit_of_count,
        told.denominator,
        tuple(told.other_denominators),
        tuple(told.measures),
        told.comparability_notes,
        told.valid_to,
    )


def _denominator(told: DenominatorV1) -> Denominator:
    return Denominator(
        told.denominator_id,
        told.revision,
        told.unit_id,
        told.base,
        told.min_age,
        told.max_age,
        told.on,
        told.value,
        told.source,
    )


def _target(told: TargetV1) -> Target:
    return Target(
        told.target_id,
        told.revision,
        told.indicator,
        told.unit_id,
        told.comparator,
        Decimal(told.value),
        told.unit_of_count,
        told.denominator,
        told.min_age,
        told.due,
        told.decision.number if told.decision else None,
        told.parent_id,
    )
