"""A cell counted again from its facts, and what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pyroaring import BitMap

from services.metrics.domain.cells import Cell, CellKey
from services.metrics.domain.rollups import Rollup, RollupKey

__all__ = ["Counted", "Different", "DifferentRollup", "Part", "differing", "differing_rollup"]


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a cell or a roll-up that differs.

    `kept` is what it says, `counted` what is true; of sets that is how many are in them, `missing` and `surplus` how
    many of those who must be there are not, and the other way round. Never who.
    """

    name: str
    kept: int
    counted: int
    missing: int = 0
    surplus: int = 0

    def __str__(self) -> str:
        told = f"{self.name} {self.kept:,}, counted again {self.counted:,}"
        return f"{told} ({self.missing:,} missing, {self.surplus:,} too many)" if self.missing or self.surplus else told


@dataclass(frozen=True, slots=True)
class Different:
    """A cell that its facts do not make, and in what."""

    key: CellKey
    parts: Sequence[Part]

    def told(self, names: Mapping[UUID, str]) -> str:
        """Say where it is and what differs; units by name, where it is known."""
        unit_id, measure, platform, day, reporter_id = self.key
        unit = f"{unit_id} ({names[unit_id]})" if unit_id in names else str(unit_id)
        place = f"unit {unit}, {measure}, {platform or '–'}, {day}, reporter {reporter_id}"
        return f"{place}: {'; '.join(map(str, self.parts))}"


@dataclass(frozen=True, slots=True)
class DifferentRollup:
    """A roll-up that the level below does not make, and in what."""

    key: RollupKey
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a cell says, or what its facts make; `kind` is that of its reporter, None where the facts have several."""

    kind: int | None
    cell: Cell


def differing(kept: Counted | None, counted: Counted | None) -> list[Part]:
    """Compare a cell with what its facts make of it; None where there is no cell, or no fact.

    A cell from which the last fact has left stays, empty.
    """
    ours, true = kept.cell if kept else Cell(), counted.cell if counted else Cell()
    parts = [
        *_numbers(("quantity", ours.quantity, true.quantity), ("unknown", ours.unknown, true.unknown)),
        *_sets(("persons", ours.persons, true.persons), ("households", ours.households, true.households)),
    ]
    if kept is not None and counted is not None and kept.kind != counted.kind:
        parts.append(Part("reporter kind", _kind(kept.kind), _kind(counted.kind)))
    if kept is None and counted is not None and not parts:
        parts.append(Part("cells", 0, 1))
    return parts


def differing_rollup(kept: Rollup | None, counted: Rollup | None) -> list[Part]:
    """Compare a roll-up, with what has changed since worked in, with what the level below makes; None: there is none.

    Its days are bounds, which need not be the narrowest.
    """
    nothing = BitMap()
    ours = (kept.quantity, kept.unknown, kept.persons, kept.households) if kept else (0, 0, nothing, nothing)
    true = (
        (counted.quantity, counted.unknown, counted.persons, counted.households)
        if counted
        else (0, 0, nothing, nothing)
    )
    told = {who: quantity for who, quantity in (kept.reporters if kept else {}).items() if quantity}
    truly = {who: quantity for who, quantity in (counted.reporters if counted else {}).items() if quantity}
    parts = [
        *_numbers(("quantity", ours[0], true[0]), ("unknown", ours[1], true[1])),
        *_sets(("persons", ours[2], true[2]), ("households", ours[3], true[3])),
    ]
    if told != truly:
        missing = sum(told.get(who) != quantity for who, quantity in truly.items())
        surplus = sum(who not in truly for who in told)
        parts.append(Part("reporters", len(told), len(truly), missing, surplus))
    return parts


def _numbers(*pairs: tuple[str, int, int]) -> list[Part]:
    return [Part(name, kept, counted) for name, kept, counted in pairs if kept != counted]


def _sets(*pairs: tuple[str, BitMap, BitMap]) -> list[Part]:
    return [
        Part(name, len(kept), len(counted), len(counted - kept), len(kept - counted))
        for name, kept, counted in pairs
        if kept != counted
    ]


def _kind(kind: int | None) -> int:
    return -1 if kind is None else kind
