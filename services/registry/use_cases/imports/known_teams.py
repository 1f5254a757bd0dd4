"""The teams that rows of a file may mean: by their codes, or by where they work and what they are called."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from services.registry.domain.atlas import fold
from services.registry.domain.imports.places import Places
from services.registry.domain.team_life import same_province
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit
from services.registry.events import team_of
from services.registry.store import imports
from services.registry.use_cases.changing import Desk

__all__ = ["KnownTeams", "Teams"]


@dataclass(frozen=True)
class Teams:
    """Some teams, each with its revision."""

    revisions: dict[UUID, int] = field(default_factory=dict)
    by_code: dict[str, list[Team]] = field(default_factory=lambda: defaultdict(list))
    by_unit: dict[UUID, list[Team]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class KnownTeams:
    """Finds teams for the rows of one file."""

    desk: Desk
    places: Places
    _near: dict[UUID, list[UUID]] = field(default_factory=dict)

    async def load(self, codes: Collection[str], units: Collection[Unit]) -> Teams:
        """Give the teams with one of the codes, and those of the units and of what these came from or became."""
        near = {each for unit in units for each in self.near(unit)}
        found = Teams()
        for team_id, head in (await imports.teams_like(self.desk.connection, codes, near)).items():
            team = team_of(head.body)
            found.revisions[team_id] = head.revision
            found.by_code[team.code].append(team)
            found.by_unit[team.unit_id].append(team)
        return found

    def near(self, unit: Unit) -> list[UUID]:
        """Give a unit and all that it came from or became: its teams may be known there."""
        if unit.record_id not in self._near:
            atlas = self.desk.atlas
            before = [edge.source for edge in atlas.lineage(unit.record_id, "backward")]
            after = [edge.to.unit_id for edge in atlas.lineage(unit.record_id, "forward")]
            self._near[unit.record_id] = list(dict.fromkeys((unit.record_id, *before, *after)))
        return self._near[unit.record_id]

    def with_code(self, teams: Teams, code: str, unit: Unit | None) -> list[Team]:
        """Give the teams of a code, those that stand first: of the unit's province, or else of the subtree."""
        units = self.desk.atlas.units
        found = [
            team
            for team in teams.by_code.get(code, ())
            if (same_province(units[team.unit_id], unit) if unit is not None else self.covers(team))
        ]
        return sorted(found, key=lambda team: team.dissolved_on is not None)

    def standing(self, teams: Teams, unit: Unit, name: str | None = None, kind: str | None = None) -> list[Team]:
        """Give the teams in and near a unit that stand, of a name and a type where these are told."""
        wanted = fold(name) if name is not None else None
        return [
            team
            for each in self.near(unit)
            for team in teams.by_unit.get(each, ())
            if team.dissolved_on is None
            and (wanted is None or fold(team.name) == wanted)
            and (kind is None or team.type == kind)
        ]

    def covers(self, team: Team) -> bool:
        """Say whether a team works in the subtree of whoever imports."""
        return self.places.covers(self.desk.atlas.units[team.unit_id])
