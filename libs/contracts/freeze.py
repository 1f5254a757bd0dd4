"""Writes the frozen contracts into the tree: `python -m libs.contracts.freeze`.

A frozen event schema is replaced only by a compatible one; anything else is a new type `.v2` beside the old.
"""

import json
import sys
from pathlib import Path
from typing import Any

from libs.contracts import openapi
from libs.contracts.compatibility import incompatible
from libs.contracts.model import Contract
from libs.contracts.topics import EVENT_TYPES

__all__ = ["SCHEMAS", "freeze", "schema_of"]

SCHEMAS = Path(__file__).parent / "schemas"


def schema_of(event_type: str, contract: type[Contract]) -> dict[str, Any]:
    """Give the JSON Schema of an event's value."""
    schema = contract.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{event_type}", **schema}


def freeze() -> list[str]:
    """Write every schema and the OpenAPI document; gives why some were refused, and writes none of those."""
    refusals = []
    for event_type, contract in EVENT_TYPES.items():
        path, schema = SCHEMAS / f"{event_type}.json", schema_of(event_type, contract)
        changes = incompatible(json.loads(path.read_text(encoding="utf-8")), schema) if path.exists() else []
        refusals += [f"{event_type} {change}" for change in changes]
        if not changes:
            path.write_text(openapi.text(schema), encoding="utf-8")
    openapi.FROZEN.write_text(openapi.text(openapi.document()), encoding="utf-8")
    return refusals


def main() -> int:
    """Freeze, and say what was refused; gives the exit code."""
    refusals = freeze()
    for refusal in refusals:
        sys.stderr.write(f"{refusal}\n")
    if refusals:
        sys.stderr.write("Not frozen: an incompatible change is a new type (.v2), produced beside the old one.\n")
    return 1 if refusals else 0


if __name__ == "__main__":
    sys.exit(main())
