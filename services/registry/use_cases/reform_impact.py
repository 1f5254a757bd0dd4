"""The rehearsal of a reform as far as the registry knows: units, teams, members, clients, codes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from libs.common.db import Connection
from services.registry.domain.atlas import Atlas
from services.registry.domain.clients import Client
from services.registry.domain.reform.applying import Outcome
from services.registry.domain.units import LEVELS, Unit
from services.registry.store import reach
from services.registry.use_cases.briefs import brief
from services.registry.use_cases.reform_views import clients_touched

__all__ = ["codes_changed", "reach_of"]

LISTED = 200


async def reach_of(
    connection: Connection, atlas: Atlas, outcome: Outcome, clients: Sequence[Client], day: date
) -> dict[str, Any]:
    """Say what a reform touches; `day` is when it takes effect."""
    after = {**atlas.units, **{unit.record_id: unit for unit in outcome.states}}
    stands = _standing_in(atlas, outcome)
    # A team of a ward of long ago works on in what that ward became.
    found = await reach.teams_in(connection, list(stands), day)
    teams = [replace(team, unit_id=stands[team.unit_id]) for team in found]
    there = await reach.members_of(connection, [team.team_id for team in teams], day) if teams else []
    members = Counter(team_id for _, team_id in there)
    whole = {unit_id: to for unit_id, to in outcome.reached if unit_id not in outcome.abolished}
    following, waiting = clients_touched(atlas, after, outcome, clients)
    codes = codes_changed(outcome, after)
    return {
        "units_begun": len(outcome.begun),
        "units_ended": len(outcome.ended),
        "units_changed": len(outcome.states) - len(outcome.begun) - len(outcome.ended),
        "teams": len(teams),
        "members": len({member_id for member_id, _ in there}),
        "teams_divided": sum(whole.get(team.unit_id) is None for team in teams),
        "listed": LISTED,
        "units": _units(outcome, after, _by_unit(teams, there)),
        "teams_listed": [_team(team, atlas, after, whole, members) for team in teams[:LISTED]],
        "clients_following": following[:LISTED],
        "clients_waiting": waiting[:LISTED],
        "codes": codes[:LISTED],
        "codes_changed": len(codes),
        "partners": [client.client_id for client in clients if _reports_there(client, outcome, atlas)][:LISTED],
        "plan_units": len(outcome.states),
    }


def _standing_in(atlas: Atlas, outcome: Outcome) -> dict[UUID, UUID]:
    """Say of each unit, of any time, in which one that ends it lies, if in any: the nearest."""
    ended = set(outcome.ended)
    found: dict[UUID, UUID] = {}
    for unit_id, unit in atlas.units.items():
        holder = next((each for each in unit.within if each in ended), None)
        if holder is not None:
            found[unit_id] = holder
    return found


def _by_unit(teams: Sequence[reach.TeamThere], there: Sequence[tuple[UUID, UUID]]) -> dict[UUID, tuple[int, int]]:
    """Count teams and distinct members by unit."""
    unit_of = {team.team_id: team.unit_id for team in teams}
    members: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for member_id, team_id in there:
        members[unit_of[team_id]].add(member_id)
    counted = Counter(team.unit_id for team in teams)
    return {unit_id: (number, len(members[unit_id])) for unit_id, number in counted.items()}


def _units(
    outcome: Outcome, after: Mapping[UUID, Unit], counted: Mapping[UUID, tuple[int, int]]
) -> list[dict[str, Any]]:
    """Tell the units with the most to lose first: those that end, by their teams; then those that begin."""
    ended, begun = set(outcome.ended), set(outcome.begun)
    order = {True: 0, False: 1}
    states = sorted(
        outcome.states,
        key=lambda unit: (
            order[unit.record_id in ended],
            order[unit.record_id in begun],
            -counted.get(unit.record_id, (0, 0))[0],
            LEVELS.index(unit.level),
            unit.code,
        ),
    )
    told = []
    for unit in states[:LISTED]:
        teams, members = counted.get(unit.record_id, (0, 0))
        ends = unit.record_id in ended
        shares = {edge.share for edge in unit.successors} if ends else set()
        told.append(
            {
                "unit": brief(unit),
                "change": "ends" if ends else "begins" if unit.record_id in begun else "changes",
                "to": [brief(after[edge.unit_id]) for edge in unit.successors] if ends else [],
                "share": min(shares) if shares else None,
                "teams": teams,
                "members": members,
            }
        )
    return told


def _team(
    team: reach.TeamThere,
    atlas: Atlas,
    after: Mapping[UUID, Unit],
    whole: Mapping[UUID, UUID | None],
    members: Mapping[UUID, int],
) -> dict[str, Any]:
    to = whole.get(team.unit_id)
    return {
        "team_id": team.team_id,
        "code": team.code,
        "name": team.name,
        "unit": brief(atlas.units[team.unit_id]),
        "to": brief(after[to]) if to is not None else None,
        "members": members.get(team.team_id, 0),
    }


def codes_changed(outcome: Outcome, after: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    """Give the codes that mean something else: nobody, more territory than before, or not all that they meant."""
    bearers = {after[unit_id].code: after[unit_id] for unit_id in outcome.begun if after[unit_id].code}
    sources: defaultdict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for unit_id in outcome.ended:
        for edge in after[unit_id].successors:
            sources[edge.unit_id].append((unit_id, edge.share))
    told = []
    for unit in sorted((after[unit_id] for unit_id in outcome.ended), key=lambda unit: unit.code):
        heir = bearers.get(unit.code)
        if not unit.code or (heir is not None and sources[heir.record_id] == [(unit.record_id, "whole")]):
            continue
        meaning = "nobody"
        if heir is not None:
            meaning = "wider" if (unit.record_id, "whole") in sources[heir.record_id] else "other"
        told.append(
            {"code": unit.code, "before": brief(unit), "after": brief(heir) if heir else None, "meaning": meaning}
        )
    return told


def _reports_there(client: Client, outcome: Outcome, atlas: Atlas) -> bool:
    """Say whether a client sends codes of this area without saying of which list they are."""
    if "partner-reports:write" not in client.scopes or client.status != "active":
        return False
    if client.codes_as_of is not None:
        return False
    return client.unit_id is None or any(client.unit_id in atlas.units[unit_id].path for unit_id in outcome.ended)
