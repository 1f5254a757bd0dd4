"""Teams, one at a time: founded, changed, consolidated, dissolved, taken over. The caller commits."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from libs.common.problem import Fault, Problem
from libs.contracts.network import ContactV1, DecisionV1
from libs.contracts.registry import TeamV1
from libs.contracts.teams_api import ChangeTeam, ConsolidateTeam, CreateTeam, DissolveTeam, SucceedTeam
from libs.contracts.topics import type_of
from services.registry.domain.contacts import Contact, Decision, is_mobile
from services.registry.domain.team_life import (
    consolidated,
    ended,
    ending_faults,
    same_province,
    successor_faults,
    team_faults,
)
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit
from services.registry.events import team_of
from services.registry.store import changes, log, reads
from services.registry.store.log import Head
from services.registry.use_cases import memberships
from services.registry.use_cases.changing import (
    Asked,
    Desk,
    Outcome,
    begin,
    finish,
    members_contacts,
    refuse,
    seen_before,
    unit_named,
)

__all__ = ["change", "consolidate", "contacts_of", "create", "decision_of", "dissolve", "succeed"]

TEAM = type_of(TeamV1)


async def create(desk: Desk, asked: Asked, told: CreateTeam) -> Outcome:
    """Found a team; raises Problem. The same sent again gives the team as it is now."""
    await log.lock(desk.connection)
    if (seen := await seen_before(desk, asked)) is not None:
        head = await log.newest(desk.connection, TEAM, seen)
        if head is None:
            raise Problem("id_reused", id=str(asked.change_id))
        return Outcome("duplicate", seen, head.body)
    if await log.exists(desk.connection, told.id):
        raise Problem("id_reused", id=str(told.id))
    unit = unit_named(desk.atlas, told.unit, told.established_on)
    desk.need_reach(asked.root, unit)
    team = Team(
        record_id=told.id,
        code=told.code,
        name=told.name,
        type=told.type,
        level=told.level,
        local_type_name=told.local_type_name,
        unit_id=unit.record_id,
        established_on=told.established_on,
        dissolved_on=None,
        establishment=decision_of(told.establishment),
        contacts=contacts_of(told.contacts),
    )
    await _check(desk, team, unit, confirmed=told.mobile_numbers_confirmed, known=())
    return await finish(desk, asked, team, None, "team.created", unit.record_id)


async def change(desk: Desk, asked: Asked, team_id: UUID, told: ChangeTeam) -> Outcome:
    """Tell rightly what was told wrongly of a team; raises Problem."""
    opened = await _open(desk, asked, team_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    team, head = opened
    values = _told(told, "code", "name", "type", "level", "established_on")
    unit = desk.atlas.units[team.unit_id]
    if told.unit is not None:
        day = told.established_on or team.established_on or desk.today
        unit = unit_named(desk.atlas, told.unit, day)
        desk.need_reach(asked.root, unit)
        values["unit_id"] = unit.record_id
    changed = replace(team, **values)
    await _check(desk, changed, unit, confirmed=told.mobile_numbers_confirmed, known=team.contacts)
    return await finish(desk, asked, changed, head, "team.changed", unit.record_id)


async def consolidate(desk: Desk, asked: Asked, team_id: UUID, told: ConsolidateTeam) -> Outcome:
    """Note that a team was consolidated (kiện toàn) on a day; raises Problem."""
    opened = await _open(desk, asked, team_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    team, head = opened
    decision = decision_of(told.decision)
    refuse(ending_faults(team, told.on, decision, desk.today))
    changed = consolidated(replace(team, **_told(told, "name")), told.on, decision)
    unit = desk.atlas.units[team.unit_id]
    await _check(desk, changed, unit, confirmed=told.mobile_numbers_confirmed, known=team.contacts)
    return await finish(desk, asked, changed, head, "team.consolidated", team.unit_id)


async def dissolve(desk: Desk, asked: Asked, team_id: UUID, told: DissolveTeam) -> Outcome:
    """End a team on a day; who is in it leaves it. Raises Problem."""
    opened = await _open(desk, asked, team_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    team, head = opened
    decision = decision_of(told.decision)
    refuse(ending_faults(team, told.on, decision, desk.today))
    outcome = await finish(desk, asked, ended(team, told.on, decision), head, "team.dissolved", team.unit_id)
    await memberships.end_with_teams(desk.connection, {team_id: told.on})
    return outcome


async def succeed(desk: Desk, asked: Asked, team_id: UUID, told: SucceedTeam) -> Outcome:
    """End a team of which others take over; credit stays where it was. Raises Problem."""
    opened = await _open(desk, asked, team_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    team, head = opened
    decision = decision_of(told.decision)
    heads = await log.heads_of(desk.connection, TEAM, told.successors)
    known = {each: team_of(found.body) for each, found in heads.items()}
    reached = {each: one for each, one in known.items() if desk.reaches(asked.root, one.unit_id)}
    faults = [
        *ending_faults(team, told.on, decision, desk.today),
        *successor_faults(team, told.on, told.successors, reached),
    ]
    if told.move_members and len(told.successors) != 1:
        faults.append(Fault("one_successor_needed", "/move_members"))
    refuse(faults)
    changed = ended(team, told.on, decision, told.successors)
    outcome = await finish(desk, asked, changed, head, "team.succeeded", team.unit_id)
    await changes.add_successors(desk.connection, team_id, told.successors)
    to = told.successors[0] if told.move_members else None
    await memberships.end_with_teams(desk.connection, {team_id: told.on}, to=to)
    return outcome


async def _open(desk: Desk, asked: Asked, team_id: UUID, replaces: int) -> tuple[Team, Head] | Outcome:
    async def may(body: bytes) -> bool:
        return desk.reaches(asked.root, team_of(body).unit_id)

    head = await begin(desk, asked, TEAM, team_id, replaces, may)
    return head if isinstance(head, Outcome) else (team_of(head.body), head)


async def _check(desk: Desk, team: Team, unit: Unit, *, confirmed: bool, known: Collection[Contact]) -> None:
    """Raise Problem for what is wrong with a team; mobile numbers that were confirmed before need no confirmation."""
    confirmed = confirmed or all(each in known for each in team.contacts if is_mobile(each))
    faults = list(team_faults(team, unit, desk.today, confirmed=confirmed))
    if not faults:
        faults = await members_contacts(desk, team.contacts, unit.record_id)
    others = await reads.teams_with_codes(desk.connection, [team.code])
    for other in map(team_of, others):
        stands = team.established_on is None or other.dissolved_on is None or other.dissolved_on > team.established_on
        if other.record_id != team.record_id and stands and same_province(unit, desk.atlas.units[other.unit_id]):
            faults.append(Fault("code_taken", "/code", {"code": team.code}))
            break
    refuse(faults)


def _told(told: ChangeTeam | ConsolidateTeam, *never_empty: str) -> dict[str, Any]:
    """Give the fields that are to replace what was, as domain values."""
    names = {"code", "name", "type", "level", "local_type_name", "established_on", "establishment", "contacts"}
    values = {name: getattr(told, name) for name in told.model_fields_set & names}
    values = {name: value for name, value in values.items() if value is not None or name not in never_empty}
    if "contacts" in values:
        values["contacts"] = contacts_of(values["contacts"])
    if "establishment" in values:
        values["establishment"] = decision_of(values["establishment"])
    return values


def decision_of(told: DecisionV1 | None) -> Decision | None:
    """Make a decision."""
    return Decision(told.number, told.signed_on, told.issuer) if told is not None else None


def contacts_of(told: Collection[ContactV1]) -> tuple[Contact, ...]:
    """Make contacts."""
    return tuple(Contact(each.kind, each.value, each.label) for each in told)
