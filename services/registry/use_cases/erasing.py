"""Members forgotten in time, and sealed anew under a new key; in batches, each of which the caller commits."""

from dataclasses import dataclass, replace
from datetime import date

from libs.common.db import Connection
from libs.common.sealing import Sealed
from libs.contracts.network import MemberV1
from libs.contracts.topics import type_of
from services.registry.events import event_of, member_of
from services.registry.store import log, members
from services.registry.store.members import Row
from services.registry.use_cases.registering import marks_of
from services.registry.use_cases.safe import Safe

__all__ = ["AT_ONCE", "Rotated", "count_due", "erase_due", "rotate"]

AT_ONCE = 500
MEMBER = type_of(MemberV1)


@dataclass(frozen=True)
class Rotated:
    """How many were sealed anew, and how many are left."""

    sealed: int
    left: int


async def count_due(connection: Connection, today: date, retention_months: int) -> int:
    """Count the members who are to be forgotten on a day."""
    return await members.count_due(connection, today, retention_months)


async def erase_due(connection: Connection, today: date, retention_months: int) -> int:
    """Forget who left everything longer ago than the retention period; gives how many, 0 where none is left, or
    another process is at it. What they did stays, under ids that say nothing.
    """
    if not await members.try_lock_erasing(connection):
        return 0
    await log.lock(connection)
    due = await members.due(connection, today, retention_months, AT_ONCE)
    heads = await log.heads_of(connection, MEMBER, due)
    told = [event_of(replace(member_of(head.body), erased=True), head.revision + 1) for head in heads.values()]
    await log.append(connection, told)
    await members.erase(connection, due)
    return len(due)


async def rotate(connection: Connection, safe: Safe) -> Rotated:
    """Seal members under the newest key who are under an older one; raises CannotOpen where a key is not there."""
    await log.lock(connection)
    rows = await members.outdated(connection, safe.key_id, AT_ONCE)
    people = {row.member_id: safe.open(row.member_id, Sealed(row.key_id, row.sealed)) for row in rows}
    newer = []
    for row in rows:
        sealed = safe.seal(row.member_id, people[row.member_id])
        newer.append(Row(row.member_id, row.province_id, sealed.key_id, sealed.box))
    await members.save(connection, newer, {member_id: marks_of(safe, person) for member_id, person in people.items()})
    return Rotated(len(rows), await members.count_outdated(connection, safe.key_id))
