"""JSON from outside, strictly (RFC 8259): no duplicate keys, no NaN, no numbers past a double, no U+0000.

A batch is split into its rows without being parsed twice. A hostile row is named and the others go on; only a body
that no reading can split is refused whole.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from libs.common.problem import Fault, Problem

__all__ = ["Split", "check", "pointer", "split"]

_KEY = re.compile(rb'"\s*:')
MAX_DIGITS = 1000  # Of an integer; Python refuses to read more than 4,300.
_ESCAPED = b"\\u"  # An escape could hide a quote or U+0000 from the count below.


@dataclass(frozen=True)
class Split:
    """A batch: its members other than the rows, and each row as bytes or as the faults that stop it."""

    envelope: bytes
    rows: list[bytes | list[Fault]]


class _Body(msgspec.Struct):
    rows: list[msgspec.Raw] | None = None


def pointer(*steps: str | int) -> str:
    """Give a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def split(body: bytes) -> Split:
    """Split a batch `{"rows": […], …}`.

    Raises Problem not_json, or malformed with a pointer where the envelope itself is at fault.
    """
    quick = _split_quickly(body)
    return quick if quick is not None else _split_carefully(body)


def _split_quickly(body: bytes) -> Split | None:
    """Split a body that is surely free of anything hostile; None sends it to the careful reading."""
    if _ESCAPED in body or b"\x00" in body:
        return None
    try:
        generic = msgspec.json.decode(body)
        again = msgspec.json.encode(generic)
        rows = msgspec.json.decode(body, type=_Body).rows
    except (msgspec.DecodeError, msgspec.ValidationError, OverflowError, RecursionError):
        return None
    if not isinstance(generic, dict) or rows is None:
        return None
    # The parser keeps the last of two equal keys, so one that went missing shows in the count of what looks like
    # a key; what looks like one within a text is written alike in both.
    if len(_KEY.findall(again)) != len(_KEY.findall(body)):
        return None
    generic.pop("rows")
    return Split(_encode(generic), [bytes(row) for row in rows])


class _Bad:
    """Stands in a parsed document for what must not be there."""

    def __init__(self, code: str, key: str = "") -> None:
        self.code = code
        self.key = key


def _parse(body: bytes) -> Any:
    def pairs(members: list[tuple[str, Any]]) -> Any:
        found: dict[str, Any] = {}
        for key, value in members:
            found[key] = _Bad("duplicate_key", key) if key in found else value
        return found

    def number(text: str) -> Any:
        value = float(text)
        return value if math.isfinite(value) else _Bad("number_out_of_range")

    def integer(text: str) -> Any:
        return int(text) if len(text) <= MAX_DIGITS else _Bad("number_out_of_range")

    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=pairs,
            parse_constant=lambda _: _Bad("not_a_number"),
            parse_float=number,
            parse_int=integer,
        )
    except (ValueError, RecursionError) as error:
        raise Problem("not_json", reason=str(error)[:200]) from error


def _faults(value: Any, at: str) -> list[Fault]:
    if isinstance(value, _Bad):
        return [Fault(value.code, at, {"key": value.key})]
    if isinstance(value, str):
        if "\x00" in value:
            return [Fault("nul_character", at)]
        return [] if _encodes(value) else [Fault("lone_surrogate", at)]
    if isinstance(value, Mapping):
        named = [f for key in value for f in _faults(key, at)]
        return named + [f for key, v in value.items() for f in _faults(v, at + pointer(key))]
    if isinstance(value, list):
        return [f for n, v in enumerate(value) for f in _faults(v, at + pointer(n))]
    return []


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split_carefully(body: bytes) -> Split:
    document = _parse(body)
    if not isinstance(document, dict):
        raise Problem("malformed", faults=[Fault("wrong_type", "", {"expected": "object"})])
    rows = document.pop("rows", None)
    faults = _faults(document, "")
    if isinstance(rows, _Bad):
        faults += _faults(rows, "/rows")
    elif not isinstance(rows, list):
        faults.append(Fault("missing" if rows is None else "wrong_type", "/rows", {"expected": "array"}))
    if faults:
        raise Problem("malformed", faults=faults)
    assert isinstance(rows, list)
    return Split(_encode(document), [_faults(row, "") or _encode(row) for row in rows])


def check(body: bytes) -> bytes:
    """Give a single document back, free of anything hostile; raises Problem not_json or malformed."""
    document = _parse(body)
    if faults := _faults(document, ""):
        raise Problem("malformed", faults=faults)
    return _encode(document)


def _encode(value: Any) -> bytes:
    # The standard library's encoder, for it also writes integers past 64 bits.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
