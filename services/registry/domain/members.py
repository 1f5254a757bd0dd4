"""Members: a person who is in teams over time. What the person did is told to all, who it is only to its own unit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations
from typing import Literal
from uuid import UUID

from libs.common.problem import Fault
from libs.common.telephone import BadPhone, e164
from services.registry.domain.contacts import tells_identity
from services.registry.domain.team_life import day_faults
from services.registry.domain.teams import Team

__all__ = [
    "Affiliation",
    "Appointment",
    "Birth",
    "Member",
    "Membership",
    "Person",
    "Post",
    "Role",
    "Training",
    "history_faults",
    "homes",
    "left_all_on",
    "membership_faults",
    "merged",
    "normalised",
    "person_faults",
    "united",
    "with_membership",
    "without_team",
]

Role = Literal["leader", "deputy_leader", "member"]
Affiliation = Literal[
    "youth_union",
    "village_head",
    "police",
    "women_union",
    "farmers_union",
    "veterans_association",
    "enterprise",
    "civil_servant",
    "teacher",
    "student",
    "other",
]
OLDEST_YEARS = 120
YOUNGEST_YEARS = 14
MAX_NAME = 100


@dataclass(frozen=True)
class Membership:
    """A time in a team; `left_on` is the first day outside, `joined_on` None before anyone noted it."""

    team_id: UUID
    role: Role
    joined_on: date | None = None
    left_on: date | None = None


@dataclass(frozen=True)
class Post:
    """A position outside the team, by a code such as youth_union_secretary."""

    post: str
    begin: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class Appointment:
    """A duty towards a unit: a digital ambassador (đại sứ số) of a commune."""

    kind: Literal["digital_ambassador"]
    unit_id: UUID
    begin: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class Training:
    """A course completed."""

    course: str
    completed_on: date


@dataclass(frozen=True)
class Member:
    """A person by an id that says nothing of who it is."""

    record_id: UUID
    memberships: tuple[Membership, ...] = ()
    affiliations: tuple[Affiliation, ...] = ()
    posts: tuple[Post, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    trainings: tuple[Training, ...] = ()
    erased: bool = False


@dataclass(frozen=True)
class Birth:
    """A day of birth, or the year where no more is known."""

    year: int
    day: date | None = None

    def surely_under(self, years: int, on: date) -> bool:
        """Say whether nobody born then can have had that many birthdays by a day."""
        if self.day is None:
            return on.year - self.year < years
        return on.year - self.day.year - ((on.month, on.day) < (self.day.month, self.day.day)) < years


@dataclass(frozen=True)
class Person:
    """Who a member is: kept sealed, never in the log; its fields are not shown when it is printed."""

    name: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)
    birth: Birth | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)


def normalised(person: Person) -> Person:
    """Give the person with the number as E.164, where it is one."""
    try:
        return person if person.phone is None else replace(person, phone=e164(person.phone))
    except BadPhone:
        return person


def person_faults(person: Person, today: date) -> Iterator[Fault]:
    """Give what is wrong with a person's own details; the values themselves are not repeated."""
    if (
        len(person.name) > MAX_NAME
        or not any(c.isalpha() for c in person.name)
        or any(c.isdigit() for c in person.name)
    ):
        yield Fault("bad_name", "/person/name")
    if person.phone is not None:
        try:
            e164(person.phone)
        except BadPhone:
            yield Fault("bad_phone", "/person/phone")
    if (birth := person.birth) is None:
        return
    at = "/person/birth_date" if birth.day is not None else "/person/birth_year"
    if birth.year > today.year or (birth.day is not None and birth.day > today):
        yield Fault("born_in_the_future", at)
    elif not birth.surely_under(OLDEST_YEARS + 1, today):
        yield Fault("member_too_old", at, {"limit": OLDEST_YEARS})
    elif birth.surely_under(YOUNGEST_YEARS, today):
        yield Fault("member_too_young", at, {"limit": YOUNGEST_YEARS})


def membership_faults(
    member: Member, told: Membership, teams: Mapping[UUID, Team], today: date, at: str = ""
) -> Iterator[Fault]:
    """Give what is wrong with a time in a team that a member's history now has; `teams` are those that exist."""
    if (team := teams.get(told.team_id)) is None:
        yield Fault("unknown_team", f"{at}/team_id", {"team": told.team_id})
        return
    joined, left = told.joined_on, told.left_on
    if joined is not None:
        yield from day_faults(joined, today, f"{at}/joined_on")
        if team.established_on is not None and joined < team.established_on:
            yield Fault("joined_before_team", f"{at}/joined_on", {"team": team.code, "day": team.established_on})
    # Of a team that has ended one may tell who was in it, until the day of its end at most.
    if team.dissolved_on is not None and (left is None or left > team.dissolved_on):
        yield Fault("team_has_ended", f"{at}/joined_on", {"team": team.code, "day": team.dissolved_on})
    if left is not None:
        yield from day_faults(left, today, f"{at}/left_on")
    if joined is not None and left is not None and left <= joined:
        yield Fault("left_before_joined", f"{at}/left_on", {"day": joined})
    times = [each for each in member.memberships if each.team_id == told.team_id]
    if any(_overlap(one, other) for one, other in combinations(times, 2)):
        yield Fault("membership_overlaps", f"{at}/joined_on", {"team": team.code})


def history_faults(member: Member, today: date) -> Iterator[Fault]:
    """Give what is wrong with a member's posts, appointments and trainings."""
    for index, post in enumerate(member.posts):
        yield from _period_faults(post.begin, post.end, f"/posts/{index}/to")
    for appointment in member.appointments:
        yield from _period_faults(appointment.begin, appointment.end, "/to")
    for index, training in enumerate(member.trainings):
        if training.completed_on > today:
            yield Fault("not_yet", f"/trainings/{index}/completed_on", {"day": training.completed_on})
        if tells_identity(training.course):
            yield Fault("identity_in_text", f"/trainings/{index}/course")


def _period_faults(begin: date | None, end: date | None, at: str) -> Iterator[Fault]:
    if begin is not None and end is not None and end <= begin:
        yield Fault("range_reversed", at)


def _overlap(one: Membership, other: Membership) -> bool:
    return (
        one.team_id == other.team_id
        and (one.joined_on or date.min) < (other.left_on or date.max)
        and (other.joined_on or date.min) < (one.left_on or date.max)
    )


def with_membership(member: Member, told: Membership) -> Member:
    """Give a member with a time in a team; the same time told again takes the newer role and end, if one is told."""
    for index, known in enumerate(member.memberships):
        vague = (told.joined_on is None or known.joined_on is None) and known.left_on is None
        if known.team_id == told.team_id and (vague or known.joined_on == told.joined_on):
            began, left = known.joined_on or told.joined_on, told.left_on or known.left_on
            newer = replace(known, role=told.role, joined_on=began, left_on=left)
            return replace(member, memberships=(*member.memberships[:index], newer, *member.memberships[index + 1 :]))
    return replace(member, memberships=(*member.memberships, told))


def without_team(member: Member, team_id: UUID, on: date) -> Member:
    """Give a member who is no longer in a team from a day on; what had not begun by then never does."""
    kept = [
        replace(each, left_on=on) if each.team_id == team_id and (each.left_on is None or each.left_on > on) else each
        for each in member.memberships
        if each.team_id != team_id or each.joined_on is None or each.joined_on < on
    ]
    return replace(member, memberships=tuple(kept))


def left_all_on(member: Member) -> date | None:
    """Give the day from which a member is in no team and has no appointment, None while there is one."""
    ends = [each.left_on for each in member.memberships] + [each.end for each in member.appointments]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def homes(member: Member, teams: Mapping[UUID, UUID], on: date) -> set[UUID]:
    """Give the units whose people may know who a member is: of what holds on a day, else of what ended last.

    `teams` gives each team's unit. Who moved on belongs to the new unit only.
    """
    times = [(teams.get(each.team_id), each.left_on) for each in member.memberships]
    times += [(each.unit_id, each.end) for each in member.appointments]
    return _latest(((unit, end) for unit, end in times if unit is not None), on)


def _latest(times: Iterable[tuple[UUID, date | None]], on: date) -> set[UUID]:
    known = list(times)
    holding = {unit for unit, end in known if end is None or end > on}
    last = max((end for _, end in known if end is not None), default=None)
    return holding or {unit for unit, end in known if end == last}


def united(member: Member, told: Member) -> Member:
    """Give a member with what another telling adds: nothing is taken away, an end that is told is taken over."""
    after = member
    for membership in told.memberships:
        after = with_membership(after, membership)
    posts = {(each.post, each.begin): each for each in (*member.posts, *told.posts)}
    duties = {(each.kind, each.unit_id, each.begin): each for each in (*member.appointments, *told.appointments)}
    return replace(
        after,
        affiliations=tuple(dict.fromkeys((*member.affiliations, *told.affiliations))),
        posts=tuple(posts.values()),
        appointments=tuple(duties.values()),
        trainings=tuple(dict.fromkeys((*member.trainings, *told.trainings))),
    )


def merged(known: Person, told: Person) -> Person:
    """Give a person with what is told anew; what is not told stays, as does a name told in other letter case.

    Lists write the same person now in capitals, now not, even twice in one file.
    """
    name = known.name if known.name.casefold() == told.name.casefold() else told.name
    return Person(name, told.phone or known.phone, told.birth or known.birth, told.code or known.code)
