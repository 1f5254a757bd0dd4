"""JSON from outside, strictly (RFC 8259): no duplicate keys, no NaN, no numbers past a double, no U+0000.

A batch is split into its rows without being parsed twice, and each row is looked at by itself. A hostile row is named
and the others go on; only a body that no reading can split is refused whole.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from libs.common.problem import Fault, Problem, first_faults

__all__ = ["Split", "check", "check_row", "pointer", "says_the_same", "split"]

# A text, to the end of the body where it is not closed: so no quote is looked at twice.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_TEXTS_AND_BRACKETS = re.compile(_TEXT + rb"|[\[\]{}]", re.DOTALL)
MAX_DEPTH = 64  # Of a row or document, whose own braces are the first level.
_CUT_DEPTH = MAX_DEPTH + 8  # More than a row's levels and those of the batch around it.
MAX_DIGITS = 1000  # Of an integer; Python refuses to read more than 4,300.
_ESCAPED = b"\\u"  # An escape could hide a quote, U+0000 or a lone surrogate.


@dataclass(frozen=True)
class Split:
    """A batch: its members other than the rows, and each row as bytes still to be checked, or as its faults."""

    envelope: bytes
    rows: list[bytes | list[Fault]]


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


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
    """Cut the rows out of a body without looking into them; None sends it to the careful reading."""
    try:
        members = {key: bytes(value) for key, value in _MEMBERS.decode(body).items()}
        array = members.pop("rows")
        rows = _ARRAY.decode(array)
        if not all(map(str.isidentifier, members)):
            return None
        envelope = _load(b"{" + b",".join(b'"%b":%b' % (key.encode(), members[key]) for key in members) + b"}")
    except (KeyError, ValueError, RecursionError):
        return None
    # The parser keeps the last of two equal keys, so the quotes of the first are missing then.
    kept = 2 + array.count(b'"') + sum(2 + value.count(b'"') for value in members.values())
    if kept != body.count(b'"') or next(_faults(envelope), None) is not None:
        return None
    return Split(_encode(envelope), [bytes(row) for row in rows])


def says_the_same(text: bytes, again: bytes) -> bool:
    """Say whether JSON that was read with every member kept, and written again as `again`, hid nothing from the reader.

    A parser keeps the last of two equal keys, so the quotes of the first are missing then; a quote within a text is
    written alike in both. Text with an escape by number is never vouched for.
    """
    if b"\\" in text and _ESCAPED in text:
        return False
    return text == again or text.count(b'"') == again.count(b'"')


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


def check_row(row: bytes) -> bytes | list[Fault]:
    """Give a row back, free of anything hostile, or the faults that stop it; raises Problem not_json."""
    document = _parse(row)
    return first_faults(_faults(document)) or _encode(document)


def check(body: bytes) -> bytes:
    """Give a single document back, free of anything hostile; raises Problem not_json or malformed."""
    document = _parse(body)
    if faults := first_faults(_faults(document)):
        raise Problem("malformed", faults=faults)
    return _encode(document)


def _encode(value: Any) -> bytes:
    # The standard library's encoder, for it also writes integers past 64 bits.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
