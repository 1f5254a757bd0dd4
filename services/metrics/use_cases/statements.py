"""Statements loaded from files, kept in memory by their revision, chosen and sorted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from libs.common.db import Connection
from services.metrics.domain.map import Unit, UnitMap
from services.metrics.domain.standing import units_said
from services.metrics.domain.statement_files import read_statements, read_words
from services.metrics.domain.statements import Said, Statement
from services.metrics.store import statements as store

__all__ = ["SORTS", "Loaded", "Shelf", "Wanted", "choose", "load_statements", "named", "place_of", "related"]

SORTS = ("id", "-id", "value", "-value", "day", "-day")
"""What statements are sorted by; with a minus from the highest."""

Place = tuple[Any, str]


@dataclass(frozen=True)
class Loaded:
    """What became of a file's rows."""

    read: int
    new: int
    changed: int


async def load_statements(connection: Connection, words: tuple[str, bytes], file: tuple[str, bytes]) -> Loaded:
    """Load statements and their words, each a name and content, in the caller's transaction; raises BadFile.

    A statement that changed is a new revision; what is the same appends nothing.
    """
    told = read_words(*words)
    read = read_statements(*file, told)
    await store.lock(connection)
    known = (await store.read_said(connection)).statements
    new = [(1, each) for each in read if each.id not in known]
    changed = [(known[each.id][0] + 1, each) for each in read if each.id in known and known[each.id][1] != each]
    await store.save_words(connection, told)
    if new or changed:
        await store.save_statements(connection, [*new, *changed])
    return Loaded(len(read), len(new), len(changed))


class Shelf:
    """All statements at their newest revision, read again when they have changed."""

    def __init__(self) -> None:
        self._said = Said(revision=-1)

    async def newest(self, connection: Connection) -> Said:
        """Give the statements of the caller's snapshot, or of a later one."""
        if await store.read_revision(connection) > self._said.revision:
            self._said = await store.read_said(connection)
        return self._said


@dataclass(frozen=True)
class Wanted:
    """Which statements, in which order, behind which place; None asks nothing. `units`: said of these, all of them."""

    indicator: str | None = None
    source: str | None = None
    shape: str | None = None
    units: frozenset[UUID] | None = None
    sort: str = "id"
    after: Place | None = None


def visible(said: Said, statement: Statement, units: UnitMap, territory: frozenset[UUID] | None) -> bool:
    """Say whether everything that a statement was said of lies in a territory; None: everything does."""
    if territory is None:
        return True
    places = units_said(units, statement, said.words.sources[statement.source])
    return all(place is not None and place.unit_id in territory for place in places)


def choose(
    said: Said, wanted: Wanted, units: UnitMap, territory: frozenset[UUID] | None, limit: int
) -> tuple[list[Statement], Place | None]:
    """Give a page of the statements wanted that lie in a territory, and the place behind which there are more."""
    key = _key(wanted.sort)
    found = [
        statement
        for _, statement in said.statements.values()
        if (wanted.indicator is None or statement.indicator == wanted.indicator)
        and (wanted.source is None or statement.source == wanted.source)
        and (wanted.shape is None or statement.shape == wanted.shape)
        and visible(said, statement, units, territory)
        and visible(said, statement, units, wanted.units)
    ]
    downwards = wanted.sort.startswith("-")
    found.sort(key=key, reverse=downwards)
    if wanted.after is not None:
        behind = wanted.after
        found = [each for each in found if (key(each) < behind if downwards else key(each) > behind)]
    page = found[:limit]
    return page, key(page[-1]) if len(found) > limit else None


def _key(sort: str) -> Callable[[Statement], Place]:
    match sort.removeprefix("-"):
        case "value":
            return lambda each: (each.value, each.id)
        case "day":
            return lambda each: ((each.as_of or each.due or date.max).isoformat(), each.id)
    return lambda each: (each.id, each.id)


def place_of(sort: str, told: Sequence[str]) -> Place:
    """Read a place back; raises ValueError where it is none of this order."""
    first, statement_id = told
    if sort.removeprefix("-") == "value":
        value = Decimal(first) if first.replace(".", "", 1).isdigit() else None
        if value is None:
            raise ValueError(first)
        return value, statement_id
    return first, statement_id


def named(said: Said, reference: str, units: UnitMap, territory: frozenset[UUID] | None) -> list[Statement]:
    """Give the statement with an id, or those whose id is it and a letter: 1.12 is 1.12a and 1.12b."""
    found = [
        statement
        for statement_id, (_, statement) in sorted(said.statements.items())
        if statement_id == reference or (statement_id[:-1] == reference and statement_id[-1:].isalpha())
    ]
    return [each for each in found if visible(said, each, units, territory)]


def related(
    said: Said, indicator: str, unit: Unit, units: UnitMap, territory: frozenset[UUID] | None
) -> list[Statement]:
    """Give what was said of an indicator of a unit: of it, of what it took in, or of what took it in."""
    found: list[Statement] = []
    for _, statement in sorted(said.statements.values(), key=lambda each: each[1].id):
        if statement.indicator != indicator or not visible(said, statement, units, territory):
            continue
        places = units_said(units, statement, said.words.sources[statement.source])
        if any(
            place is not None and (unit.unit_id in place.within or place.unit_id in unit.within) for place in places
        ):
            found.append(statement)
    return found
