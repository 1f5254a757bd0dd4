"""Reading teams with their history, members, rosters, waves and models; names only where they may be seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.problem import Problem
from libs.common.sealing import Sealed
from libs.contracts.members_api import MemberPage, MemberView, PersonView
from libs.contracts.network import MemberV1
from libs.contracts.registry import TeamV1
from libs.contracts.teams_api import TeamDetail, TeamRevision
from libs.contracts.topics import type_of
from services.registry.domain.members import Person, homes
from services.registry.domain.team_life import status_on
from services.registry.events import member_of, team_of
from services.registry.store import audit, changes, log, members, reads
from services.registry.store.audit import Audited
from services.registry.store.members import Wanted
from services.registry.store.reads import Days, Page
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.members import teams_of
from services.registry.use_cases.placed import Kind
from services.registry.use_cases.reading import Paging

__all__ = ["Reader", "list_members", "list_placed", "read_member", "read_team"]

TEAM, MEMBER = type_of(TeamV1), type_of(MemberV1)


@dataclass(frozen=True)
class Reader:
    """Who reads: a client with its subtree, whether it asks for names, and whether it has the scope for them."""

    client_id: str
    root: UUID | None
    names: bool
    may_see_names: bool

    def check(self) -> None:
        """Raise Problem where names are asked for that this client never sees."""
        if self.names and not self.may_see_names:
            raise Problem("scope_missing", scope="members:read")
        if self.names and self.root is None:
            raise Problem("names_need_a_unit")


def units_within(desk: Desk, unit_id: UUID | None, root: UUID | None) -> set[UUID] | None:
    """Give the units that lie in a unit and in a client's subtree; None for all there are."""
    held = [desk.atlas.held_by(each) for each in (unit_id, root) if each is not None]
    return set.intersection(*held) if held else None


async def read_team(desk: Desk, team_id: UUID, root: UUID | None, on: date) -> TeamDetail:
    """Give a team with all that was told of it; raises Problem record_unknown."""
    revisions = await reads.history(desk.connection, TEAM, team_id)
    if not revisions or not desk.reaches(root, team_of(revisions[0].body).unit_id):
        raise Problem("record_unknown", id=str(team_id))
    told = [
        TeamRevision(revision=each.revision, told_at=each.told_at, team=TeamV1.model_validate_json(each.body))
        for each in revisions
    ]
    return TeamDetail(
        team=told[0].team,
        on=on,
        status=status_on(team_of(revisions[0].body), on),
        predecessors=await changes.predecessors(desk.connection, team_id),
        revisions=told,
    )


async def list_placed(
    desk: Desk, kind: Kind, unit_id: UUID | None, root: UUID | None, on: date | None, paging: Paging
) -> Page:
    """Give a page of rosters, waves or models within a unit and the client's subtree, on a day."""
    units = units_within(desk, unit_id, root)
    days = Days(on, kind.first, kind.last, inclusive=kind.noun == "wave") if on is not None else None
    return await reads.page_in_units(desk.connection, type_of(kind.contract), units, days, (paging.after, paging.limit))


async def read_member(desk: Desk, member_id: UUID, reader: Reader) -> MemberView:
    """Give a member; raises Problem record_unknown where there is none within the reader's subtree."""
    reader.check()
    views = await _views(desk, [member_id], reader, only_own=True)
    if not views:
        raise Problem("record_unknown", id=str(member_id))
    return views[0]


async def list_members(
    desk: Desk, reader: Reader, *, team_id: UUID | None, unit_id: UUID | None, on: date, paging: Paging
) -> MemberPage:
    """Give a page of those who are in a team, or in the teams of a unit, on a day, within the reader's subtree."""
    reader.check()
    units = units_within(desk, unit_id, reader.root) or set()
    if team_id is not None:
        head = await log.newest(desk.connection, TEAM, team_id)
        if head is None or not desk.reaches(reader.root, team_of(head.body).unit_id):
            raise Problem("unknown_team", team=team_id)
        wanted = Wanted([team_id], [], on, paging.after, paging.limit + 1)
    else:
        teams = await reads.ids_in_units(desk.connection, TEAM, units)
        wanted = Wanted(teams, units, on, paging.after, paging.limit + 1)
    found = await members.find(desk.connection, wanted)
    page = found[: paging.limit]
    views = await _views(desk, page, reader)
    return MemberPage(members=views, next=str(page[-1]) if len(found) > len(page) else None)


async def _views(desk: Desk, member_ids: Sequence[UUID], reader: Reader, *, only_own: bool = False) -> list[MemberView]:
    """Give members; names of those only who are the reader's own now, or were last. Each of these is audited."""
    heads = await log.heads_of(desk.connection, MEMBER, member_ids)
    told = {key: member_of(head.body) for key, head in heads.items()}
    units = {key: team.unit_id for key, team in (await teams_of(desk, list(told.values()))).items()}
    near = {
        key: [unit for unit in homes(member, units, desk.today) if desk.reaches(reader.root, unit)]
        for key, member in told.items()
    }
    listed = [key for key in member_ids if key in told and (near[key] or not only_own)]
    people = await _people(desk, [key for key in listed if near[key]], reader) if reader.names else {}
    if people:
        entries = (Audited(reader.client_id, "member.read", "member", str(key), near[key][0]) for key in people)
        await audit.note(desk.connection, *entries)
    return [MemberView(member=MemberV1.model_validate_json(heads[key].body), person=people.get(key)) for key in listed]


async def _people(desk: Desk, member_ids: Collection[UUID], reader: Reader) -> dict[UUID, PersonView]:
    """Give who members are; those who were erased are left out."""
    rows = await members.load(desk.connection, member_ids)
    return {key: _person(desk.safe.open(key, Sealed(row.key_id, row.sealed))) for key, row in rows.items()}


def _person(person: Person) -> PersonView:
    birth = person.birth
    return PersonView(
        name=person.name,
        phone=person.phone,
        birth_date=birth.day if birth else None,
        birth_year=birth.year if birth else None,
        code=person.code,
    )
