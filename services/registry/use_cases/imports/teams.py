"""Planning a list of teams: each row is met with the team that it means, by code or by place, type and name."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.registry.domain.imports import teams as listed
from services.registry.domain.imports.fields import RowRead, Source
from services.registry.domain.imports.places import Places
from services.registry.domain.imports.planned import Planned, planned, refused
from services.registry.domain.team_life import same_province
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit
from services.registry.events import Event, event_of, team_of
from services.registry.store import imports, log
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports.planner import Bounds, in_pieces

__all__ = ["plan"]


@dataclass(frozen=True)
class _Known:
    """The teams that rows may mean, each with its revision."""

    revisions: dict[UUID, int]
    by_code: dict[str, list[Team]]
    by_key: dict[listed.TeamKey, list[Team]]


async def plan(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], write: bool) -> list[Planned]:
    """Say what becomes of the rows of a list of teams, and append it where that is asked."""
    places = Places(desk.atlas, bounds.root, bounds.codes_as_of or desk.today)
    planner, found = _Planner(desk, places), []
    async for some in in_pieces(rows):
        found += await planner.plan(some)
    if write:
        await log.append(desk.connection, planner.events)
    return found


@dataclass
class _Planner:
    """Plans the teams of one file; remembers which it has seen, so that none is told twice."""

    desk: Desk
    places: Places
    events: list[Event] = field(default_factory=list)
    _seen: dict[UUID, Source] = field(default_factory=dict)
    _related: dict[UUID, list[UUID]] = field(default_factory=dict)

    async def plan(self, rows: Sequence[RowRead]) -> list[Planned]:
        """Plan the next rows."""
        placed = [(row, self.places.find(row)) for row in rows]
        known = await self._known(placed)
        return [self._planned(row, unit, known) for row, unit in placed]

    async def _known(self, placed: Iterable[tuple[RowRead, Unit | None]]) -> _Known:
        codes = {row.values["code"] for row, _ in placed if "code" in row.values}
        units = {each for row, unit in placed if unit and "code" not in row.values for each in self._near(unit)}
        known = _Known({}, defaultdict(list), defaultdict(list))
        for team_id, head in (await imports.teams_like(self.desk.connection, codes, units)).items():
            team = team_of(head.body)
            known.revisions[team_id] = head.revision
            known.by_code[team.code].append(team)
            known.by_key[listed.key_of(team)].append(team)
        return known

    def _near(self, unit: Unit) -> list[UUID]:
        """Give a unit and all that it came from or became: its teams may be known there."""
        if unit.record_id not in self._related:
            atlas = self.desk.atlas
            before = [edge.source for edge in atlas.lineage(unit.record_id, "backward")]
            after = [edge.to.unit_id for edge in atlas.lineage(unit.record_id, "forward")]
            self._related[unit.record_id] = list(dict.fromkeys((unit.record_id, *before, *after)))
        return self._related[unit.record_id]

    def _planned(self, row: RowRead, unit: Unit | None, known: _Known) -> Planned:
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

    def _match(self, row: RowRead, unit: Unit, known: _Known) -> Team | None:
        """Give the team that a row means, None for a new one; notes in the row where that cannot be told."""
        units = self.desk.atlas.units
        if (code := row.values.get("code")) is not None:
            near = [team for team in known.by_code.get(code, ()) if same_province(units[team.unit_id], unit)]
            found = sorted(near, key=lambda team: team.dissolved_on is not None)[:1]
        else:
            wanted = listed.made(row, unit, None)
            keys = [(each, *listed.key_of(wanted)[1:]) for each in self._near(unit)]
            found = [team for key in keys for team in known.by_key.get(key, ()) if team.dissolved_on is None]
            if len(found) > 1:
                row.wrong("team_ambiguous", "name", candidates=", ".join(sorted(team.code for team in found)))
        if found and not self.places.covers(units[found[0].unit_id]):
            row.wrong("unit_outside", "code" if code else "name", unit=units[found[0].unit_id].name)
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
