"""Teams, members and denominators as the registry tells of them, with their dated history."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

__all__ = [
    "COMMUNITY",
    "FORMATIONS",
    "TYPES",
    "DeclaredDenominator",
    "MemberState",
    "Spell",
    "TeamState",
    "at_once",
    "merged",
    "newest",
    "spell_of",
]

TYPES = ("community_digital_team", "youth_digital_team", "volunteer_formation")
COMMUNITY = TYPES[0]
FORMATIONS = TYPES[1:]


class Spell(NamedTuple):
    """Days from the first until before `end`; date.min and date.max where it is open."""

    first: date
    end: date


def spell_of(first: date | None, end: date | None) -> Spell:
    """Make a spell of days that may not be told."""
    return Spell(first or date.min, end or date.max)


Key = TypeVar("Key")


def merged(told: Iterable[tuple[Key, Spell]]) -> list[tuple[Key, Spell]]:
    """Give for each key disjoint spells, in order, of the same days; those without a day are left out."""
    by_key: defaultdict[Key, list[Spell]] = defaultdict(list)
    for key, spell in told:
        if spell.first < spell.end:
            by_key[key].append(spell)
    found: list[tuple[Key, Spell]] = []
    for key, spells in by_key.items():
        first, end = min(spells)
        for spell in sorted(spells):
            if spell.first > end:
                found.append((key, Spell(first, end)))
                first = spell.first
            end = max(end, spell.end)
        found.append((key, Spell(first, end)))
    return found


def at_once(spells: Iterable[tuple[object, Spell]]) -> bool:
    """Say whether on some day two of these hold; those of one key are disjoint."""
    in_order = sorted(spell for _, spell in spells)
    return any(before.end > after.first for before, after in pairwise(in_order))


class Stated(Protocol):
    """A state of a record at a revision."""

    @property
    def key(self) -> UUID:
        """The record."""

    @property
    def revision(self) -> int:
        """Raised by each change."""


State = TypeVar("State", bound=Stated)


def newest(states: Iterable[State]) -> list[State]:
    """Give the newest state of each record."""
    kept: dict[UUID, State] = {}
    for state in states:
        known = kept.get(state.key)
        if known is None or known.revision < state.revision:
            kept[state.key] = state
    return list(kept.values())


@dataclass(frozen=True, slots=True)
class TeamState:
    """A team and the days on which it exists."""

    key: UUID
    revision: int
    unit_id: UUID
    level: int
    type: int
    code: str
    name: str
    spell: Spell


@dataclass(frozen=True, slots=True)
class MemberState:
    """A member's whole history; every list is merged."""

    key: UUID
    revision: int
    memberships: list[tuple[UUID, Spell]]
    posts: list[tuple[str, Spell]]
    appointments: list[tuple[tuple[str, UUID], Spell]]
    trainings: list[tuple[date, str]]


@dataclass(frozen=True, slots=True)
class DeclaredDenominator:
    """How many there are in a unit on a day, by a source."""

    key: UUID
    revision: int
    unit_id: UUID
    base: str
    min_age: int | None
    max_age: int | None
    on: date
    value: int
    source: str
