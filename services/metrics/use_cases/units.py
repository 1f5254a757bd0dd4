"""Units as the registry tells them, made the domain's."""

from collections.abc import Callable
from uuid import UUID

from libs.contracts.registry import UnitV1
from services.metrics.domain.map import Unit

__all__ = ["unit_of"]


def unit_of(told: UnitV1, one: Callable[[UUID], UUID]) -> Unit:
    """Make a unit; `one` gives the one object that stands for an id."""
    return Unit(
        one(told.unit_id),
        told.revision,
        told.code,
        told.level,
        told.name,
        told.valid_from,
        told.valid_to,
        tuple(map(one, told.path)),
        tuple(map(one, told.within)),
        tuple(one(edge.unit_id) for edge in told.successors),
    )
