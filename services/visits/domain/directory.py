"""What the registry has told: units, teams, the catalogue; looked up by id, or by code and day."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar
from uuid import UUID

__all__ = ["Directory", "Measure", "Platform", "Team", "Unit"]


class _Revised(Protocol):
    @property
    def revision(self) -> int: ...


_T = TypeVar("_T", bound=_Revised)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit version; `within` are all units that hold its whole territory, itself included.

    `whole_successor` is the unit that all of its territory went to, None where it was divided or still stands.
    """

    unit_id: UUID
    revision: int
    code: str | None
    valid_from: date | None
    valid_to: date | None
    within: frozenset[UUID]
    whole_successor: UUID | None = None

    def valid_on(self, day: date) -> bool:
        """Say whether the unit existed on a day."""
        return _covers(self.valid_from, self.valid_to, day)


@dataclass(frozen=True, slots=True)
class Team:
    """A team and the days on which it was active."""

    team_id: UUID
    revision: int
    code: str
    unit_id: UUID
    established_on: date | None
    dissolved_on: date | None

    def active_on(self, day: date) -> bool:
        """Say whether the team was active on a day: a late record of that day is valid for ever."""
        return _covers(self.established_on, self.dissolved_on, day)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a line can record; outside its validity lines are flagged, not refused."""

    code: str
    revision: int
    stages: frozenset[str]
    valid_from: date | None
    valid_to: date | None

    def before(self, day: date) -> bool:
        """Say whether the measure had not begun on a day."""
        return self.valid_from is not None and day < self.valid_from

    def expired_on(self, day: date) -> bool:
        """Say whether the measure had ended by a day."""
        return self.valid_to is not None and day >= self.valid_to


@dataclass(frozen=True, slots=True)
class Platform:
    """An application or platform; also known by its aliases."""

    code: str
    revision: int


def _covers(begin: date | None, end: date | None, day: date) -> bool:
    return (begin is None or begin <= day) and (end is None or day < end)


@dataclass(slots=True)
class Directory:
    """The newest state of everything told so far; states that are not newer change nothing."""

    units: dict[UUID, Unit] = field(default_factory=dict)
    teams: dict[UUID, Team] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    platforms: dict[str, Platform] = field(default_factory=dict)
    _units_by_code: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _teams_by_code: dict[str, UUID] = field(default_factory=dict)

    def add_unit(self, unit: Unit) -> None:
        """Take a unit's state."""
        if _put(self.units, unit.unit_id, unit) and unit.code is not None:
            self._units_by_code[unit.code].add(unit.unit_id)

    def add_team(self, team: Team) -> None:
        """Take a team's state."""
        if _put(self.teams, team.team_id, team):
            self._teams_by_code[team.code] = team.team_id

    def add_measure(self, measure: Measure) -> None:
        """Take a measure's state."""
        _put(self.measures, measure.code, measure)

    def add_platform(self, platform: Platform) -> None:
        """Take a platform's state."""
        _put(self.platforms, platform.code, platform)

    def standing(self, unit_id: UUID, day: date) -> Unit | None:
        """Give the unit that all of a unit's territory belonged to on a day after its end; None where it was divided.

        A unit that had not begun on the day stands for itself: what it was before cannot be told from it.
        """
        unit = self.units.get(unit_id)
        while unit is not None and unit.valid_to is not None and unit.valid_to <= day:
            unit = self.units.get(unit.whole_successor) if unit.whole_successor else None
        return unit

    def team_by_code(self, code: str) -> Team | None:
        """Give the team with a code."""
        team_id = self._teams_by_code.get(code)
        return self.teams[team_id] if team_id is not None else None

    def units_by_code(self, code: str) -> Iterable[Unit]:
        """Give every version that ever had a code."""
        return (self.units[unit_id] for unit_id in self._units_by_code.get(code, ()))


def _put(known: dict[object, _T] | dict[UUID, _T] | dict[str, _T], key: object, state: _T) -> bool:
    present = known.get(key)  # type: ignore[call-overload]
    if present is not None and present.revision >= state.revision:
        return False
    known[key] = state  # type: ignore[index]
    return True
