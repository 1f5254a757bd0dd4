"""Members by the thousand: met again by code, or by name and phone, and told of their teams; the caller commits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from libs.common.problem import Fault
from libs.common.sealing import Sealed
from libs.contracts.network import MemberV1
from libs.contracts.registry import TeamV1
from libs.contracts.topics import type_of
from services.registry.domain import provinces
from services.registry.domain.atlas import fold
from services.registry.domain.members import (
    Member,
    Person,
    history_faults,
    membership_faults,
    merged,
    normalised,
    person_faults,
    united,
)
from services.registry.domain.teams import Team
from services.registry.events import event_of, member_of, team_of
from services.registry.store import log, members
from services.registry.store.log import Head
from services.registry.store.members import Mark, Row
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.safe import CODE, NAME_AND_PHONE, PHONE, Safe

__all__ = ["MEMBER", "TEAM", "Registered", "Registration", "marks_of", "register"]

ROWS_AT_ONCE = 100
MEMBER, TEAM = type_of(MemberV1), type_of(TeamV1)


@dataclass(frozen=True)
class Registration:
    """A person as one row tells it, with at least one membership or appointment.

    `told.record_id` is the member's id if the person turns out to be new. A row without code and phone is met again by
    that id alone: make it of the row's own key, so that the same file read twice means the same people.
    `rename`: where the code is known under another name, the name is changed; else that is refused.
    """

    told: Member
    person: Person = field(repr=False)
    rename: bool = False


@dataclass(frozen=True)
class Registered:
    """What became of a row; `refused` with what is wrong, at pointers such as /person/phone, /team_id, /joined_on."""

    status: Literal["created", "changed", "same", "refused"]
    member_id: UUID
    revision: int
    faults: tuple[Fault, ...] = ()


async def register(desk: Desk, rows: Sequence[Registration], *, write: bool = True) -> list[Registered]:
    """Take rows in their order, any number at once; gives what became of each, in the same order.

    About ten statements however many rows there are, five thousand rows to a statement of the log. Rows that are
    refused are not stored and do not keep the others back: who wants all or nothing looks at the statuses and rolls
    back. With `write=False` nothing is stored and no lock is taken: a rehearsal. The caller's transaction must be able
    to live as long as the batch takes (16,000 rows: some seconds), and it checks beforehand that the teams lie within
    the client's subtree. Person and phone are to come as they were written; they are normalised here.
    """
    if write:
        await log.lock(desk.connection)
    batch = await _open(desk, rows)
    found = []
    for index, row in enumerate(rows):
        if index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
            await asyncio.sleep(0)  # A file is seconds of work, and others wait.
        found.append(batch.take(row))
    if write:
        await batch.write()
    return found


def marks_of(safe: Safe, person: Person) -> list[Mark]:
    """Give the marks under which a person is to be met again, by the newest key."""
    return [Mark(kind, digests[-1]) for kind, digests in safe.marks(person).items()]


async def _open(desk: Desk, rows: Sequence[Registration]) -> "_Batch":
    """Read all that the rows may mean: their teams, and the members that bear one of their marks."""
    team_ids = {each.team_id for row in rows for each in row.told.memberships}
    teams = {key: team_of(head.body) for key, head in (await log.heads_of(desk.connection, TEAM, team_ids)).items()}
    units = {team.unit_id for team in teams.values()}
    units |= {each.unit_id for row in rows for each in row.told.appointments}
    homes = {unit: provinces.home(desk.atlas, unit) for unit in units if unit in desk.atlas.units}
    home_of = {each: home for home in set(homes.values()) for each in provinces.family(desk.atlas, home)}
    marks = {person: desk.safe.marks(person) for person in {normalised(row.person) for row in rows}}
    digests = {
        digest for each in marks.values() for kind, under_each in each.items() if kind != PHONE for digest in under_each
    }
    met = await members.met(desk.connection, digests, home_of)
    bearers = {(mark, home_of[province]): ids[0] for (mark, province), ids in met.items()}
    ids = {*bearers.values(), *(row.told.record_id for row in rows)}
    heads = await log.heads_of(desk.connection, MEMBER, ids)
    kept = await members.load(desk.connection, ids)
    return _Batch(desk, teams, homes, bearers, heads, kept, marks)


@dataclass
class _Batch:
    """Members while rows are taken: as they are stored, and as they will be."""

    desk: Desk
    teams: dict[UUID, Team]
    homes: dict[UUID, UUID]
    bearers: dict[tuple[Mark, UUID], UUID]
    heads: dict[UUID, Head]
    kept: dict[UUID, Row]
    marks: dict[Person, dict[str, list[bytes]]] = field(repr=False)
    now: dict[UUID, Member] = field(default_factory=dict)
    people: dict[UUID, Person] = field(default_factory=dict, repr=False)
    sealing: dict[UUID, UUID] = field(default_factory=dict)
    """Whose details are to be sealed anew, with the province."""

    def take(self, row: Registration) -> Registered:
        """Take a row; nothing of it is kept where something is wrong with it."""
        person, told, today = normalised(row.person), row.told, self.desk.today
        faults = [*person_faults(person, today)]
        faults += [fault for each in told.memberships for fault in membership_faults(told, each, self.teams, today)]
        home = self._home(told)
        if home is None and not faults:
            faults.append(Fault("unknown_unit", "/unit", {"unit": ""}))
        met = self._meet(person, home, row) if home is not None and not faults else None
        if isinstance(met, Fault):
            faults.append(met)
            met = None
        member_id = met or told.record_id
        head = self.heads.get(member_id)
        before = self.now.get(member_id) or (member_of(head.body) if head is not None else None)
        if before is not None and before.erased:
            faults.append(Fault("member_erased", ""))
        after = united(before or Member(member_id), told)
        if not faults:
            faults += [
                fault for each in told.memberships for fault in membership_faults(after, each, self.teams, today)
            ]
            faults += history_faults(after, today)
        if faults or home is None:
            return Registered("refused", member_id, head.revision if head else 0, tuple(faults))
        return self._keep(before, after, person, home)

    def _keep(self, before: Member | None, after: Member, told: Person, home: UUID) -> Registered:
        member_id = after.record_id
        known = self._person(member_id)
        person = merged(known, told) if known is not None else told
        if person != known:
            kept = self.kept.get(member_id)
            self.sealing[member_id] = kept.province_id if kept else home
        self.people[member_id] = person
        for mark in self._marks(person):
            self.bearers[mark, home] = member_id
        if before != after or person != known:
            self.now[member_id] = after
        head = self.heads.get(member_id)
        status: Literal["created", "changed", "same"] = "same"
        if before is None:
            status = "created"
        elif before != after or person != known:
            status = "changed"
        return Registered(status, member_id, (head.revision if head else 0) + (member_id in self.now))

    def _meet(self, person: Person, home: UUID, row: Registration) -> UUID | Fault | None:
        """Give the member whom the province has already; a Fault where that is said in two ways."""
        marks = self.marks[person]
        by_code = self._bearer(CODE, marks, home)
        if by_code is not None:
            known = self._person(by_code)
            same = known is None or row.rename or fold(known.name) == fold(person.name)
            return by_code if same else Fault("member_name_differs", "/person/name")
        by_name = self._bearer(NAME_AND_PHONE, marks, home)
        if by_name is not None and person.code is not None:
            known = self._person(by_name)
            if known is not None and known.code is not None:
                return Fault("member_code_differs", "/person/code")
        return by_name

    def _bearer(self, kind: str, marks: dict[str, list[bytes]], home: UUID) -> UUID | None:
        found = (self.bearers.get((Mark(kind, digest), home)) for digest in marks.get(kind, ()))
        return next((member_id for member_id in found if member_id is not None), None)

    def _person(self, member_id: UUID) -> Person | None:
        if member_id not in self.people and member_id in self.kept:
            row = self.kept[member_id]
            self.people[member_id] = self.desk.safe.open(member_id, Sealed(row.key_id, row.sealed))
        return self.people.get(member_id)

    def _marks(self, person: Person) -> list[Mark]:
        """Give the marks by the newest key; they are made once for each person, as that is most of the work."""
        if person not in self.marks:
            self.marks[person] = self.desk.safe.marks(person)
        return [Mark(kind, digests[-1]) for kind, digests in self.marks[person].items()]

    def _home(self, told: Member) -> UUID | None:
        units = [self.teams[each.team_id].unit_id for each in told.memberships if each.team_id in self.teams]
        units += [each.unit_id for each in told.appointments]
        return next((self.homes[unit] for unit in units if unit in self.homes), None)

    async def write(self) -> None:
        """Append and seal all that has changed."""
        connection, safe = self.desk.connection, self.desk.safe
        revisions = {member_id: head.revision for member_id, head in self.heads.items()}
        events = [event_of(member, revisions.get(member.record_id, 0) + 1) for member in self.now.values()]
        await log.append(connection, events)
        rows = []
        for member_id, province in self.sealing.items():
            sealed = safe.seal(member_id, self.people[member_id])
            rows.append(Row(member_id, province, sealed.key_id, sealed.box))
        marks = {member_id: self._marks(self.people[member_id]) for member_id in self.sealing}
        await members.save(connection, rows, marks)
        await members.save_history(connection, list(self.now.values()))
