"""Who is in a team that ends leaves it, or goes over to the one that takes over."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.network import MemberV1
from libs.contracts.topics import type_of
from services.registry.domain.members import Member, Membership, with_membership, without_team
from services.registry.events import event_of, member_of
from services.registry.store import log, members

__all__ = ["end_with_teams"]

MEMBER = type_of(MemberV1)


async def end_with_teams(connection: Connection, ends: Mapping[UUID, date], *, to: UUID | None = None) -> int:
    """End the memberships of teams on the day named for each, five statements however many there are; gives how many
    members that changed. With `to`, who was in one of them on the day before is in that team from then on. The caller
    holds the lock of the log and commits.
    """
    heads = await log.heads_of(connection, MEMBER, await members.in_teams(connection, ends))
    told = {member_id: (head, member_of(head.body)) for member_id, head in heads.items()}
    changed = [(head, _after(member, ends, to)) for head, member in told.values()]
    await log.append(connection, [event_of(member, head.revision + 1) for head, member in changed])
    await members.save_history(connection, [member for _, member in changed])
    return len(changed)


def _after(member: Member, ends: Mapping[UUID, date], to: UUID | None) -> Member:
    after = member
    for each in member.memberships:
        day = ends.get(each.team_id)
        if day is None or (each.left_on is not None and each.left_on <= day):
            continue
        after = without_team(after, each.team_id, day)
        begun = each.joined_on is None or each.joined_on < day
        if to is not None and begun and not any(one.team_id == to and one.left_on is None for one in after.memberships):
            after = with_membership(after, Membership(to, each.role, day, each.left_on))
    return after
