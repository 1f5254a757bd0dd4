"""How one record is changed by one client: in turn, by the revision it has seen, each change once."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from libs.common.db import Connection
from libs.common.problem import Fault, Problem, first_faults
from libs.common.telephone import e164
from services.registry.domain import provinces
from services.registry.domain.atlas import Atlas, Wanted
from services.registry.domain.contacts import Contact, is_mobile
from services.registry.domain.team_life import unit_faults
from services.registry.domain.units import Unit
from services.registry.events import Record, event_of
from services.registry.store import audit, changes, log, members
from services.registry.store.audit import Audited
from services.registry.store.log import Head
from services.registry.use_cases.safe import Safe

__all__ = [
    "Asked",
    "Desk",
    "Outcome",
    "begin",
    "finish",
    "members_contacts",
    "note",
    "refuse",
    "seen_before",
    "unit_named",
]

Status = Literal["created", "recognised", "changed", "same", "duplicate"]


@dataclass(frozen=True)
class Desk:
    """What a use case works with; the caller owns the connection's transaction and commits."""

    connection: Connection
    safe: Safe
    atlas: Atlas
    today: date

    def reaches(self, root: UUID | None, unit_id: UUID) -> bool:
        """Say whether a unit lies within a client's subtree; None is the whole country."""
        unit = self.atlas.units.get(unit_id)
        return root is None or (unit is not None and root in unit.within)

    def need_reach(self, root: UUID | None, unit: Unit) -> None:
        """Raise Problem outside_subtree unless a unit lies within a client's subtree."""
        if not self.reaches(root, unit.record_id):
            raise Problem("outside_subtree", unit=unit.name)


@dataclass(frozen=True)
class Asked:
    """A change as a client sent it: its id, who sent it, and the content, which may tell who somebody is."""

    change_id: UUID
    client_id: str
    root: UUID | None
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of a change, and the record's state after it."""

    status: Status
    record_id: UUID
    body: bytes


def refuse(faults: Iterable[Fault]) -> None:
    """Raise a Problem with the faults, if there are any: by the code of the one there is, or malformed for several."""
    if found := first_faults(faults):
        only = found[0] if len(found) == 1 else Fault("malformed")
        raise Problem(only.code, faults=found, **only.params)


async def seen_before(desk: Desk, asked: Asked) -> UUID | None:
    """Give the record of a change that was stored before; raises Problem id_reused where it was another one."""
    seen = await changes.find(desk.connection, asked.change_id)
    if seen is None:
        return None
    if not desk.safe.is_digest(seen.digest, asked.content):
        raise Problem("id_reused", id=str(asked.change_id))
    return seen.record_id


async def begin(
    desk: Desk, asked: Asked, event_type: str, record_id: UUID, replaces: int, may: Callable[[bytes], Awaitable[bool]]
) -> Head | Outcome:
    """Take the turn and give the state to change, or the outcome where this change was stored before.

    Raises Problem record_unknown where there is none that the client may touch, id_reused, or stale_revision with the
    state as it is.
    """
    await log.lock(desk.connection)
    head = await log.newest(desk.connection, event_type, record_id)
    if head is None or not await may(head.body):
        raise Problem("record_unknown", id=str(record_id))
    seen = await seen_before(desk, asked)
    if seen is not None and seen != record_id:
        raise Problem("id_reused", id=str(asked.change_id))
    if seen is not None:
        return Outcome("duplicate", record_id, head.body)
    if head.revision != replaces:
        extra = {"record": msgspec.json.decode(head.body)}
        raise Problem("stale_revision", current=head.revision, replaces=replaces, extra=extra)
    return head


async def finish(
    desk: Desk,
    asked: Asked,
    record: Record,
    before: Head | None,
    action: str,
    unit_id: UUID | None,
    *,
    beside: bool = False,
) -> Outcome:
    """Append a record's new state, unless nothing changed; note the change and who made it (`team.dissolved`).

    `beside`: what is kept beside the log changed, which is a revision as well, so that of two writers one is told.
    """
    event = event_of(record, before.revision if before is not None else 1)
    status: Status = "created" if before is None else "same"
    if before is not None and (beside or event.body != before.body):
        event, status = event_of(record, before.revision + 1), "changed"
    if status != "same":
        await log.append(desk.connection, [event])
    await note(desk, asked, record.record_id, action, unit_id, event.revision)
    return Outcome(status, record.record_id, event.body)


async def note(desk: Desk, asked: Asked, record_id: UUID, action: str, unit_id: UUID | None, revision: int) -> None:
    """Remember a change by its id, and write into the audit log who made it."""
    seen = changes.Seen(asked.change_id, record_id, desk.safe.digest(asked.content))
    await changes.add(desk.connection, seen)
    kind = action.partition(".")[0]
    after = {"revision": revision}
    await audit.note(desk.connection, Audited(asked.client_id, action, kind, str(record_id), unit_id, after=after))


def unit_named(atlas: Atlas, text: str, day: date, at: str = "/unit") -> Unit:
    """Give the unit meant by an id, or by a code that holds on a day; raises Problem, for an abolished one by name."""
    try:
        unit, unknown = atlas.units.get(UUID(text)), Fault("unknown_unit", at, {"unit": text[:50]})
    except ValueError:
        unit, unknown = atlas.on(text, day), Fault("unknown_unit_code", at, {"code": text[:50]})
        if unit is None and (bearers := atlas.find(Wanted(code=text))):
            refuse(unit_faults(max(bearers, key=lambda each: each.valid_to or date.max), day, at))
    if unit is None:
        raise Problem(unknown.code, faults=[unknown], **unknown.params)
    return unit


async def members_contacts(desk: Desk, contacts: Sequence[Contact], unit_id: UUID) -> list[Fault]:
    """Give a fault for each contact that is the number of a member of the same province: it is a person's own."""
    phones = {e164(each.value): index for index, each in enumerate(contacts) if is_mobile(each)}
    if not phones:
        return []
    marks = {mark: number for number in phones for mark in desk.safe.phone_marks([number])}
    family = provinces.family(desk.atlas, provinces.home(desk.atlas, unit_id))
    met = await members.met(desk.connection, list(marks), family)
    found = {phones[marks[mark.digest]] for mark, _ in met if mark.digest in marks}
    return [Fault("contact_is_a_members", f"/contacts/{index}/value") for index in sorted(found)]
