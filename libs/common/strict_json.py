"""JSON from outside, strictly (RFC 8259): no duplicate keys, no NaN, no numbers past a double, no U+0000.

A batch is split into its rows without being parsed twice. A hostile row is named and the others go on; only a body
that no reading can split is refused whole.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import msgspec

from libs.common.problem import Fault, Problem, first_faults

__all__ = ["Split", "check", "pointer", "split"]

_KEY = re.compile(rb'"\s*:')
# A text, to the end of the body where it is not closed: so no quote is looked at twice.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_TEXTS = re.compile(_TEXT, re.DOTALL)
_TEXTS_AND_BRACKETS = re.compile(_TEXT + rb"|[\[\]{}]", re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
MAX_DEPTH = 64  # Of a row or document, whose own braces are the first level.
_CUT_DEPTH = MAX_DEPTH + 8  # More than a row's levels and those of the batch around it.
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
        if not isinstance(generic, dict) or rows is None:
            return None
        del generic["rows"]
        envelope = _encode(generic)
    except (msgspec.DecodeError, msgspec.ValidationError, OverflowError, RecursionError):
        return None
    # The parser keeps the last of two equal keys, so one that went missing shows in the count of what looks like
    # a key; what looks like one within a text is written alike in both.
    if len(_KEY.findall(again)) != len(_KEY.findall(body)):
        return None
    if _is_deep(envelope) or any(_is_deep(bytes(row)) for row in rows):
        return None
    return Split(envelope, [bytes(row) for row in rows])


def _is_deep(text: bytes) -> bool:
    """Say whether JSON, known to be well formed, is nested too deeply."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _TEXTS.sub(b"", text).translate(None, _NO_BRACKETS)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets)) > MAX_DEPTH


class _Bad:
    """Stands in a parsed document for what must not be there."""

    def __init__(self, code: str, key: str = "") -> None:
        self.code = code
        self.key = key


def _parse(body: bytes) -> Any:
    try:
        try:
            return _load(body)
        except RecursionError:
            return _load(_cut(body))
    except (ValueError, RecursionError) as error:
        raise Problem("not_json", reason=str(error)[:200]) from error


def _cut(body: bytes) -> bytes:
    """Empty what is nested past any limit, for the parser's sake: what held it is then still too deep."""
    kept, depth, start = [], 0, 0
    for found in _TEXTS_AND_BRACKETS.finditer(body):
        if found[0] in (b"[", b"{"):
            depth += 1
            if depth == _CUT_DEPTH:
                kept.append(body[start : found.end()])
        elif found[0] in (b"]", b"}"):
            if depth == _CUT_DEPTH:
                start = found.start()
            depth -= 1
    if depth < _CUT_DEPTH:
        kept.append(body[start:])
    return b"".join(kept)


def _load(body: bytes) -> Any:
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

    return json.loads(
        body.decode("utf-8"),
        object_pairs_hook=pairs,
        parse_constant=lambda _: _Bad("not_a_number"),
        parse_float=number,
        parse_int=integer,
    )


def _faults(value: Any, *steps: str | int) -> Iterator[Fault]:
    """Find what is at fault in a value that stands `steps` below its row or document."""
    # A pointer is made only for what is at fault: made for everything, a long key would be copied for each value in it.
    if not isinstance(value, dict | list):
        if code := _code(value):
            key = {"key": value.key} if isinstance(value, _Bad) else {}
            yield Fault(code, pointer(*steps), key)
        return
    if len(steps) >= MAX_DEPTH:
        yield Fault("too_deep", pointer(*steps), {"limit": MAX_DEPTH})
        return
    if isinstance(value, dict):
        yield from (Fault(code, pointer(*steps)) for key in value if (code := _code(key)))
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list) or _code(inner):
            yield from _faults(inner, *steps, step)


def _code(value: Any) -> str | None:
    """Give what is wrong with a single value, if anything is."""
    if isinstance(value, _Bad):
        return value.code
    if not isinstance(value, str):
        return None
    if "\x00" in value:
        return "nul_character"
    return None if _encodes(value) else "lone_surrogate"


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
    faults = first_faults(_faults(document))
    if isinstance(rows, _Bad):
        faults += _faults(rows, "rows")
    elif not isinstance(rows, list):
        faults.append(Fault("missing" if rows is None else "wrong_type", "/rows", {"expected": "array"}))
    if faults:
        raise Problem("malformed", faults=faults)
    assert isinstance(rows, list)
    return Split(_encode(document), [first_faults(_faults(row)) or _encode(row) for row in rows])


def check(body: bytes) -> bytes:
    """Give a single document back, free of anything hostile; raises Problem not_json or malformed."""
    document = _parse(body)
    if faults := first_faults(_faults(document)):
        raise Problem("malformed", faults=faults)
    return _encode(document)


def _encode(value: Any) -> bytes:
    # The standard library's encoder, for it also writes integers past 64 bits.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
