"""Teams and members added up by row; people who are in several teams at once are kept as sets, all others added."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.metrics.domain.grouping import Group
from services.metrics.domain.map import LEVELS
from services.metrics.domain.network.layout import Layout, Spot
from services.metrics.domain.network.question import Question
from services.metrics.domain.network.states import COMMUNITY, FORMATIONS, TYPES

__all__ = ["Counted", "Counting", "People", "Shared", "Tally"]

COMMUNE = LEVELS.index("commune")
TYPE_OF_COVERING = TYPES.index(COMMUNITY)


class Counted(NamedTuple):
    """The teams of a spot, level and type; `level` and `type` are indexes.

    `memberships` are all; the people are those who are never in two teams at once. `strays` are teams of sub-commune
    level that stand at no sub-commune unit of the day.
    """

    spot: int
    level: int
    type: int
    teams: int
    undersized: int
    memberships: int
    members: int
    officers: int
    trained: int
    active: int
    strays: int


class Shared(NamedTuple):
    """A membership of somebody who is at some time in two teams at once."""

    unit_id: UUID
    level: int
    type: int
    member: int
    officer: bool
    trained: bool


@dataclass(slots=True)
class People:
    """Distinct people: so many who are in one team only, and those who may be met again."""

    alone: int = 0
    shared: set[int] = field(default_factory=set)

    def take(self, other: "People") -> None:
        """Unite with others."""
        self.alone += other.alone
        self.shared |= other.shared

    def __len__(self) -> int:
        return self.alone + len(self.shared)


@dataclass(slots=True)
class Tally:
    """What a row comes to; no commune or sub-commune unit is in two rows."""

    teams: int = 0
    undersized: int = 0
    memberships: int = 0
    active: int = 0
    formations: int = 0
    strays: int = 0
    communes: int = 0
    subcommunes: int = 0
    ambassadors: int = 0
    members: People = field(default_factory=People)
    officers: People = field(default_factory=People)
    trained: People = field(default_factory=People)
    volunteers: People = field(default_factory=People)

    def take(self, other: "Tally") -> None:
        """Unite with another row."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in SETS:
            getattr(self, name).take(getattr(other, name))


SETS = ("members", "officers", "trained", "volunteers")
NUMBERS = (
    "teams",
    "undersized",
    "memberships",
    "active",
    "formations",
    "strays",
    "communes",
    "subcommunes",
    "ambassadors",
)


class Counting:
    """Adds what was counted to the rows of a question."""

    def __init__(self, question: Question, layout: Layout) -> None:
        self.tallies: dict[Group, Tally] = {}
        self._layout = layout
        self._asked = {TYPES.index(each) for each in question.types}
        self._formations = {TYPES.index(each) for each in FORMATIONS}
        self._group_by = question.group_by

    def add(self, counted: Iterable[Counted]) -> None:
        """Add teams, each spot, level and type once."""
        for of in counted:
            tally = self._tally(self._layout.spots[of.spot], of.level, of.type)
            if of.type in self._formations:
                tally.formations += of.teams
                tally.volunteers.alone += of.members
            if of.type in self._asked:
                tally.teams += of.teams
                tally.undersized += of.undersized
                tally.memberships += of.memberships
                tally.active += of.active
                tally.strays += of.strays
                tally.members.alone += of.members
                tally.officers.alone += of.officers
                tally.trained.alone += of.trained

    def add_shared(self, shared: Iterable[Shared]) -> None:
        """Add those who may be in several teams."""
        for of in shared:
            tally = self._tally(self._layout.spot(of.unit_id), of.level, of.type)
            if of.type in self._formations:
                tally.volunteers.shared.add(of.member)
            if of.type in self._asked:
                tally.members.shared.add(of.member)
                if of.officer:
                    tally.officers.shared.add(of.member)
                if of.trained:
                    tally.trained.shared.add(of.member)

    def add_covered(self, level: str, numbers: Sequence[int]) -> None:
        """Add units of a level that have a community team of it, each once."""
        index, name = LEVELS.index(level), f"{level}s"
        for spot, units in self._layout.count(numbers).items():
            tally = self._tally(spot, index, TYPE_OF_COVERING)
            setattr(tally, name, getattr(tally, name) + units)

    def add_ambassadors(self, communes: Iterable[UUID]) -> None:
        """Add communes with a digital ambassador; in a question by level or type they stand in no row."""
        if not {"level", "type"} & set(self._group_by):
            for commune in communes:
                self._tally(self._layout.spot(commune), COMMUNE, TYPE_OF_COVERING).ambassadors += 1

    def add_empty(self, units: Iterable[UUID]) -> None:
        """See to it that units have a row, though nothing stands in it."""
        for unit_id in units:
            self._tally(self._layout.spot(unit_id), COMMUNE, TYPE_OF_COVERING)

    def _tally(self, spot: Spot, level: int, type_: int) -> Tally:
        values = tuple(self._value(grouping, spot, level, type_) for grouping in self._group_by)
        return self.tallies.setdefault(Group(values, *spot), Tally())

    @staticmethod
    def _value(grouping: str, spot: Spot, level: int, type_: int) -> str | None:
        if grouping == "level":
            return LEVELS[level]
        if grouping == "type":
            return TYPES[type_]
        return str(spot.unit_id) if spot.unit_id is not None else None
