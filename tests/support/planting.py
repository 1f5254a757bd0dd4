"""Identities that are found again wherever they were written down, each knowing where it was put in."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

__all__ = ["Garden", "without_separators"]

PHONE_SPELLINGS = ("0{0}", "+84{0}", "84{0}", "0{1} {2} {3}", "+84 {1}-{2}-{3}", "(0{1}) {2}.{3}", "0084{0}")
_LETTERS = str.maketrans("0123456789", "abcdefghij")  # A name has no digits.
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[ .\-()]{1,2}(?=[0-9])")
# Not within a longer number, nor within a random id.
_NATIONAL_ID = re.compile(r"(?<![0-9a-f])0870851[0-9]{5}(?![0-9a-f])")
_PHONE = re.compile(r"(?<![0-9a-f])(?:00|\+)?(?:84|0)?(9129[0-9]{5})(?![0-9a-f])")
_NAME = re.compile(r"bimat[a-j]{5}")
_AS_BYTES = re.compile(r"30383730383531(?:3[0-9]){5}|39313239(?:3[0-9]){5}|62696d6174(?:6[1-9a]){5}")


def without_separators(text: str) -> str:
    """Give a text in plain small letters, its numbers written together."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return _BETWEEN_DIGITS.sub("", "".join(c for c in plain if not unicodedata.combining(c)))


@dataclass
class Garden:
    """Makes identities, each only once, and finds them again."""

    planted: dict[str, str] = field(default_factory=dict)
    _turn: int = 0

    def national_id(self, where: str) -> str:
        """Give a number of twelve digits."""
        return self._plant(f"0870851{self._next():05}", where)

    def phone(self, where: str, spelling: int | None = None) -> str:
        """Give a mobile number, each time spelt in another way."""
        digits = self._plant(f"9129{self._next():05}", where)
        form = PHONE_SPELLINGS[self._turn % len(PHONE_SPELLINGS) if spelling is None else spelling]
        return form.format(digits, digits[:3], digits[3:6], digits[6:])

    def name(self, where: str) -> str:
        """Give a name of a person."""
        letters = f"{self._next():05}".translate(_LETTERS)
        self._plant(f"bimat{letters}", where)
        return f"Trần Thị Bímật{letters}"

    def any(self, where: str) -> str:
        """Give one of the three, or all of them in a sentence."""
        match self._turn % 4:
            case 0:
                return self.national_id(where)
            case 1:
                return self.phone(where)
            case 2:
                return self.name(where)
        return f"{self.name(where)}, {self.phone(where)}, CCCD {self.national_id(where)}"

    def found_in(self, text: str) -> dict[str, str]:
        """Give those that stand in a text, in whatever spelling, each with where it had been put in."""
        found: dict[str, str] = {}
        plain = without_separators(text)
        patterns = ((_NATIONAL_ID, 0), (_PHONE, 1), (_NAME, 0))
        for key in [match[group] for pattern, group in patterns for match in pattern.finditer(plain)]:
            if key in self.planted:
                found[key] = self.planted[key]
        for written in _AS_BYTES.findall(plain):
            if (key := bytes.fromhex(written).decode()) in self.planted:
                found[key] = f"{self.planted[key]} (as bytes)"
        return found

    def body(self, schema: dict[str, Any], where: str, *, only_free: bool) -> Any:
        """Make a body of a JSON Schema, an identity in every text; with `only_free` where any text is allowed."""
        return _Body(self, schema.get("$defs", {}), only_free=only_free).of(schema, where)

    def _plant(self, key: str, where: str) -> str:
        self.planted[key] = where
        return key

    def _next(self) -> int:
        self._turn += 1
        return self._turn


def _sample(text_format: str) -> str | None:
    """Give a text of one of the formats that a text may be asked to have."""
    match text_format:
        case "uuid":
            return str(uuid4())
        case "date":
            return "2025-05-10"
        case "date-time":
            return "2025-05-10T08:30:00+07:00"
    return None


@dataclass
class _Body:
    garden: Garden
    definitions: dict[str, Any]
    only_free: bool

    def of(self, schema: dict[str, Any], where: str) -> Any:
        if "$ref" in schema:
            return self.of(self.definitions[schema["$ref"].rsplit("/", 1)[1]], where)
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self.of(schema[choice][0], where)
        if self.only_free and ("const" in schema or "enum" in schema):
            return schema.get("const", schema.get("enum", [None])[0])
        match schema.get("type"):
            case "object":
                return dict(self._fields(schema, where))
            case "array":
                return [self.of(schema.get("items", {}), f"{where}/0")]
            case "integer" | "number":
                return 1
            case "boolean":
                return False
        sample = _sample(schema.get("format", "")) if self.only_free else None
        return sample if sample is not None else self.garden.any(where)

    def _fields(self, schema: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
        for name, field_schema in schema.get("properties", {}).items():
            yield name, self.of(field_schema, f"{where}/{name}")
        if not self.only_free:
            # A key of nobody's, and a text in its place.
            yield self.garden.any(f"{where} key"), self.garden.any(f"{where} of an unknown key")
