"""Says why a change of a JSON Schema is incompatible: old messages must stay readable, readers find what they read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Change", "compare", "incompatible"]

Json = Mapping[str, Any]
Verdict = Literal["compatible", "readers_first", "incompatible"]
"""`readers_first`: sound once every reader has the new class, so readers are deployed before the owner."""

UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
EXACT = ("pattern", "format", "multipleOf", "uniqueItems")
_ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One difference: where (path of field names), what it means, and why."""

    at: str
    verdict: Verdict
    why: str

    def __str__(self) -> str:
        return f"{self.at or '(whole)'}: {self.why} [{self.verdict}]"


def compare(old: Json, new: Json) -> list[Change]:
    """Give every difference between two schemas of a message that matters to who writes or reads it."""
    return list(_Comparison(old, new).of(old, new, ""))


def incompatible(old: Json, new: Json) -> list[Change]:
    """Give the differences that need a new event type."""
    return [change for change in compare(old, new) if change.verdict == "incompatible"]


def _alternatives(schema: Json, root: Json) -> list[Json]:
    """Give what a schema allows, one entry for each kind of value, references followed."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return [found for option in schema["anyOf"] for found in _alternatives(option, root)]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": kind} for kind in kinds]
    return [schema]


def _resolved(schema: Json, root: Json) -> Json:
    while "$ref" in schema:
        target: Any = root
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def _values(schema: Json) -> list[Any] | None:
    """Give the values an enum or const allows; None: any."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return None if values is None else list(values)


def _kind(schema: Json) -> str:
    kind = schema.get("type")
    if kind is None and (values := _values(schema)):
        kind = {bool: "boolean", int: "integer", float: "number", str: "string"}.get(type(values[0]))
    return str(kind or "anything")


class _Comparison:
    """Walks two documents side by side; each pair of references is compared once."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str]] = set()

    def of(self, old: Json, new: Json, at: str) -> Iterator[Change]:
        """Compare what stands at one place."""
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        taken: set[int] = set()
        for option in before:
            best = self._closest(option, after, at)
            if best is None:
                yield Change(at, "incompatible", f"{_kind(option)} is no longer allowed")
                continue
            taken.add(best)
            yield from self._option(option, after[best], at)
        for n, option in enumerate(after):
            if n not in taken:
                yield Change(at, "readers_first", f"{_kind(option)} is allowed now")

    def _closest(self, option: Json, after: list[Json], at: str) -> int | None:
        """Choose among the new alternatives the one of this kind that breaks least."""
        same = [n for n, other in enumerate(after) if _kind(other) in (_kind(option), "anything")]
        if _kind(option) == "integer":
            same += [n for n, other in enumerate(after) if _kind(other) == "number"]
        if len(same) < 2:
            return same[0] if same else None
        return min(same, key=lambda n: sum(1 for _ in _Comparison(self._old, self._new)._option(option, after[n], at)))

    def _option(self, old: Json, new: Json, at: str) -> Iterator[Change]:
        if _kind(old) != _kind(new):
            yield Change(at, "readers_first", f"{_kind(old)} became {_kind(new)}")
        yield from _values_changed(old, new, at)
        yield from _bounds_changed(old, new, at)
        yield from self._fields(old, new, at)
        yield from self._items(old, new, at)
        yield from self._others(old, new, at)

    def _fields(self, old: Json, new: Json, at: str) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            place = f"{at}/{name}"
            if name not in after:
                yield Change(place, "incompatible", "the field was removed")
                continue
            if name in needed_after - needed_before:
                yield Change(place, "incompatible", "the field was optional and is required now")
            if name in needed_before - needed_after:
                yield Change(place, "readers_first", "the field was required and is optional now")
            yield from _default_changed(before[name], after[name], place)
            yield from self.of(before[name], after[name], place)
        for name in after.keys() - before.keys():
            if name in needed_after:
                yield Change(f"{at}/{name}", "incompatible", "a new field is required; old messages lack it")
            else:
                yield Change(f"{at}/{name}", "compatible", "a new optional field")

    def _items(self, old: Json, new: Json, at: str) -> Iterator[Change]:
        before, after = old.get("items"), new.get("items")
        if before is not None and after is not None:
            yield from self.of(before, after, f"{at}/*")
        elif after is not None:
            yield Change(f"{at}/*", "incompatible", "entries were of any kind and are restricted now")
        elif before is not None:
            yield Change(f"{at}/*", "readers_first", "entries may be of any kind now")

    def _others(self, old: Json, new: Json, at: str) -> Iterator[Change]:
        """Compare what is allowed of names that are not declared."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self.of(before, after, f"{at}/*")
        elif before is not False and after is not True and before != after:
            yield Change(at, "incompatible", "other names were allowed and are restricted now")
        elif before != after:
            yield Change(at, "readers_first", "other names are allowed now")


def _values_changed(old: Json, new: Json, at: str) -> Iterator[Change]:
    before, after = _values(old), _values(new)
    if after is None:
        if before is not None:
            yield Change(at, "readers_first", "any value is allowed now")
        return
    if before is None:
        yield Change(at, "incompatible", f"only {after} is allowed now")
        return
    if gone := [value for value in before if value not in after]:
        yield Change(at, "incompatible", f"{gone} is no longer allowed")
    if more := [value for value in after if value not in before]:
        yield Change(at, "readers_first", f"{more} is allowed now")


def _bounds_changed(old: Json, new: Json, at: str) -> Iterator[Change]:
    for name in (*UPPER, *LOWER):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        narrower = after is not None and (before is None or (after < before if name in UPPER else after > before))
        verdict: Verdict = "incompatible" if narrower else "readers_first"
        yield Change(at, verdict, f"{name} was {before} and is {after}")
    for name in EXACT:
        before, after = old.get(name), new.get(name)
        if before != after:
            verdict = "readers_first" if after is None else "incompatible"
            yield Change(at, verdict, f"{name} was {before} and is {after}")


def _default_changed(old: Json, new: Json, at: str) -> Iterator[Change]:
    """A message without the field means its default, so another default gives old messages another meaning."""
    before, after = old.get("default", _ABSENT), new.get("default", _ABSENT)
    if before is not _ABSENT and after is not _ABSENT and before != after:
        yield Change(at, "incompatible", f"the default was {before!r} and is {after!r}")
