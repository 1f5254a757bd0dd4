"""Events of denominators and targets, and their states read back."""

from libs.contracts.model import Contract
from libs.contracts.network import DecisionV1
from libs.contracts.reference import DenominatorV1, TargetV1
from services.registry.domain.reference import Decision, Denominator, Target
from services.registry.events.record import contract_of

__all__ = ["target_of"]


def target_of(body: bytes) -> Target:
    """Read a target's state back."""
    told = TargetV1.model_validate_json(body)
    decision = told.decision
    return Target(
        record_id=told.target_id,
        indicator=told.indicator,
        unit_id=told.unit_id,
        comparator=told.comparator,
        value=told.value,
        unit_of_count=told.unit_of_count,
        denominator=told.denominator,
        min_age=told.min_age,
        due=told.due,
        decision=Decision(decision.number, decision.signed_on, decision.issuer) if decision else None,
        parent_id=told.parent_id,
    )


@contract_of.register
def _denominator(denominator: Denominator, revision: int) -> Contract:
    return DenominatorV1(
        denominator_id=denominator.record_id,
        revision=revision,
        unit_id=denominator.unit_id,
        base=denominator.base,
        min_age=denominator.min_age,
        max_age=denominator.max_age,
        on=denominator.on,
        value=denominator.value,
        source=denominator.source,
    )


@contract_of.register
def _target(target: Target, revision: int) -> Contract:
    decision = target.decision
    return TargetV1(
        target_id=target.record_id,
        revision=revision,
        indicator=target.indicator,
        unit_id=target.unit_id,
        comparator=target.comparator,
        value=target.value,
        unit_of_count=target.unit_of_count,
        denominator=target.denominator,
        min_age=target.min_age,
        due=target.due,
        decision=DecisionV1(number=decision.number, signed_on=decision.signed_on, issuer=decision.issuer)
        if decision
        else None,
        parent_id=target.parent_id,
    )
