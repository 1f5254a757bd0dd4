"""The units of a day, and which of them hold the territory of a unit of any time.

A unit's territory on a day is its cover: itself where it is valid then, else all that its successors cover (where it
ended before) or its predecessors (where it begins later). Who holds the whole cover holds the unit, and who holds its
parent does, too. Territory that leads to no unit of the day is held by nobody, but for the holders of the parent.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from functools import cached_property
from uuid import UUID

from services.metrics.domain.units import LEVELS, Unit

__all__ = ["Boundaries", "Terrain"]

UNKNOWN = -1
FOR_EVER = date.max.toordinal() + 1
Holders = tuple[int, ...]


class Terrain:
    """A map's units by number, with where each one's territory came from and went: ids are too slow to look up by."""

    def __init__(self, units: Collection[Unit]) -> None:
        self.units = tuple(units)
        self.ids = tuple(unit.unit_id for unit in self.units)
        numbers = {unit_id: number for number, unit_id in enumerate(self.ids)}
        parents = (unit.parent for unit in self.units)
        self.parent = [UNKNOWN if parent is None else numbers.get(parent, UNKNOWN) for parent in parents]
        self.begin = [0 if unit.valid_from is None else unit.valid_from.toordinal() for unit in self.units]
        self.end = [FOR_EVER if unit.valid_to is None else unit.valid_to.toordinal() for unit in self.units]
        self.onto = [[numbers.get(other, UNKNOWN) for other in unit.successors] for unit in self.units]
        self.out_of: list[list[int]] = [[] for _ in self.units]
        for number, others in enumerate(self.onto):
            for other in others:
                if other != UNKNOWN:
                    self.out_of[other].append(number)

    def place(self, number: int) -> tuple[int, str, UUID]:
        """Give what units are sorted by, the lowest level first."""
        unit = self.units[number]
        return -LEVELS.index(unit.level), unit.code or "", unit.unit_id


class Boundaries:
    """Every unit's holders on a day, worked out at once: a map that changes later changes nothing here."""

    def __init__(self, day: date, terrain: Terrain) -> None:
        self.day = day
        self._terrain = terrain
        found = _Ground(day.toordinal(), terrain).holders()
        self._holders = dict(zip(terrain.ids, found, strict=True))
        valid = {holders[0] for number, holders in enumerate(found) if number in holders}
        self.levels = frozenset(terrain.units[number].level for number in valid)

    def holders(self, unit_id: UUID) -> tuple[UUID, ...]:
        """Give the units of the day that hold all of a unit, the lowest first; none for one that is not known."""
        return tuple(self._terrain.ids[number] for number in self._holders.get(unit_id, ()))

    def at_level(self, unit_id: UUID, level: str) -> tuple[UUID | None, bool]:
        """Give the unit of a level that holds a unit, and whether there is one; else the lowest that does, if any."""
        holders = self._holders.get(unit_id, ())
        for number in holders:
            if self._terrain.units[number].level == level:
                return self._terrain.ids[number], True
        return (self._terrain.ids[holders[0]] if holders else None), False

    def held_by(self, unit_id: UUID) -> frozenset[UUID]:
        """Give the units, of any time, that a unit of the day holds."""
        return self._held.get(unit_id, frozenset())

    @cached_property
    def _held(self) -> Mapping[UUID, frozenset[UUID]]:
        held: defaultdict[int, list[UUID]] = defaultdict(list)
        for unit_id, holders in self._holders.items():
            for number in holders:
                held[number].append(unit_id)
        return {self._terrain.ids[number]: frozenset(members) for number, members in held.items()}


class _Ground:
    """Works out who holds whom on a day; ends also where lineage or parents run in a circle."""

    def __init__(self, day: int, terrain: Terrain) -> None:
        self._day = day
        self._terrain = terrain
        self._covers: list[Holders] = [self._cover(number) for number in range(len(terrain.units))]
        self._found: list[Holders | None] = [None] * len(terrain.units)

    def holders(self) -> list[Holders]:
        """Give the holders of every unit, the lowest first."""
        circular = False
        for number in range(len(self._found)):
            if self._found[number] is None:
                circular = self._work_out(number) or circular
        while circular:
            # In a circle everybody's holders may tell more about the others', until nothing is new.
            before = [set(holders or ()) for holders in self._found]
            self._found = [self._of(number) for number in range(len(self._found))]
            circular = any(known != set(holders or ()) for known, holders in zip(before, self._found, strict=True))
        return [holders or () for holders in self._found]

    def _work_out(self, first: int) -> bool:
        """Find a unit's holders behind those that tell them; says whether some tell their own."""
        circular, waiting, begun = False, [first], set[int]()
        while waiting:
            number = waiting[-1]
            missing = [other for other in self._told_by(number) if self._found[other] is None]
            if self._found[number] is not None:
                waiting.pop()
            elif missing and number not in begun:
                begun.add(number)
                waiting += missing
            else:
                circular = circular or bool(missing)
                self._found[number] = self._of(number)
                waiting.pop()
        return circular

    def _told_by(self, number: int) -> list[int]:
        """Give the units whose holders tell a unit's."""
        told = [other for other in self._covers[number] if other != number]
        parent = self._terrain.parent[number]
        return told if parent == UNKNOWN else [*told, parent]

    def _is_valid(self, number: int) -> bool:
        return self._terrain.begin[number] <= self._day < self._terrain.end[number]

    def _cover(self, number: int) -> Holders:
        """Give the units of the day that a unit's territory lies in together; none where some of it leads nowhere."""
        if self._is_valid(number):
            return (number,)
        terrain = self._terrain
        found: list[int] = []
        seen, waiting = {number}, [number]
        while waiting:
            each = waiting.pop()
            if each != UNKNOWN and self._is_valid(each):
                found.append(each)
                continue
            onwards: list[int] = []
            if each != UNKNOWN:
                onwards = terrain.onto[each] if terrain.end[each] <= self._day else terrain.out_of[each]
            if not onwards:
                return ()
            waiting += {other for other in onwards if other not in seen}
            seen.update(onwards)
        return tuple(found)

    def _of(self, number: int) -> Holders:
        """Tell a unit's holders by those of its cover and its parent, as far as they are known."""
        parent, cover = self._terrain.parent[number], self._covers[number]
        above = () if parent == UNKNOWN else self._found[parent] or ()
        if number in cover:
            return above if number in above else (number, *above)
        each = [self._found[other] or () for other in cover]
        held = each[0] if each else ()
        if len(each) > 1:
            held = tuple(holder for holder in held if all(holder in others for others in each[1:]))
        if all(holder in held for holder in above):
            return held
        return tuple(sorted({*held, *above}, key=self._terrain.place))
