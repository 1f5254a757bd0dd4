"""The administrative map in time: unit versions, what they lay in, where their territory went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

__all__ = [
    "CODED",
    "CODE_DIGITS",
    "LEVELS",
    "SHARES",
    "Level",
    "Share",
    "Successor",
    "Unit",
    "UnitRef",
    "find",
    "overlap",
    "valid_on",
]

Level = Literal["province", "district", "commune", "subcommune"]
LEVELS: tuple[Level, ...] = ("province", "district", "commune", "subcommune")
CODE_DIGITS: Mapping[str, int] = {"province": 2, "district": 3, "commune": 5}
CODED: tuple[Level, ...] = ("province", "district", "commune")

Share = Literal["whole", "part"]
SHARES: tuple[Share, ...] = ("whole", "part")


@dataclass(frozen=True)
class Successor:
    """Where territory went: `whole` if all of it went to this unit."""

    unit_id: UUID
    share: Share
    effective: date
    decree: str | None


@dataclass(frozen=True)
class Unit:
    """A version of a unit; `path` is its chain of parents, `within` every version that holds its whole territory."""

    record_id: UUID
    code: str
    level: Level
    type: str
    name: str
    short_name: str
    valid_from: date | None
    valid_to: date | None
    parent_id: UUID | None = None
    path: tuple[UUID, ...] = ()
    within: tuple[UUID, ...] = ()
    successors: tuple[Successor, ...] = ()


@dataclass(frozen=True)
class UnitRef:
    """What it takes to find a unit by code and day."""

    unit_id: UUID
    code: str
    valid_from: date | None
    valid_to: date | None


def valid_on(begin: date | None, end: date | None, day: date) -> bool:
    """Say whether a day lies in a period whose end is the first day outside; None is open."""
    return (begin is None or begin <= day) and (end is None or day < end)


def overlap(one: Unit, other: Unit) -> bool:
    """Say whether there is a day on which both are valid."""
    one_first = one.valid_from or date.min
    other_first = other.valid_from or date.min
    return one_first < (other.valid_to or date.max) and other_first < (one.valid_to or date.max)


def find(units: Mapping[str, Sequence[UnitRef]], code: str, day: date) -> UnitRef | None:
    """Give the unit that bears the code on a day."""
    return next((unit for unit in units.get(code, ()) if valid_on(unit.valid_from, unit.valid_to, day)), None)
