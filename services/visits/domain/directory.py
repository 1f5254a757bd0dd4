"""What the registry has told: units, teams, waves, the catalogue; looked up by id, or by code and day."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar
from uuid import UUID

from libs.common.spellings import Spellings

__all__ = ["Directory", "Measure", "Model", "Platform", "Team", "Unit", "Wave"]


PROVINCE_DIGITS = 2


class _Revised(Protocol):
    @property
    def revision(self) -> int: ...


_T = TypeVar("_T", bound=_Revised)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit version; `within` are all units that hold its whole territory, itself included.

    `whole_successor` is the unit that all of its territory went to, None where it was divided or still stands;
    `successors` are all that took some of it.
    """

    unit_id: UUID
    revision: int
    code: str | None
    valid_from: date | None
    valid_to: date | None
    within: frozenset[UUID]
    whole_successor: UUID | None = None
    successors: tuple[UUID, ...] = ()
    parent_id: UUID | None = None
    name: str | None = None

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
    aliases: tuple[str, ...] = ()

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
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wave:
    """A campaign wave; visits of other days, or after it was cancelled, are flagged, not refused."""

    wave_id: UUID
    revision: int
    first_day: date
    last_day: date
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """An instance of a model such as a digital market, with the days on which it was there."""

    model_id: UUID
    revision: int
    launched_on: date
    ended_on: date | None = None


def _covers(begin: date | None, end: date | None, day: date) -> bool:
    return (begin is None or begin <= day) and (end is None or day < end)


@dataclass(slots=True)
class Directory:
    """The newest state of everything told so far; states that are not newer change nothing."""

    units: dict[UUID, Unit] = field(default_factory=dict)
    teams: dict[UUID, Team] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    platforms: dict[str, Platform] = field(default_factory=dict)
    measure_spellings: Spellings = field(default_factory=Spellings)
    platform_spellings: Spellings = field(default_factory=Spellings)
    waves: dict[UUID, Wave] = field(default_factory=dict)
    models: dict[UUID, Model] = field(default_factory=dict)
    _units_by_code: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _came_from: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _children: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _teams_by_code: dict[str, UUID] = field(default_factory=dict)

    def add_unit(self, unit: Unit) -> None:
        """Take a unit's state."""
        before = self.units.get(unit.unit_id)
        if not _put(self.units, unit.unit_id, unit):
            return
        if before is not None:
            self._unlink(before)
        if unit.code is not None:
            self._units_by_code[unit.code].add(unit.unit_id)
        if unit.parent_id is not None:
            self._children[unit.parent_id].add(unit.unit_id)
        for successor in _successors(unit):
            self._came_from[successor].add(unit.unit_id)

    def _unlink(self, unit: Unit) -> None:
        if unit.code is not None:
            self._units_by_code[unit.code].discard(unit.unit_id)
        if unit.parent_id is not None:
            self._children[unit.parent_id].discard(unit.unit_id)
        for successor in _successors(unit):
            self._came_from[successor].discard(unit.unit_id)

    def add_team(self, team: Team) -> None:
        """Take a team's state."""
        if _put(self.teams, team.team_id, team):
            self._teams_by_code[team.code] = team.team_id

    def add_measure(self, measure: Measure) -> None:
        """Take a measure's state."""
        if _put(self.measures, measure.code, measure):
            self.measure_spellings.take(measure.code, measure.aliases)

    def add_platform(self, platform: Platform) -> None:
        """Take a platform's state."""
        if _put(self.platforms, platform.code, platform):
            self.platform_spellings.take(platform.code, platform.aliases)

    def add_wave(self, wave: Wave) -> None:
        """Take a campaign wave's state."""
        _put(self.waves, wave.wave_id, wave)

    def add_model(self, model: Model) -> None:
        """Take a model's state."""
        _put(self.models, model.model_id, model)

    def standing(self, unit_id: UUID, day: date) -> Unit | None:
        """Give the unit that all of a unit's territory belonged to on a day after its end; None where it was divided.

        A unit that had not begun on the day stands for itself: what it was before cannot be told from it.
        """
        unit = self.units.get(unit_id)
        while unit is not None and unit.valid_to is not None and unit.valid_to <= day:
            unit = self.units.get(unit.whole_successor) if unit.whole_successor else None
        return unit

    def pieces(self, unit_id: UUID, day: date) -> tuple[Unit, ...]:
        """Give the units that held some of a unit's territory on a day after its end, by code and id.

        A unit that ended without a successor of its own, as districts did, went where the units within it went.
        """
        found: dict[UUID, Unit] = {}
        seen, waiting = {unit_id}, [unit_id]
        while waiting:
            unit = self.units.get(waiting.pop())
            if unit is None:
                continue
            if unit.valid_on(day):
                found[unit.unit_id] = unit
            elif unit.valid_to is not None and unit.valid_to <= day:
                fresh = set(_successors(unit) or self._children.get(unit.unit_id, ())) - seen
                seen |= fresh
                waiting.extend(fresh)
        return tuple(sorted(found.values(), key=lambda unit: (unit.code or "", unit.unit_id)))

    def province_of(self, unit: Unit, day: date) -> str:
        """Give the two digits of the province of a day that holds a unit of any time; empty where none does."""
        holders = (self.units.get(holder) for holder in sorted(unit.within))
        found = (u.code for u in holders if u and u.parent_id is None and u.code and u.valid_on(day))
        return next((code for code in found if len(code) == PROVINCE_DIGITS), "")

    def before(self, unit_id: UUID, day: date) -> Unit | None:
        """Give the one unit of a day before a unit's beginning that held its whole territory; None where several did.

        None, too, where the map does not tell what was before it.
        """
        found: set[UUID] = set()
        seen, waiting = {unit_id}, [unit_id]
        while waiting:
            sources = self._came_from.get(waiting.pop(), set())
            if not sources:
                return None
            found |= {source for source in sources if self.units[source].valid_on(day)}
            waiting += sources - found - seen
            seen |= sources
        return self.units[found.pop()] if len(found) == 1 else None

    def same_territory(self, unit: Unit, later: Unit) -> bool:
        """Say whether a unit became another with just the same territory, as where only its name changed."""
        while unit.unit_id != later.unit_id:
            if unit.whole_successor is None or self._came_from.get(unit.whole_successor) != {unit.unit_id}:
                return False
            following = self.units.get(unit.whole_successor)
            if following is None:
                return False
            unit = following
        return True

    def team_by_code(self, code: str) -> Team | None:
        """Give the team with a code."""
        team_id = self._teams_by_code.get(code)
        return self.teams[team_id] if team_id is not None else None

    def units_by_code(self, code: str) -> Iterable[Unit]:
        """Give every version that ever had a code."""
        return (self.units[unit_id] for unit_id in self._units_by_code.get(code, ()))


def _successors(unit: Unit) -> tuple[UUID, ...]:
    if unit.successors or unit.whole_successor is None:
        return unit.successors
    return (unit.whole_successor,)


def _put(known: dict[object, _T] | dict[UUID, _T] | dict[str, _T], key: object, state: _T) -> bool:
    present = known.get(key)  # type: ignore[call-overload]
    if present is not None and present.revision >= state.revision:
        return False
    known[key] = state  # type: ignore[index]
    return True
