"""The map as readers ask it: names without diacritics, codes of a list of some day, where territory came from and went.

Nothing here changes the map: units are taken as the log tells them, each in place of the version it replaces.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from services.registry.domain.names import Names, fold
from services.registry.domain.units import LEVELS, Level, Successor, Unit, valid_on

__all__ = ["DIRECTIONS", "Atlas", "Direction", "Edge", "Resolution", "Wanted", "fold"]

Direction = Literal["forward", "backward"]
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward")
Status = Literal["same", "superseded", "divided", "ended", "not_listed", "unknown"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which units; None asks nothing. `name` is a part of a name that begins with a word.

    `within` asks for what lies in that unit's territory on the day, whether it was a unit then or not; without a day,
    for every version that was a part of it.
    """

    code: str | None = None
    level: Level | None = None
    parent_id: UUID | None = None
    within: UUID | None = None
    name: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """Territory that went from a unit to another: `whole` if all of the former's did."""

    source: UUID
    to: Successor


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a code of the list of a day means on another day.

    `listed` bore it then; `units` hold its territory on the other day: one where it is the `same` or `superseded`
    whole, several where it was `divided`, or had been several before. `ended`: it has no successor. `not_listed`: the
    code was on the list of other days only.
    """

    status: Status
    listed: Unit | None
    units: tuple[Unit, ...]


@dataclass(slots=True)
class Atlas:
    """All unit versions, with what they are looked up by."""

    units: dict[UUID, Unit] = field(default_factory=dict)
    _by_code: defaultdict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _came_from: defaultdict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _children: defaultdict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _names: Names = field(default_factory=Names)
    _keys: dict[UUID, tuple[int, str, date, int]] = field(default_factory=dict)
    changes: int = 0
    """How many states were taken: where it is the same, so are the answers."""

    @classmethod
    def of(cls, units: Iterable[Unit]) -> "Atlas":
        """Make one of some units."""
        made = cls()
        for unit in units:
            made.take(unit)
        return made

    def copy(self) -> "Atlas":
        """Give one that stays as it is while this goes on, for a reform in a thread of its own; it has no names."""

        def copied(index: Mapping[Any, set[UUID]]) -> defaultdict[Any, set[UUID]]:
            return defaultdict(set, {key: set(ids) for key, ids in index.items()})

        return Atlas(
            dict(self.units),
            copied(self._by_code),
            copied(self._came_from),
            copied(self._children),
            changes=self.changes,
        )

    def take(self, unit: Unit) -> None:
        """Take a unit as it is now."""
        before = self.units.get(unit.record_id)
        if before is not None:
            self._by_code[before.code].discard(before.record_id)
            if before.parent_id is not None:
                self._children[before.parent_id].discard(before.record_id)
            for edge in before.successors:
                self._came_from[edge.unit_id].discard(before.record_id)
        self.units[unit.record_id] = unit
        self._by_code[unit.code].add(unit.record_id)
        for edge in unit.successors:
            self._came_from[edge.unit_id].add(unit.record_id)
        if unit.parent_id is not None:
            self._children[unit.parent_id].add(unit.record_id)
        if before is None or (before.name, before.short_name) != (unit.name, unit.short_name):
            self._names.put(unit.record_id, unit.name, unit.short_name)
        self._keys[unit.record_id] = _order(unit)
        self.changes += 1

    def on(self, code: str, day: date) -> Unit | None:
        """Give the unit that bore a code on a day."""
        return next((unit for unit in self.bearers(code) if _is_valid(unit, day)), None)

    def meant(self, code: str, day: date) -> Unit | None:
        """Give the unit that bore a code on a day, or else the last before it, or else the first after it."""
        bearers = sorted(self.bearers(code), key=lambda unit: unit.valid_from or date.min)
        before = [unit for unit in bearers if unit.valid_from is None or unit.valid_from <= day]
        return self.on(code, day) or (before[-1] if before else next(iter(bearers), None))

    def ever(self, reference: str) -> bool:
        """Say whether any unit ever bore a code, or has it as its id."""
        return bool(self._by_code.get(reference))

    def bearers(self, code: str) -> list[Unit]:
        """Give every unit that ever bore a code."""
        return [self.units[unit_id] for unit_id in self._by_code.get(code, ())]

    def children(self, unit_id: UUID) -> list[Unit]:
        """Give every unit whose parent another is, or was."""
        return [self.units[child] for child in self._children.get(unit_id, ())]

    def held_by(self, unit_id: UUID) -> set[UUID]:
        """Give every unit version whose whole territory lies in a unit, itself included (see `within`)."""
        held, waiting = {unit_id}, [unit_id]
        while waiting:
            one = waiting.pop()
            whole = {
                source
                for source in self._came_from.get(one, ())
                if any(edge.unit_id == one and edge.share == "whole" for edge in self.units[source].successors)
            }
            new = (whole | self._children.get(one, set())) - held
            held |= new
            waiting += new
        return held

    def find(self, wanted: Wanted) -> list[Unit]:
        """Give the units wanted: by name the nearest first, then the higher, then by code, then the older."""
        name = fold(wanted.name) if wanted.name is not None else None
        found = [unit for unit in self._among(wanted, name) if self._is_wanted(unit, wanted, name)]
        if wanted.within is not None and wanted.code is not None:
            lies = self._lying_in(wanted.within)
            found = [unit for unit in found if (lies(unit) if wanted.day else wanted.within in unit.path)]
        if name is None:
            return sorted(found, key=lambda unit: self._keys[unit.record_id])
        return sorted(found, key=lambda unit: (self._names.distance(unit.record_id, name), self._keys[unit.record_id]))

    def _among(self, wanted: Wanted, name: str | None) -> Iterable[Unit]:
        """Give the fewest units at hand among which all that are wanted must be."""
        if wanted.code is not None:
            return self.bearers(wanted.code)
        if wanted.within is not None:
            return self._all_in(wanted.within) if wanted.day is not None else self._under(wanted.within)
        if wanted.parent_id is not None:
            return self.children(wanted.parent_id)
        if name is not None:
            return [self.units[unit_id] for unit_id in self._names.having(name)]
        return self.units.values()

    def _under(self, holder: UUID) -> list[Unit]:
        """Give a unit and every version that was a part of it by its parents."""
        found = [self.units[holder]] if holder in self.units else []
        for unit in found:
            found += self.children(unit.record_id)
        return found

    def _all_in(self, holder: UUID) -> list[Unit]:
        """Give every unit, of whatever days, all of whose territory lies in that of another."""
        lies = self._lying_in(holder)
        found = [self.units[holder]] if holder in self.units else []
        seen = {holder}
        for unit in found:
            # What lies in it is its part, became a part of it, or came of what did.
            near = {*self._children.get(unit.record_id, ()), *self._came_from.get(unit.record_id, ())}
            near |= {edge.unit_id for edge in unit.successors if edge.unit_id in self.units}
            new = near - seen
            seen |= new
            found += [self.units[unit_id] for unit_id in new if lies(self.units[unit_id])]
        return found

    def lineage(self, unit_id: UUID, direction: Direction) -> list[Edge]:
        """Give where a unit's territory went or came from, generation by generation, each edge once."""
        edges: dict[tuple[UUID, UUID], Edge] = {}
        generation: Collection[UUID] = [unit_id]
        while generation:
            step = [edge for each in generation for edge in self._edges(each, direction)]
            new = [edge for edge in step if (edge.source, edge.to.unit_id) not in edges]
            edges |= {(edge.source, edge.to.unit_id): edge for edge in new}
            # The same unit may be reached twice; its edges are then known already.
            generation = dict.fromkeys(edge.to.unit_id if direction == "forward" else edge.source for edge in new)
        return list(edges.values())

    def resolve(self, code: str, listed_on: date, day: date) -> Resolution:
        """Say what a code of the list of a day means on another."""
        listed = self.on(code, listed_on)
        if listed is None:
            return Resolution("not_listed" if self._by_code.get(code) else "unknown", None, ())
        return self.standing(listed, day)

    def standing(self, listed: Unit, day: date) -> Resolution:
        """Say which units hold a unit's territory on a day."""
        if _is_valid(listed, day):
            return Resolution("same", listed, (listed,))
        direction: Direction = "forward" if listed.valid_to is not None and listed.valid_to <= day else "backward"
        reached, whole = self._follow(listed, direction, day)
        if not reached:
            return Resolution("ended", listed, ())
        status: Status = "superseded" if whole and len(reached) == 1 else "divided"
        return Resolution(status, listed, tuple(sorted(reached, key=_order)))

    def _follow(self, unit: Unit, direction: Direction, day: date) -> tuple[list[Unit], bool]:
        """Give the units of a day that hold some of a unit's territory, and whether all of it always went together."""
        reached: dict[UUID, Unit] = {}
        whole, waiting, seen = True, [unit.record_id], {unit.record_id}
        while waiting:
            for edge in self._edges(waiting.pop(), direction):
                whole = whole and edge.to.share == "whole"
                other = edge.to.unit_id if direction == "forward" else edge.source
                if other in seen or other not in self.units:
                    continue
                seen.add(other)
                if _is_valid(self.units[other], day):
                    reached[other] = self.units[other]
                else:
                    waiting.append(other)
        return list(reached.values()), whole

    def _edges(self, unit_id: UUID, direction: Direction) -> Iterator[Edge]:
        if direction == "forward":
            unit = self.units.get(unit_id)
            yield from (Edge(unit_id, edge) for edge in (unit.successors if unit else ()))
            return
        for source in sorted(self._came_from.get(unit_id, ())):
            yield from (Edge(source, edge) for edge in self.units[source].successors if edge.unit_id == unit_id)

    def _is_wanted(self, unit: Unit, wanted: Wanted, name: str | None) -> bool:
        """Say whether a unit is wanted but for `within`."""
        return (
            (wanted.level is None or unit.level == wanted.level)
            and (wanted.day is None or _is_valid(unit, wanted.day))
            and (wanted.parent_id is None or unit.parent_id == wanted.parent_id)
            and (name is None or self._names.has(unit.record_id, name))
        )

    def _lying_in(self, holder: UUID) -> Callable[[Unit], bool]:
        """Make the test whether all of a unit's territory lies in that of another, of whatever days the two are.

        A unit that came later does where all that it was made of does, or where its parent does.
        """
        known: dict[UUID, bool] = {}

        def lies(unit: Unit) -> bool:
            if unit.record_id not in known:
                known[unit.record_id] = holder in unit.within or came(unit) or under(unit)
            return known[unit.record_id]

        def came(unit: Unit) -> bool:
            sources = self._came_from.get(unit.record_id)
            return bool(sources) and all(lies(self.units[source]) for source in sources or ())

        def under(unit: Unit) -> bool:
            parent = self.units.get(unit.parent_id) if unit.parent_id is not None else None
            return parent is not None and lies(parent)

        return lies


def _is_valid(unit: Unit, day: date) -> bool:
    return valid_on(unit.valid_from, unit.valid_to, day)


def _order(unit: Unit) -> tuple[int, str, date, int]:
    return LEVELS.index(unit.level), unit.code, unit.valid_from or date.min, unit.record_id.int
