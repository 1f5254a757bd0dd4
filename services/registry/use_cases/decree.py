"""A decree as it was sent, made into the operations of the domain and back."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from libs.common.problem import Catalogue, Fault
from libs.contracts.problems import entries
from libs.contracts.reforms_api import NewUnitInput, OperationInput, PlaceInput
from services.registry.domain.reform.operations import (
    AbolishLevel,
    ChangeType,
    Create,
    Merge,
    NewUnit,
    Operation,
    Part,
    Place,
    Reform,
    Rename,
    Source,
    Split,
    Transfer,
)

__all__ = ["as_reform", "described", "operations_json", "read_operations"]

_OPERATIONS = TypeAdapter(list[OperationInput])


def operations_json(operations: Sequence[OperationInput]) -> bytes:
    """Write operations as they are kept: what was left out stays out."""
    return _OPERATIONS.dump_json(list(operations), exclude_defaults=True)


def read_operations(kept: bytes) -> list[OperationInput]:
    """Read operations back."""
    return _OPERATIONS.validate_json(kept)


@cache
def _catalogue() -> Catalogue:
    return Catalogue.of(entries())


def described(faults: Sequence[Fault]) -> list[dict[str, str]]:
    """Give faults as they are shown: code, pointer, a sentence in both languages."""
    return [_catalogue().describe(fault) for fault in faults]


def as_reform(
    reform_id: UUID, decree: str, effective: date, operations: Sequence[OperationInput]
) -> tuple[Reform, list[Fault]]:
    """Make the reform, and the faults of its form."""
    made: list[tuple[str, Operation]] = []
    faults: list[Fault] = []
    for number, told in enumerate(operations):
        pointer = f"/operations/{number}"
        kinds = [kind for kind in type(told).model_fields if getattr(told, kind) is not None]
        if len(kinds) != 1:
            faults.append(Fault("one_operation", pointer))
            continue
        at = f"{pointer}/{kinds[0]}"
        faults += _bad_places(told, at)
        made.append((at, _operation(kinds[0], getattr(told, kinds[0]))))
    return Reform(reform_id, decree, effective, tuple(made)), faults


def _bad_places(told: OperationInput, at: str) -> list[Fault]:
    places: list[tuple[PlaceInput, str]] = []
    if told.merge is not None:
        places = [(told.merge.target, f"{at}/target")]
    if told.split is not None:
        places = [(target, f"{at}/targets/{number}") for number, target in enumerate(told.split.targets)]
    return [Fault("one_place", pointer) for place, pointer in places if (place.unit is None) == (place.new is None)]


def _operation(kind: str, told: Any) -> Operation:
    match kind:
        case "create":
            return Create(_new(told))
        case "merge":
            sources = tuple(Source(each.unit, each.share, tuple(each.units)) for each in told.sources)
            return Merge(sources, _place(told.target))
        case "split":
            return Split(told.source, tuple(Part(_place(each), tuple(each.units)) for each in told.targets))
        case "transfer":
            return Transfer(told.unit, told.new_parent)
        case "rename":
            return Rename(told.unit, told.name, told.short_name, told.code)
        case "change_type":
            return ChangeType(told.unit, told.type)
    return AbolishLevel(told.level, told.within)


def _place(told: PlaceInput) -> Place:
    return Place(told.unit, _new(told.new) if told.new is not None else None)


def _new(told: NewUnitInput) -> NewUnit:
    return NewUnit(told.key, told.level, told.type, told.name, told.short_name, told.code, told.parent)
