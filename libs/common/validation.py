"""pydantic's findings told as faults with stable codes."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from libs.common.problem import Fault, first_faults
from libs.common.strict_json import pointer

__all__ = ["faults_of"]

_EXPECTED = {
    "int": "integer",
    "string": "string",
    "list": "array",
    "bool": "boolean",
    "model": "object",
    "dict": "object",
    "float": "number",
    "model_attributes": "object",
}

# What our own validators raise, by the text of their ValueError.
_OWN = {"nul_character": "nul_character", "date_out_of_range": "bad_date", "uuid_version": "bad_uuid"}

_Context = Mapping[str, Any]
_Build = Callable[[_Context], tuple[str, dict[str, Any]]]

_BY_TYPE: dict[str, _Build] = {
    "missing": lambda _: ("missing", {}),
    "extra_forbidden": lambda _: ("unknown_field", {}),
    "timezone_aware": lambda _: ("offset_missing", {}),
    "literal_error": lambda c: ("unknown_value", {"expected": c["expected"]}),
    "greater_than_equal": lambda c: ("out_of_range", {"limit": f"≥ {c['ge']}"}),
    "less_than_equal": lambda c: ("out_of_range", {"limit": f"≤ {c['le']}"}),
    "string_too_long": lambda c: ("too_long", {"limit": c["max_length"]}),
    "string_too_short": lambda c: ("too_short", {"limit": c["min_length"]}),
    "too_long": lambda c: ("too_long", {"limit": c["max_length"]}),
    "too_short": lambda c: ("too_short", {"limit": c["min_length"]}),
    "finite_number": lambda _: ("not_a_number", {}),
}


def faults_of(error: ValidationError, prefix: str = "") -> list[Fault]:
    """Give a fault for each of the first findings, at its JSON pointer under `prefix`; values are never repeated."""
    findings = error.errors(include_url=False, include_input=False)
    return first_faults((_fault(dict(finding), prefix) for finding in findings), prefix)


def _fault(finding: Mapping[str, Any], prefix: str) -> Fault:
    kind = str(finding["type"])
    context = finding.get("ctx", {})
    at = prefix + pointer(*finding["loc"])
    if build := _BY_TYPE.get(kind):
        code, params = build(context)
        return Fault(code, at, params)
    if kind == "value_error" and (own := _OWN.get(str(context.get("error", "")))):
        return Fault(own, at)
    if kind.startswith(("datetime", "date", "time")):
        return Fault("bad_date", at)
    if kind.startswith("uuid"):
        return Fault("bad_uuid", at)
    stem, _, suffix = kind.rpartition("_")
    if suffix == "type" and stem in _EXPECTED:
        return Fault("wrong_type", at, {"expected": _EXPECTED[stem]})
    return Fault("malformed_value", at, {"reason": str(finding["msg"])})
