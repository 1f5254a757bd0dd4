"""Where a statement's units stand on another day: which units of that day hold their territory, and whether all of it.

A unit that took in others besides is never given their figure: what was said of one of three provinces is not the value
of the province made of the three.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.metrics.domain.map import Unit, UnitMap
from services.metrics.domain.statements import Source, Statement, Wording

__all__ = ["Coverage", "Holder", "Standing", "units_said"]

MOST_PIECES, MOST_HELD = 16, 5000
VIETNAMESE = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín", "mười")
ENGLISH = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of a unit's predecessors: how many there are, how many the figure speaks of, how many came to it in part only."""

    predecessors: int
    covered: int
    divided: int

    def words(self) -> Wording:
        """Say it: `một trong ba đơn vị cũ`, `one of three predecessors`."""
        vi = f"{_say(self.covered, VIETNAMESE)} trong {_say(self.predecessors, VIETNAMESE)} đơn vị cũ"
        en = f"{_say(self.covered, ENGLISH)} of {_say(self.predecessors, ENGLISH)} predecessors"
        if not self.divided:
            return Wording(vi, en)
        return Wording(
            f"{vi}, {_say(self.divided, VIETNAMESE)} bị chia", f"{en}, {_say(self.divided, ENGLISH)} divided"
        )


def _say(number: int, words: Sequence[str]) -> str:
    return words[number] if number < len(words) else str(number)


@dataclass(frozen=True, slots=True)
class Holder:
    """A unit of the asked day; `whole`: it is of just the same territory, `all`: it holds everything spoken of."""

    unit: Unit
    whole: bool
    all: bool
    coverage: Coverage


@dataclass(frozen=True)
class _Pieces:
    """How the units of a level on one day lie in the units of another: which each holds, which it has a part of."""

    whole: dict[UUID, set[UUID]]
    some: dict[UUID, set[UUID]]

    def holder(self, unit: Unit, mine: Set[UUID], *, everything: bool) -> Holder:
        whole, some = self.whole.get(unit.unit_id, set()), self.some.get(unit.unit_id, set())
        coverage = Coverage(len(whole | some), len(whole & mine), len(some))
        return Holder(unit, whole | some <= mine, everything, coverage)


@dataclass(slots=True)
class Standing:
    """Answers by a map that stays as it is, remembering how the units of a few days lie in those of others."""

    units: UnitMap
    _pieces: OrderedDict[tuple[str, date, date], _Pieces] = field(default_factory=OrderedDict)
    _held: OrderedDict[tuple[tuple[UUID, ...], date, date], list[Holder]] = field(default_factory=OrderedDict)

    def holders(self, said: Sequence[Unit], then: date, day: date) -> list[Holder]:
        """Give the lowest unit of a day that holds all of some units of one level, and those that hold some of them."""
        key = (tuple(unit.unit_id for unit in said), then, day)
        known = self._held.get(key)
        if known is None:
            known = self._held[key] = self._find(said, then, day) if said else []
            if len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        return known

    def _find(self, said: Sequence[Unit], then: date, day: date) -> list[Holder]:
        on = self.units.on(day)
        common = [
            holder
            for holder in on.holders(said[0].unit_id)
            if all(holder in on.holders(other.unit_id) for other in said[1:])
        ]
        found: list[Holder] = []
        lowest = self.units.get(common[0]) if common else None
        if lowest is not None:
            pieces = self._lie(said[0].level, then, day)
            found.append(pieces.holder(lowest, {unit.unit_id for unit in said}, everything=True))
        if said[0].level in ("district", "commune") and (lowest is None or lowest.level in ("province", "district")):
            found += self._parts(said, then, day)
        return found

    def _parts(self, said: Sequence[Unit], then: date, day: date) -> list[Holder]:
        """Give the communes of a day that hold some of the units' territory."""
        within = {unit.unit_id for unit in said}
        mine = {unit.unit_id for unit in self.units.of_level("commune", then) if within & {*unit.path}}
        pieces = self._lie("commune", then, day)
        touched = [
            unit
            for unit in self.units.of_level("commune", day)
            if mine & (pieces.whole.get(unit.unit_id, set()) | pieces.some.get(unit.unit_id, set()))
        ]
        held = [pieces.holder(unit, mine, everything=False) for unit in touched]
        return sorted(held, key=lambda holder: (-holder.coverage.covered, holder.unit.code or ""))

    def _lie(self, level: str, then: date, day: date) -> _Pieces:
        key = (level, then, day)
        known = self._pieces.get(key)
        if known is None:
            known = self._pieces[key] = self._worked_out(level, then, day)
            if len(self._pieces) > MOST_PIECES:
                self._pieces.popitem(last=False)
        self._pieces.move_to_end(key)
        return known

    def _worked_out(self, level: str, then: date, day: date) -> _Pieces:
        on = self.units.on(day)
        whole: defaultdict[UUID, set[UUID]] = defaultdict(set)
        some: defaultdict[UUID, set[UUID]] = defaultdict(set)
        for piece in self.units.of_level(level, then):
            holders = set(on.holders(piece.unit_id))
            for holder in holders:
                whole[holder].add(piece.unit_id)
            for part in self._cover(piece, day):
                for holder in set(on.holders(part)) - holders:
                    some[holder].add(piece.unit_id)
        return _Pieces(whole, some)

    def _cover(self, unit: Unit, day: date) -> set[UUID]:
        """Give the units of a later day in which a unit's territory lies."""
        found: set[UUID] = set()
        seen, waiting = {unit.unit_id}, [unit]
        while waiting:
            each = waiting.pop()
            if each.valid_on(day):
                found.add(each.unit_id)
                continue
            following = [self.units.get(other) for other in each.successors if other not in seen]
            seen.update(each.successors)
            waiting += [other for other in following if other is not None]
        return found


def units_said(units: UnitMap, statement: Statement, source: Source) -> list[Unit | None]:
    """Give the units that a statement speaks of, by the codes of its source's day; None for one that is not known."""
    return [
        next((unit for unit in units.with_code(code) if unit.valid_on(source.said_on)), None)
        for code in statement.place_codes
    ]
