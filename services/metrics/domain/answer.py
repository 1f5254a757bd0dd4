"""Numbers: cells and facts tallied by group, people and households as unions, also in the total."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pyroaring import BitMap

from services.metrics.domain.facts import KIND_RANGE, PARTNER, REFERENCE_KINDS, TEAM
from services.metrics.domain.grouping import Group, Place

__all__ = ["Matching", "Numbers", "Sums", "Tally", "TooManyGroups", "Unite", "numbers_of", "total_of"]


class TooManyGroups(Exception):
    """More rows than an answer may have."""


@dataclass(slots=True)
class Sums:
    """What the cells of a group add up to."""

    quantity: int = 0
    unknown: int = 0
    persons: BitMap = field(default_factory=BitMap)
    households: BitMap = field(default_factory=BitMap)
    kinds: set[int] = field(default_factory=set)
    measures: set[str] = field(default_factory=set)

    def copy(self) -> "Sums":
        """Give one to go on with; the sets of people and households are never changed in place."""
        return Sums(self.quantity, self.unknown, self.persons, self.households, set(self.kinds), set(self.measures))


@dataclass(frozen=True, slots=True)
class Numbers:
    """A row's numbers before anything is withheld; `reasons` says which must not be told because it means nothing."""

    luot: int
    unknown: int
    nguoi: int
    ho: int
    known_by: tuple[int, ...]
    matched: tuple[int, int] | None
    reasons: Mapping[str, str]


StoredCell = tuple[Place, int, int, Sequence[BitMap], Sequence[BitMap]]
"""Place, quantity, unknown, persons and households, each a union of sets; a roll-up stands as its month's first day."""


Unite = Callable[..., BitMap]


class Tally:
    """Sums by group, fed in slices so that nobody else has to wait for a large answer; `begun` is what it adds to."""

    def __init__(
        self, group: Callable[[Place], Group], max_groups: int, begun: Mapping[Group, Sums] | None = None
    ) -> None:
        self._group = group
        self._max_groups = max_groups
        self.sums = {group: sums.copy() for group, sums in begun.items()} if begun else {}

    def add(self, cells: Iterable[StoredCell], unite: Unite = BitMap.union) -> None:
        """Take in cells, their sets united by a function that may know some unions; raises TooManyGroups."""
        persons: dict[Group, list[BitMap]] = {}
        households: dict[Group, list[BitMap]] = {}
        for place, quantity, unknown, people, homes in cells:
            group = self._group(place)
            sums = self.sums.get(group)
            if sums is None:
                sums = self._new(group)
            sums.quantity += quantity
            sums.unknown += unknown
            sums.kinds.add(place.reporter_kind)
            sums.measures.add(place.measure)
            if people:
                persons.setdefault(group, []).extend(people)
            if homes:
                households.setdefault(group, []).extend(homes)
        for group, sets in persons.items():
            self.sums[group].persons = _joined(self.sums[group].persons, unite(*sets))
        for group, sets in households.items():
            self.sums[group].households = _joined(self.sums[group].households, unite(*sets))

    def _new(self, group: Group) -> Sums:
        if len(self.sums) >= self._max_groups:
            raise TooManyGroups
        sums = self.sums[group] = Sums()
        return sums


def _joined(one: BitMap, other: BitMap) -> BitMap:
    """Unite without changing either: a union may be somebody else's, too."""
    return one | other if one else other


def total_of(rows: Collection[Sums]) -> Sums:
    """Give the whole: quantities added, people and households united, never added."""
    if not rows:
        return Sums()
    return Sums(
        sum(sums.quantity for sums in rows),
        sum(sums.unknown for sums in rows),
        BitMap.union(*(sums.persons for sums in rows)),
        BitMap.union(*(sums.households for sums in rows)),
        set().union(*(sums.kinds for sums in rows)),
        set().union(*(sums.measures for sums in rows)),
    )


class Matching:
    """Whom both kinds of reporter know, over all references of the facts given."""

    def __init__(self) -> None:
        self._people = (BitMap(), BitMap())
        self._refs = (BitMap(), BitMap())
        self._links: tuple[set[tuple[int, int]], set[tuple[int, int]]] = (set(), set())

    def add(self, kind: int, person: int, refs: Iterable[int | None]) -> None:
        """Take in a fact's references: the one the person counts under, and all it has."""
        self._people[kind].add(person)
        for ref in refs:
            if ref is not None:
                self._refs[kind].add(ref)
                if ref != person:
                    self._links[kind].add((person, ref))

    def take(self, other: "Matching") -> None:
        """Take in all facts of another."""
        for kind in (TEAM, PARTNER):
            self._people[kind].update(other._people[kind])
            self._refs[kind].update(other._refs[kind])
            self._links[kind].update(other._links[kind])

    def count(self) -> tuple[int, int]:
        """Count the people of the teams whom a partner knows too, and those of the partners whom a team knows."""
        shared = self._refs[TEAM] & self._refs[PARTNER]
        return self._count(TEAM, shared), self._count(PARTNER, shared)

    def _count(self, kind: int, shared: BitMap) -> int:
        linked = BitMap(person for person, ref in self._links[kind] if ref in shared)
        return len((self._people[kind] & shared) | linked)


def numbers_of(sums: Sums, matching: Matching | None, units_of_count: Mapping[str, str]) -> Numbers:
    """Make a row's numbers; `units_of_count` by measure, `matching` where it was asked for."""
    reasons: dict[str, str] = {}
    both = len(sums.kinds) > 1
    if not sums.measures:
        reasons = dict.fromkeys(("luot", "nguoi", "ho", "unknown", "known_by", "matched"), "no_reports")
    elif both:
        # Teams and partners report the same installs, so adding them up would count those twice.
        reasons = dict.fromkeys(("luot", "unknown"), "mixed_reporter_kinds")
    elif len({units_of_count.get(measure) for measure in sums.measures}) > 1:
        reasons = dict.fromkeys(("luot", "unknown"), "mixed_units_of_count")
    if not both:
        reasons.setdefault("matched", "one_kind_only")
    return Numbers(
        luot=sums.quantity,
        unknown=sums.unknown,
        nguoi=len(sums.persons),
        ho=len(sums.households),
        known_by=tuple(
            sums.persons.range_cardinality(kind * KIND_RANGE, (kind + 1) * KIND_RANGE)
            for kind in range(len(REFERENCE_KINDS))
        ),
        matched=matching.count() if matching is not None and both else None,
        reasons=reasons,
    )
