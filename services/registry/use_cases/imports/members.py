"""Planning a list of members: each row is a person's time in a team; people are met again as they are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.registry.domain.imports import members as listed
from services.registry.domain.imports.fields import RowRead, Source
from services.registry.domain.imports.places import Places
from services.registry.domain.imports.planned import Planned, faulted, planned, refused
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit
from services.registry.store import log
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports.known_teams import KnownTeams, Teams
from services.registry.use_cases.imports.planner import Bounds, in_pieces
from services.registry.use_cases.registering import MEMBER, Registered, Registration, register

__all__ = ["plan"]

PURPOSE = "member-row"
PLACED = {"unit_code", "commune"}


@dataclass
class _Planner:
    """Plans the members of one file; `asked` are the rows that can be registered, with their team."""

    desk: Desk
    known: KnownTeams
    places: Places
    asked: list[tuple[int, RowRead, Team]] = field(default_factory=list)
    found: list[Planned | None] = field(default_factory=list)

    async def place(self, rows: Sequence[RowRead]) -> None:
        """Find the teams of the next rows."""
        placed = [(row, self.places.find(row) if PLACED & row.values.keys() else None) for row in rows]
        codes = {row.values["team_code"] for row, _ in placed if "team_code" in row.values}
        units = [unit for row, unit in placed if unit is not None and "team_code" not in row.values]
        teams = await self.known.load(codes, units)
        for row, unit in placed:
            team = None if row.is_wrong else self._team(row, unit, teams)
            if team is not None:
                self.asked.append((len(self.found), row, team))
            self.found.append(None if team is not None else refused(row))

    def _team(self, row: RowRead, unit: Unit | None, teams: Teams) -> Team | None:
        code = row.values.get("team_code")
        if code is not None:
            found = self.known.with_code(teams, code, unit)[:1]
            told, column = code, "team_code"
        elif unit is not None:
            found = self.known.standing(teams, unit, row.values.get("team_name"))
            told, column = (
                row.values.get("team_name", unit.name),
                "team_name" if "team_name" in row.values else "commune",
            )
        else:
            row.wrong("team_needed", "team_code" if "team_code" in row.columns else "team_name")
            return None
        if len(found) > 1:
            row.wrong("team_ambiguous", column, candidates=", ".join(sorted(team.code for team in found)[:5]))
        elif not found:
            row.wrong("team_unknown", column, value=told)
        elif not self.known.covers(found[0]):
            row.wrong("unit_outside", column, unit=self.desk.atlas.units[found[0].unit_id].name)
        else:
            return found[0]
        return None

    async def registrations(self) -> list[Registration]:
        """Give what is to be registered; an id is made of the row by a key, so that it says nothing of the person."""
        sealer, made = self.desk.safe.sealer, list[tuple[RowRead, Team, list[UUID]]]()
        async for some in in_pieces(self.asked):
            for _, row, team in some:
                digests = sealer.digests(PURPOSE, listed.row_key(row, team.record_id))
                made.append((row, team, [UUID(bytes=digest[:16], version=5) for digest in digests]))
        older = {each for _, _, ids in made for each in ids[:-1]}
        known = await log.heads_of(self.desk.connection, MEMBER, older) if older else {}
        registrations = []
        for row, team, ids in made:
            member_id = next((each for each in ids if each in known), ids[-1])
            registrations.append(Registration(listed.told_of(row, member_id, team.record_id), listed.person_of(row)))
        return registrations

    def judge(self, registered: Sequence[Registered]) -> list[Planned]:
        """Give what becomes of every row; the same person twice in a team is told twice."""
        seen: dict[tuple[UUID, UUID, object], Source] = {}
        for (index, row, team), told in zip(self.asked, registered, strict=True):
            row.findings += [faulted(row, fault, listed.AT) for fault in told.faults]
            key = (told.member_id, team.record_id, row.values.get("joined_on"))
            if (first := seen.setdefault(key, row.source)) != row.source:
                row.wrong("row_repeated", "name", sheet=first.sheet, line=first.line)
            fields = ("member",) if told.status == "changed" else ()
            self.found[index] = (
                refused(row)
                if row.is_wrong
                else planned(row, "", told.member_id, is_new=told.status == "created", fields=fields)
            )
        return [each for each in self.found if each is not None]


async def plan(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], write: bool) -> list[Planned]:
    """Say what becomes of the rows of a list of members, and register them where that is asked."""
    places = Places(desk.atlas, bounds.root, bounds.codes_as_of or desk.today)
    planner = _Planner(desk, KnownTeams(desk, places), places)
    async for some in in_pieces(rows):
        await planner.place(some)
    return planner.judge(await register(desk, await planner.registrations(), write=write))
