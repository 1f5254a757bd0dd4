"""Members, one at a time; for many at once see `registering`. The caller commits."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from libs.common.problem import Fault, Problem
from libs.common.sealing import Sealed
from libs.contracts.members_api import (
    AppointMember,
    ChangeMember,
    EraseMember,
    JoinTeam,
    LeaveTeam,
    PersonInput,
    PostInput,
    RegisterMember,
    TrainingInput,
    TrainMember,
)
from services.registry.domain import provinces
from services.registry.domain.members import (
    Appointment,
    Birth,
    Member,
    Membership,
    Person,
    Post,
    Training,
    history_faults,
    homes,
    membership_faults,
    normalised,
    person_faults,
    united,
    with_membership,
)
from services.registry.domain.teams import Team
from services.registry.events import member_of, team_of
from services.registry.store import log, members
from services.registry.store.log import Head
from services.registry.store.members import Mark, Row
from services.registry.use_cases.changing import (
    Asked,
    Desk,
    Outcome,
    begin,
    finish,
    note,
    refuse,
    seen_before,
    unit_named,
)
from services.registry.use_cases.registering import MEMBER, TEAM, Registration, marks_of, register
from services.registry.use_cases.safe import PHONE

__all__ = ["appoint", "change", "erase", "join", "leave", "register_one", "teams_of", "train"]


async def register_one(desk: Desk, asked: Asked, told: RegisterMember) -> Outcome:
    """Take a person into a team; raises Problem. The same sent again gives the member as it is now."""
    await log.lock(desk.connection)
    seen = await seen_before(desk, asked)
    if seen is None and await log.exists(desk.connection, told.id):
        raise Problem("id_reused", id=str(told.id))
    if seen is None:
        await _need_team(desk, asked, told.team_id)
        member = Member(
            told.id,
            (Membership(told.team_id, told.role, told.joined_on, told.left_on),),
            tuple(told.affiliations),
            _posts(told.posts),
            (),
            _trainings(told.trainings),
        )
        (found,) = await register(desk, [Registration(member, _person(told.person), told.rename)])
        refuse(found.faults)
        seen = found.member_id
        await note(desk, asked, seen, "member.registered", await _unit(desk, told.team_id), found.revision)
    else:
        found = None
    head = await log.newest(desk.connection, MEMBER, seen)
    if head is None:
        raise Problem("id_reused", id=str(told.id))
    if found is None:
        return Outcome("duplicate", seen, head.body)
    return Outcome("created" if found.status == "created" else "recognised", seen, head.body)


async def change(desk: Desk, asked: Asked, member_id: UUID, told: ChangeMember) -> Outcome:
    """Replace who a member is, or affiliations, posts, trainings; raises Problem."""
    opened = await _open(desk, asked, member_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    member, head = opened
    given = told.model_fields_set
    after = replace(
        member,
        affiliations=tuple(dict.fromkeys(told.affiliations)) if "affiliations" in given else member.affiliations,
        posts=_posts(told.posts) if "posts" in given else member.posts,
        trainings=_trainings(told.trainings) if "trainings" in given else member.trainings,
    )
    refuse(history_faults(after, desk.today))
    renamed = told.person is not None and await _reseal(desk, member_id, _person(told.person))
    return await _finish(desk, asked, after, head, "member.changed", beside=renamed)


async def join(desk: Desk, asked: Asked, member_id: UUID, told: JoinTeam) -> Outcome:
    """Have a member join a team, or give another role in it; raises Problem."""
    opened = await _open(desk, asked, member_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    member, head = opened
    team = await _need_team(desk, asked, told.team_id)
    membership = Membership(told.team_id, told.role, told.joined_on)
    after = with_membership(member, membership)
    refuse(membership_faults(after, membership, {told.team_id: team}, desk.today))
    return await _finish(desk, asked, after, head, "member.joined")


async def leave(desk: Desk, asked: Asked, member_id: UUID, told: LeaveTeam) -> Outcome:
    """Have a member leave a team; raises Problem."""
    opened = await _open(desk, asked, member_id, told.replaces, erased=True)
    if isinstance(opened, Outcome):
        return opened
    member, head = opened
    team = await _need_team(desk, asked, told.team_id)
    open_ones = [each for each in member.memberships if each.team_id == told.team_id and each.left_on is None]
    if not open_ones:
        refuse([Fault("not_in_team", "/team_id", {"team": team.code})])
    left = replace(open_ones[0], left_on=told.left_on)
    after = replace(member, memberships=tuple(left if each is open_ones[0] else each for each in member.memberships))
    refuse(membership_faults(after, left, {told.team_id: team}, desk.today))
    return await _finish(desk, asked, after, head, "member.left")


async def train(desk: Desk, asked: Asked, member_id: UUID, told: TrainMember) -> Outcome:
    """Note a course that a member completed; raises Problem."""
    opened = await _open(desk, asked, member_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    member, head = opened
    after = united(member, Member(member_id, trainings=(Training(told.course, told.completed_on),)))
    refuse(
        Fault(fault.code, "/" + fault.pointer.rpartition("/")[2], fault.params)
        for fault in history_faults(after, desk.today)
    )
    return await _finish(desk, asked, after, head, "member.trained")


async def appoint(desk: Desk, asked: Asked, member_id: UUID, told: AppointMember) -> Outcome:
    """Make a member a digital ambassador of a unit, or end that; raises Problem."""
    opened = await _open(desk, asked, member_id, told.replaces)
    if isinstance(opened, Outcome):
        return opened
    member, head = opened
    unit = unit_named(desk.atlas, told.unit, told.from_)
    desk.need_reach(asked.root, unit)
    after = united(
        member, Member(member_id, appointments=(Appointment(told.kind, unit.record_id, told.from_, told.to),))
    )
    refuse(history_faults(after, desk.today))
    return await _finish(desk, asked, after, head, "member.appointed")


async def erase(desk: Desk, asked: Asked, member_id: UUID, told: EraseMember) -> Outcome:
    """Forget who a member is, at once; what the member did stays. Raises Problem."""
    opened = await _open(desk, asked, member_id, told.replaces, erased=True)
    if isinstance(opened, Outcome):
        return opened
    member, head = opened
    outcome = await finish(desk, asked, replace(member, erased=True), head, "member.erased", None)
    await members.erase(desk.connection, [member_id])
    return outcome


async def teams_of(desk: Desk, told: Sequence[Member]) -> dict[UUID, Team]:
    """Give the teams that members are or were in."""
    ids = {each.team_id for member in told for each in member.memberships}
    return {key: team_of(head.body) for key, head in (await log.heads_of(desk.connection, TEAM, ids)).items()}


async def _open(
    desk: Desk, asked: Asked, member_id: UUID, replaces: int, *, erased: bool = False
) -> tuple[Member, Head] | Outcome:
    async def may(body: bytes) -> bool:
        member = member_of(body)
        units = {key: team.unit_id for key, team in (await teams_of(desk, [member])).items()}
        return any(desk.reaches(asked.root, unit) for unit in homes(member, units, desk.today))

    head = await begin(desk, asked, MEMBER, member_id, replaces, may)
    if isinstance(head, Outcome):
        return head
    member = member_of(head.body)
    if member.erased and not erased:
        raise Problem("member_erased")
    return member, head


async def _finish(desk: Desk, asked: Asked, after: Member, head: Head, action: str, *, beside: bool = False) -> Outcome:
    outcome = await finish(desk, asked, after, head, action, None, beside=beside)
    await members.save_history(desk.connection, [after])
    return outcome


async def _need_team(desk: Desk, asked: Asked, team_id: UUID) -> Team:
    """Give a team within the client's subtree; raises Problem unknown_team, alike for one that lies outside."""
    head = await log.newest(desk.connection, TEAM, team_id)
    team = team_of(head.body) if head is not None else None
    if team is None or not desk.reaches(asked.root, team.unit_id):
        raise Problem("unknown_team", faults=[Fault("unknown_team", "/team_id", {"team": team_id})], team=team_id)
    return team


async def _unit(desk: Desk, team_id: UUID) -> UUID | None:
    head = await log.newest(desk.connection, TEAM, team_id)
    return team_of(head.body).unit_id if head is not None else None


async def _reseal(desk: Desk, member_id: UUID, told: Person) -> bool:
    """Seal who a member is anew, and say whether that differs; raises Problem where it is somebody else already."""
    person = normalised(told)
    refuse(person_faults(person, desk.today))
    row = (await members.load(desk.connection, [member_id]))[member_id]
    if person == desk.safe.open(member_id, Sealed(row.key_id, row.sealed)):
        return False
    family = provinces.family(desk.atlas, provinces.home(desk.atlas, row.province_id))
    marks = {Mark(kind, digest) for kind, each in desk.safe.marks(person).items() if kind != PHONE for digest in each}
    met = await members.met(desk.connection, [mark.digest for mark in marks], family)
    if any(other != member_id for (mark, _), others in met.items() if mark in marks for other in others):
        refuse([Fault("member_exists", "/person")])
    sealed = desk.safe.seal(member_id, person)
    kept = Row(member_id, row.province_id, sealed.key_id, sealed.box)
    await members.save(desk.connection, [kept], {member_id: marks_of(desk.safe, person)})
    return True


def _person(told: PersonInput) -> Person:
    day, year = told.birth_date, told.birth_year
    if day is not None and year is not None and day.year != year:
        refuse([Fault("birth_year_differs", "/person/birth_year")])
    birth = Birth(day.year, day) if day is not None else Birth(year) if year is not None else None
    return Person(told.name, told.phone, birth, told.code)


def _posts(told: Sequence[PostInput]) -> tuple[Post, ...]:
    return tuple(Post(each.post, each.from_, each.to) for each in told)


def _trainings(told: Sequence[TrainingInput]) -> tuple[Training, ...]:
    return tuple(Training(each.course, each.completed_on) for each in told)
