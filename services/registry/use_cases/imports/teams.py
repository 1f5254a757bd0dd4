"""Planning a list of teams: each row is met with the team that it means, by code or by place, type and name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.registry.domain.imports import teams as listed
from services.registry.domain.imports.fields import RowRead, Source
from services.registry.domain.imports.places import Places
from services.registry.domain.imports.planned import Planned, planned, refused
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit
from services.registry.events import Event, event_of
from services.registry.store import log
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports.known_teams import KnownTeams, Teams
from services.registry.use_cases.imports.planner import Bounds, in_pieces

__all__ = ["plan"]


async def plan(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], write: bool) -> list[Planned]:
    """Say what becomes of the rows of a list of teams, and append it where that is asked."""
    places = Places(desk.atlas, bounds.root, bounds.codes_as_of or desk.today)
    planner, found = _Planner(desk, KnownTeams(desk, places), places), list[Planned]()
    async for some in in_pieces(rows):
        found += await planner.plan(some)
    if write:
        await log.append(desk.connection, planner.events)
    return found


@dataclass
class _Planner:
    """Plans the teams of one file; remembers which it has seen, so that none is told twice."""

    desk: Desk
    known: KnownTeams
    places: Places
    events: list[Event] = field(default_factory=list)
    _seen: dict[UUID, Source] = field(default_factory=dict)

    async def plan(self, rows: Sequence[RowRead]) -> list[Planned]:
        """Plan the next rows."""
        placed = [(row, self.places.find(row)) for row in rows]
        codes = {row.values["code"] for row, _ in placed if "code" in row.values}
        known = await self.known.load(codes, [unit for row, unit in placed if unit and "code" not in row.values])
        return [self._planned(row, unit, known) for row, unit in placed]

    def _planned(self, row: RowRead, unit: Unit | None, known: Teams) -> Planned:
        key = row.values.get("code", "")
        if unit is None or row.is_wrong:
            return refused(row, key)
        found = self._match(row, unit, known)
        if row.is_wrong:
            return refused(row, key)
        home = self._home(unit, found)
        team = listed.made(row, home, found)
        if found is None:
            team = self._named(team, home)
        listed.check(row, team, home, self.desk.today)
        if (first := self._seen.setdefault(team.record_id, row.source)) != row.source:
            row.wrong("row_repeated", "code" if "code" in row.columns else "name", sheet=first.sheet, line=first.line)
        if row.is_wrong:
            return refused(row, team.code)
        fields = tuple(listed.changed_fields(found, team)) if found is not None else ()
        if found is None or fields:
            self.events.append(event_of(team, known.revisions.get(team.record_id, 0) + 1))
        return planned(row, team.code, team.record_id, is_new=found is None, fields=fields)

    def _match(self, row: RowRead, unit: Unit, known: Teams) -> Team | None:
        """Give the team that a row means, None for a new one; notes in the row where that cannot be told."""
        code = row.values.get("code")
        if code is not None:
            found = self.known.with_code(known, code, unit)[:1]
        else:
            kind = row.values.get("type", listed.USUAL_TYPE)
            found = self.known.standing(known, unit, row.values["name"], kind)
            if len(found) > 1:
                row.wrong("team_ambiguous", "name", candidates=", ".join(sorted(team.code for team in found)))
        if found and not self.known.covers(found[0]):
            home = self.desk.atlas.units[found[0].unit_id]
            row.wrong("unit_outside", "code" if code else "name", unit=home.name)
        return found[0] if found else None

    def _home(self, unit: Unit, found: Team | None) -> Unit:
        """Give where a team is: where it is known to be, if that lies wholly in the unit that the row names."""
        known = self.desk.atlas.units.get(found.unit_id) if found is not None else None
        return known if known is not None and unit.record_id in known.within else unit

    def _named(self, team: Team, unit: Unit) -> Team:
        """Give a new team its code, where the list has none, and its id."""
        units = self.desk.atlas.units
        above = next((units[each] for each in reversed(unit.path) if units[each].level != "subcommune"), unit)
        return listed.identified(team, listed.code_for(team, unit, above), str(unit.path[0]))
