"""Checks a dashboard's JSON against Grafana's own schema of 11.6, as its Foundation SDK has it in types.

What is checked: every key is one that the schema has at that place, including the options of each kind of panel and
Prometheus' queries; every value is of the type, or among the words, that the schema names. What is not: no Grafana has
drawn it. What the schema leaves open (transformations' options, overrides' values) is open here too.
"""

import enum
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as schema

__all__ = ["faults_of"]

CHECKED_BY_HAND: Mapping[str, Any] = {"links": schema.DashboardLink, "transformations": schema.DataTransformerConfig}
"""What the SDK leaves as it comes in, though the schema has types for it."""


def faults_of(document: Mapping[str, Any]) -> list[str]:
    """Say where a dashboard is not as the schema has it."""
    plugins.register_default_plugins()
    read = schema.Dashboard.from_json(dict(document))
    again = json.loads(json.dumps(read, cls=JSONEncoder))
    return [*_lost(document, again, "dashboard"), *_mistyped(read, "dashboard")]


def _lost(ours: Any, theirs: Any, at: str) -> Iterator[str]:
    """What does not come back has no place in the schema."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from _lost(value, theirs[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}: there is no such key"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _lost(one, other, f"{at}[{number}]")
    elif ours != theirs:
        yield f"{at}: {ours!r} is read as {theirs!r}"


def _mistyped(value: Any, at: str) -> Iterator[str]:
    """Hold every field of an object of the SDK against what its class declares."""
    hints = typing.get_type_hints(type(value))
    for name, hint in hints.items():
        field = getattr(value, name)
        yield from _fits(field, hint, f"{at}.{name}")


def _fits(value: Any, hint: Any, at: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        tries = [list(_fits(value, one, at)) for one in arguments]
        if all(tries):
            yield from min(tries, key=len)
    elif origin is list:
        yield from _fits_list(value, arguments[0], at)
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{at}: {value!r} is no object"
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{at}: {value!r} is not among {arguments}"
    elif isinstance(hint, type):
        yield from _fits_class(value, hint, at)


def _fits_list(value: Any, hint: Any, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: {value!r} is no list"
        return
    for number, one in enumerate(value):
        yield from _fits(one, hint, f"{at}[{number}]")


def _fits_class(value: Any, hint: type, at: str) -> Iterator[str]:
    by_hand = CHECKED_BY_HAND.get(at.rpartition(".")[2].partition("[")[0])
    if by_hand is not None and isinstance(value, dict):
        made = by_hand.from_json(value)
        yield from _lost(value, json.loads(json.dumps(made, cls=JSONEncoder)), at)
        yield from _mistyped(made, at)
    elif issubclass(hint, enum.Enum):
        if value not in [one.value for one in hint]:
            yield f"{at}: {value!r} is not among {[one.value for one in hint]}"
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{at}: {value!r} is no number"
    elif hint is int and isinstance(value, bool):
        yield f"{at}: {value!r} is no number"
    elif hint is not object and not isinstance(value, hint):
        yield f"{at}: {value!r} is no {hint.__name__}"
    elif hasattr(value, "to_json") and not isinstance(value, enum.Enum):
        yield from _mistyped(value, at)
