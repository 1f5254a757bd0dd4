"""No text of a body may name somebody, unless it is one of the few that are there for that."""

from collections.abc import Iterator
from typing import Any

from libs.common.problem import Fault
from libs.common.strict_json import pointer
from libs.common.telephone import tells_identity
from libs.contracts.members_api import PersonInput
from libs.contracts.model import Contract
from libs.contracts.network import ContactV1

__all__ = ["named_in"]

MAY_NAME: dict[type[Contract], frozenset[str]] = {
    PersonInput: frozenset(PersonInput.model_fields),  # Sealed before it is written.
    ContactV1: frozenset({"value"}),  # Public, and looked at by rules of its own.
}


def named_in(told: Contract, prefix: str = "") -> list[Fault]:
    """Give a fault for each text that holds what looks like a person's number."""
    return [Fault("identity_in_text", prefix + pointer(*place)) for place in _places(told, ())]


def _places(told: Any, at: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    match told:
        case str():
            if tells_identity(told):
                yield at
        case Contract():
            may = MAY_NAME.get(type(told), frozenset())
            for name, each in type(told).model_fields.items():
                if name not in may:
                    yield from _places(getattr(told, name), (*at, each.alias or name))
        case list() | tuple():
            for index, each in enumerate(told):
                yield from _places(each, (*at, index))
        case dict():
            for key, each in told.items():
                yield from _places(each, (*at, str(key)))
