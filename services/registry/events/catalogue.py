"""Events of the catalogue: measures, platforms, topics, indicators; and states read back."""

from libs.contracts.model import Contract, Names
from libs.contracts.reference import IndicatorV1
from libs.contracts.registry import MeasureV1, PlatformV1, TopicV1
from services.registry.domain import indicators
from services.registry.domain.catalogue import Measure, Platform, Topic
from services.registry.domain.ids import record_id
from services.registry.domain.indicators import Indicator
from services.registry.events.record import contract_of

__all__ = ["indicator_of", "measure_of"]


def measure_of(body: bytes) -> Measure:
    """Read a measure's state back."""
    told = MeasureV1.model_validate_json(body)
    return Measure(
        record_id=record_id("measure", told.code),
        code=told.code,
        version=told.version,
        names=_names_of(told.names),
        unit_of_count=told.unit_of_count,
        topic=told.topic,
        stages=tuple(told.stages),
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        aliases=tuple(told.aliases),
        framework_refs=tuple(told.framework_refs),
    )


def indicator_of(body: bytes) -> Indicator:
    """Read an indicator's state back."""
    told = IndicatorV1.model_validate_json(body)
    return Indicator(
        record_id=record_id("indicator", told.code),
        code=told.code,
        version=told.version,
        names=_names_of(told.names),
        kind=told.kind,
        unit_of_count=told.unit_of_count,
        other_units=tuple(told.other_units),
        denominator=told.denominator,
        other_denominators=tuple(told.other_denominators),
        per=told.per,
        aggregation=told.aggregation,
        observation_kind=told.observation_kind,
        measures=tuple(told.measures),
        framework_refs=tuple(told.framework_refs),
        comparability_notes=told.comparability_notes,
        valid_from=told.valid_from,
        valid_to=told.valid_to,
    )


def _names_of(names: Names) -> indicators.Names:
    return indicators.Names(names.vi, names.en)


def _names(names: indicators.Names) -> Names:
    return Names(vi=names.vi, en=names.en)


@contract_of.register
def _measure(measure: Measure, revision: int) -> Contract:
    return MeasureV1(
        code=measure.code,
        revision=revision,
        version=measure.version,
        names=_names(measure.names),
        unit_of_count=measure.unit_of_count,
        topic=measure.topic,
        stages=list(measure.stages),
        valid_from=measure.valid_from,
        valid_to=measure.valid_to,
        aliases=list(measure.aliases),
        framework_refs=list(measure.framework_refs),
    )


@contract_of.register
def _platform(platform: Platform, revision: int) -> Contract:
    return PlatformV1(
        code=platform.code,
        revision=revision,
        names=_names(platform.names),
        kind=platform.kind,
        aliases=list(platform.aliases),
        valid_from=platform.valid_from,
        valid_to=platform.valid_to,
        framework_refs=list(platform.framework_refs),
    )


@contract_of.register
def _topic(topic: Topic, revision: int) -> Contract:
    return TopicV1(
        code=topic.code,
        revision=revision,
        names=_names(topic.names),
        aliases=list(topic.aliases),
        framework_refs=list(topic.framework_refs),
        valid_from=topic.valid_from,
        valid_to=topic.valid_to,
    )


@contract_of.register
def _indicator(indicator: Indicator, revision: int) -> Contract:
    return IndicatorV1(
        code=indicator.code,
        revision=revision,
        version=indicator.version,
        names=_names(indicator.names),
        kind=indicator.kind,
        unit_of_count=indicator.unit_of_count,
        denominator=indicator.denominator,
        other_units=list(indicator.other_units),
        other_denominators=list(indicator.other_denominators),
        per=indicator.per,
        aggregation=indicator.aggregation,
        observation_kind=indicator.observation_kind,
        measures=list(indicator.measures),
        framework_refs=list(indicator.framework_refs),
        comparability_notes=indicator.comparability_notes,
        valid_from=indicator.valid_from,
        valid_to=indicator.valid_to,
    )
