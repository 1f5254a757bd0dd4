"""Cells: all facts of one leaf unit, measure, platform, day and reporter, as a sum and exact sets."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from pyroaring import BitMap

from services.metrics.domain.facts import Changes, Fact

__all__ = ["Cell", "CellKey", "Delta", "deltas_of", "fresh_cell", "key_of", "leaving", "names_in"]


class CellKey(NamedTuple):
    """What the facts of a cell have in common; the kind of reporter follows from the reporter."""

    unit_id: UUID
    measure: str
    platform: str
    day: date
    reporter_id: UUID


@dataclass(slots=True)
class Delta:
    """What a fold does to one cell; `gone_*` leave only if no other live fact of the cell holds them."""

    reporter_kind: int
    takes_away: bool = False
    quantity: int = 0
    unknown: int = 0
    persons: set[int] = field(default_factory=set)
    households: set[int] = field(default_factory=set)
    gone_persons: set[int] = field(default_factory=set)
    gone_households: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Cell:
    """A cell's numbers: quantities in the measure's unit of count, `unknown` the part without any reference."""

    quantity: int = 0
    unknown: int = 0
    persons: BitMap = field(default_factory=BitMap)
    households: BitMap = field(default_factory=BitMap)

    def apply(self, delta: Delta, lost_persons: Collection[int], lost_households: Collection[int]) -> None:
        """Take in what a fold changed; the lost are those of the gone whom no live fact holds here."""
        self.quantity += delta.quantity
        self.unknown += delta.unknown
        if lost_persons:
            self.persons.difference_update(BitMap(lost_persons))
        if lost_households:
            self.households.difference_update(BitMap(lost_households))
        if delta.persons:
            self.persons.update(delta.persons)
        if delta.households:
            self.households.update(delta.households)


def key_of(fact: Fact) -> CellKey:
    """Give the cell a fact belongs to."""
    return CellKey(fact.unit_id, fact.measure, fact.platform, fact.day, fact.reporter_id)


def deltas_of(changed: Changes) -> dict[CellKey, Delta]:
    """Sum up what facts entering and leaving do to each cell."""
    deltas: dict[CellKey, Delta] = {}
    for fact in changed.entered:
        delta = _delta(deltas, fact)
        delta.quantity += fact.quantity
        if fact.person is None:
            delta.unknown += fact.quantity
        else:
            delta.persons.add(fact.person)
        if fact.household is not None:
            delta.households.add(fact.household)
    for fact in changed.retired:
        delta = _delta(deltas, fact)
        delta.takes_away = True
        delta.quantity -= fact.quantity
        if fact.person is None:
            delta.unknown -= fact.quantity
        else:
            delta.gone_persons.add(fact.person)
        if fact.household is not None:
            delta.gone_households.add(fact.household)
    for delta in deltas.values():
        delta.gone_persons -= delta.persons
        delta.gone_households -= delta.households
    return deltas


def _delta(deltas: dict[CellKey, Delta], fact: Fact) -> Delta:
    key = key_of(fact)
    delta = deltas.get(key)
    if delta is None:
        delta = deltas[key] = Delta(fact.reporter_kind)
    return delta


def fresh_cell(delta: Delta) -> Cell:
    """Make the cell that a delta begins; one that takes facts away has a cell already, and begins none."""
    if delta.takes_away:
        return Cell()
    return Cell(delta.quantity, delta.unknown, BitMap(delta.persons), BitMap(delta.households))


def leaving(deltas: Mapping[CellKey, Delta]) -> tuple[list[tuple[CellKey, int]], list[tuple[CellKey, int]]]:
    """Give the people and the households who may have to leave a cell, each with the cell."""
    return (
        list(_pairs((key, delta.gone_persons) for key, delta in deltas.items())),
        list(_pairs((key, delta.gone_households) for key, delta in deltas.items())),
    )


def names_in(deltas: Iterable[CellKey], entered: Iterable[Fact]) -> tuple[set[UUID], set[str]]:
    """Give the ids of units and reporters, and the codes, that keys and facts coming in have."""
    ids: set[UUID] = set()
    codes: set[str] = set()
    for key in deltas:
        ids.add(key.unit_id)
        ids.add(key.reporter_id)
        codes.add(key.measure)
        codes.add(key.platform)
    codes.update({fact.stage for fact in entered if fact.stage is not None})
    codes.update({fact.channel for fact in entered if fact.channel is not None})
    return ids, codes


def _pairs(gone: Iterable[tuple[CellKey, set[int]]]) -> Iterable[tuple[CellKey, int]]:
    return ((key, number) for key, numbers in gone for number in numbers)
