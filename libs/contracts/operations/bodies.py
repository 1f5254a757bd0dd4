"""The hand-written examples of every operation, read from the files in examples/."""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

__all__ = ["FOLDER", "Example", "Examples", "examples_of"]

FOLDER = Path(__file__).parent / "examples"


class Example(TypedDict):
    """A body, and what it shows in both languages."""

    vi: str
    en: str
    value: Any


class Examples(TypedDict):
    """An operation's examples by name; one without a body has no requests."""

    requests: dict[str, Example]
    responses: dict[str, Example]


@cache
def examples_of(operation_id: str) -> Examples:
    """Give an operation's examples."""
    found = json.loads((FOLDER / f"{operation_id}.json").read_text(encoding="utf-8"))
    return Examples(requests=found.get("requests", {}), responses=found["responses"])
