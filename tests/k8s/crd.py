"""The operators' own schemas, strictly: what a schema does not know is a mistake."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

from tests.k8s.model import Object

__all__ = ["KUBERNETES", "UnknownKind", "check", "strict"]

SCHEMAS = Path(__file__).with_name("schemas")
KUBERNETES = "1.36"
METADATA = {"type": "object", "required": ["name"]}


class UnknownKind(LookupError):
    """No schema is kept for an object's kind and version."""


def strict(schema: Any) -> Any:
    """Make a structural schema of a definition one of JSON Schema that refuses fields it does not name."""
    if not isinstance(schema, dict):
        return schema
    made = {name: value for name, value in schema.items() if not name.startswith("x-kubernetes-")}
    made.pop("format", None)
    if "properties" in made:
        made["properties"] = {name: strict(value) for name, value in made["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties", "not"):
        if name in made:
            made[name] = strict(made[name])
    for name in ("allOf", "anyOf", "oneOf"):
        # These only add conditions to what is declared beside them, so they are not closed themselves.
        if name in made:
            made[name] = [{key: value for key, value in each.items()} for each in made[name]]
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


@cache
def _validators() -> dict[tuple[str, str], jsonschema.Draft202012Validator]:
    found = {}
    for file in SCHEMAS.glob("*.json"):
        kept = json.loads(file.read_text())
        schema = strict(kept["schema"])
        schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": METADATA}
        place = f"{kept['group']}/{kept['version']}", kept["kind"]
        found[place] = jsonschema.Draft202012Validator(schema)
    return found


def check(item: Object) -> None:
    """Raise ValidationError where an object is not as its definition says, UnknownKind where there is none."""
    place = item["apiVersion"], item["kind"]
    if place in _validators():
        _validators()[place].validate(item)
        return
    try:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        raise UnknownKind(f"{place}") from error
