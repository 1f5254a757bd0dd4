"""The checker says which changes of a schema are incompatible, where, and why."""

from typing import Any

import pytest
from pydantic import BaseModel

from libs.contracts.compatibility import compare, incompatible

Json = dict[str, Any]
BASE: Json = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "kind": {"enum": ["visit", "report"], "type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "maxItems": 50},
        "note": {"anyOf": [{"type": "string", "maxLength": 200}, {"type": "null"}], "default": None},
    },
    "required": ["id", "kind", "lines"],
    "$defs": {
        "Line": {
            "type": "object",
            "properties": {
                "quantity": {"type": "integer", "minimum": 1},
                "code": {"type": "string", "pattern": "^[A-Z]+$"},
                "level": {"type": "integer", "default": 1},
            },
            "required": ["quantity"],
        }
    },
}


def changed(path: str, value: Any) -> Json:
    """Give BASE with something else at a path of keys; None takes it away."""
    result: Json = copy(BASE)
    *steps, last = path.split("/")
    place = result
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return result


def copy(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: copy(value) for name, value in schema.items()}
    return [copy(value) for value in schema] if isinstance(schema, list) else schema


LINE = "$defs/Line/properties"
INCOMPATIBLE: list[tuple[str, Any, str]] = [
    ("properties/note", None, "/note: the field was removed"),
    ("required", ["id", "kind", "lines", "note"], "/note: the field was optional and is required now"),
    ("properties/id/format", "date", "/id: format was uuid and is date"),
    ("properties/id", {"type": "integer"}, "/id: string is no longer allowed"),
    ("properties/kind/enum", ["visit"], "/kind: ['report'] is no longer allowed"),
    ("properties/kind", {"const": "visit"}, "/kind: ['report'] is no longer allowed"),
    ("properties/lines/maxItems", 10, "/lines: maxItems was 50 and is 10"),
    ("properties/lines/minItems", 1, "/lines: minItems was None and is 1"),
    ("properties/note/anyOf", [{"type": "string", "maxLength": 200}], "/note: null is no longer allowed"),
    (
        "properties/note/anyOf",
        [{"type": "string", "maxLength": 9}, {"type": "null"}],
        "/note: maxLength was 200 and is 9",
    ),
    (f"{LINE}/quantity/minimum", 2, "/lines/*/quantity: minimum was 1 and is 2"),
    (f"{LINE}/quantity/maximum", 9, "/lines/*/quantity: maximum was None and is 9"),
    (f"{LINE}/code/pattern", "^[a-z]+$", "/lines/*/code: pattern was ^[A-Z]+$ and is ^[a-z]+$"),
    (f"{LINE}/code/enum", ["A"], "/lines/*/code: only ['A'] is allowed now"),
    (f"{LINE}/level/default", 2, "/lines/*/level: the default was 1 and is 2"),
    ("$defs/Line/additionalProperties", False, "/lines/*: other names were allowed and are restricted now"),
]
SOUND: list[tuple[str, Any, str]] = [
    ("properties/more", {"type": "string"}, "compatible"),
    ("required", ["id", "kind"], "readers_first"),
    ("properties/kind/enum", ["visit", "report", "count"], "readers_first"),
    ("properties/lines/maxItems", 100, "readers_first"),
    ("properties/lines/maxItems", None, "readers_first"),
    ("properties/id/format", None, "readers_first"),
    ("properties/id", {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}, "readers_first"),
    (f"{LINE}/quantity/minimum", 0, "readers_first"),
    (f"{LINE}/quantity/type", "number", "readers_first"),
    (f"{LINE}/code/pattern", None, "readers_first"),
    ("additionalProperties", True, "readers_first"),
]


@pytest.mark.parametrize(("path", "value", "why"), INCOMPATIBLE)
def test_narrowing_is_incompatible_and_says_where(path: str, value: Any, why: str) -> None:
    assert [str(change) for change in incompatible(BASE, changed(path, value))] == [f"{why} [incompatible]"]


@pytest.mark.parametrize(("path", "value", "verdict"), SOUND)
def test_widening_is_sound_and_says_who_goes_first(path: str, value: Any, verdict: str) -> None:
    changes = compare(BASE, changed(path, value))
    assert [change.verdict for change in changes] == [verdict]


def test_a_new_required_field_is_incompatible() -> None:
    new = changed("properties/more", {"type": "string"})
    new["required"] = [*BASE["required"], "more"]
    assert [c.why for c in incompatible(BASE, new)] == ["a new field is required; old messages lack it"]


def test_descriptions_titles_and_the_order_of_fields_do_not_matter() -> None:
    new = changed("properties/id/description", "What it is")
    new["title"] = "Another"
    new["properties"] = dict(reversed(new["properties"].items()))
    assert compare(BASE, new) == []


def test_moving_a_field_behind_a_reference_does_not_matter() -> None:
    new = changed("properties/id", {"$ref": "#/$defs/Id"})
    new["$defs"]["Id"] = {"type": "string", "format": "uuid"}
    assert compare(BASE, new) == []


def test_two_alternatives_of_one_kind_are_matched_by_what_fits_best() -> None:
    short, long = {"type": "string", "maxLength": 5}, {"type": "string", "pattern": "^x"}
    old, new = {"anyOf": [short, long]}, {"anyOf": [long, short]}
    assert compare(old, new) == []


def test_values_of_a_mapping_are_compared() -> None:
    old = {"type": "object", "additionalProperties": {"type": "string"}}
    assert [str(c) for c in incompatible(old, {"type": "object", "additionalProperties": {"type": "integer"}})] == [
        "/*: string is no longer allowed [incompatible]"
    ]


def test_a_recursive_class_ends() -> None:
    class Tree(BaseModel):
        children: "list[Tree]" = []

    schema = Tree.model_json_schema()
    assert compare(schema, schema) == []
