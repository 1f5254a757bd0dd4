"""Saying in which unit a held record counts, where the territory that was meant had been divided."""

from dataclasses import dataclass
from uuid import UUID

from msgspec import structs, to_builtins

from libs.common.db import Connection
from libs.common.problem import Fault, Problem
from services.visits import events, store
from services.visits.domain.codes import CodeList, named
from services.visits.domain.directory import Directory, Unit
from services.visits.domain.draft import Draft
from services.visits.domain.place import Settled, Waiting, candidates, choice_in
from services.visits.store import Decision, Sent, Stored
from services.visits.use_cases.change import problem_of
from services.visits.use_cases.prepare import Author
from services.visits.use_cases.receipts import Receipt, Receipts
from services.visits.use_cases.record import say_held
from services.visits.use_cases.settle import Root, edition, place_of
from services.visits.use_cases.view import record_view

__all__ = ["CHOSEN", "Asked", "lies_within", "resolve"]

CHOSEN = "unit_chosen"
"""The flag of a record whose unit somebody chose."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A choice as it was asked for; `digest` covers its record and its content.

    `as_sender` says that the caller may change the record as its sender does, `as_officer` that it may settle what
    others sent within its own subtree.
    """

    record_id: UUID
    decision_id: UUID
    replaces: int | None
    unit: str
    digest: bytes
    author: Author
    as_sender: bool
    as_officer: bool


async def resolve(
    connection: Connection, asked: Asked, directory: Directory, root_of: Root, sent: Sent, receipts: Receipts
) -> Receipt:
    """Append the edition that counts in the unit chosen and give the receipt; the caller commits.

    Every check that was skipped when the record came is made now, its sender's scope included; where one fails, nothing
    is changed. Raises Problem: record_unknown, stale_revision, nothing_to_resolve, unit_not_a_candidate …
    """
    await store.lock_records(connection, [asked.record_id])
    current = await store.latest(connection, asked.record_id)
    if current is None or not _may(asked, current, directory):
        raise Problem("record_unknown", id=str(asked.record_id))
    if (before := await _seen_before(connection, asked, receipts)) is not None:
        return before
    draft = _waiting(asked, current, directory)
    chosen = _chosen(asked, current, draft, directory)
    root = _sender_root(current, root_of, chosen)
    unit = structs.replace(draft, unit_id=chosen.unit_id).flagged(CHOSEN)
    settled, place = place_of(unit, directory, root)
    if isinstance(place, list):
        raise problem_of(tuple(place))
    decision = Decision(
        asked.decision_id,
        current.record_id,
        current.revision,
        current.edition + 1,
        chosen.unit_id,
        asked.digest,
        asked.author.client_id,
        sent.received_at,
    )
    if not await store.append_decision(connection, decision):
        # Meanwhile somebody has used this id for another record.
        raise problem_of((Fault("id_reused", "/id"),))
    await _append(connection, current, settled, place, sent)
    row = await store.edition_at(connection, decision.record_id, decision.revision, decision.edition)
    assert row is not None
    return receipts.settled(decision, row, now=True)


async def _append(connection: Connection, current: Stored, draft: Draft, place: Settled | Waiting, sent: Sent) -> None:
    """Append what was settled; a record that still waits for something else stays its sender's."""
    if isinstance(place, Settled):
        row = edition(current, structs.replace(draft, unit_id=place.unit_id), "recorded")
        await store.insert(connection, [row], sent)
        await say_held(connection, {row.reporter_id}, sent, row.kind)
        return
    row = edition(current, draft, "held", waiting_for=place.waiting_for)
    sender = Sent(current.client_id, None, sent.received_at, None, sent.request_id)
    await store.insert(connection, [row], sender)


async def _seen_before(connection: Connection, asked: Asked, receipts: Receipts) -> Receipt | None:
    """Look the decision's own id up first: a resend is a success however late."""
    known = await store.decision_of(connection, asked.decision_id)
    if known is None:
        if await store.by_change(connection, [asked.decision_id]):
            raise problem_of((Fault("id_reused", "/id"),))
        return None
    if known.digest != asked.digest:
        raise problem_of((Fault("id_reused", "/id"),))
    row = await store.edition_at(connection, known.record_id, known.revision, known.edition)
    assert row is not None
    return receipts.settled(known, row, now=False)


def _may(asked: Asked, current: Stored, directory: Directory) -> bool:
    return asked.as_sender or (asked.as_officer and lies_within(current, asked.author.root, directory))


def lies_within(current: Stored, root: UUID | None, directory: Directory) -> bool:
    """Say whether a record is an officer's to settle: its unit, its team's or a candidate lies in the subtree."""
    if root is None:
        return True
    draft = events.draft_of(current.body, current.occurred_given)
    team = directory.teams.get(current.reporter_id)
    own = [unit_id for unit_id in (draft.unit_id, team.unit_id if team else None) if unit_id is not None]
    found = [unit for unit_id in own if (unit := directory.units.get(unit_id)) is not None]
    pieces = candidates(current.waiting_for, draft.day, directory)
    return any(root in unit.within for unit in (*found, *pieces))


def _waiting(asked: Asked, current: Stored, directory: Directory) -> Draft:
    """Give the record as it waits for a choice; raises Problem where it does not, with what it is."""
    extra = {"record": record_view([current])}
    if asked.replaces is not None and current.revision != asked.replaces:
        raise Problem("stale_revision", current=current.revision, replaces=asked.replaces, extra=extra)
    if current.state == "voided":
        raise Problem("already_voided", extra=extra)
    if current.state == "expired":
        raise Problem("record_expired", extra=extra)
    if current.state != "held" or choice_in(current.waiting_for) is None:
        raise Problem("nothing_to_resolve", extra=extra)
    return events.draft_of(current.body, current.occurred_given)


def _chosen(asked: Asked, current: Stored, draft: Draft, directory: Directory) -> Unit:
    """Give the unit chosen, which is a candidate or lies within one; raises Problem."""
    reference = named(asked.unit, draft.day, CodeList(None, draft.day), directory, "/unit")
    if isinstance(reference, Fault):
        raise problem_of((reference,))
    pieces = candidates(current.waiting_for, draft.day, directory)
    unit = directory.units.get(reference.unit_id)
    if unit is None or not unit.valid_on(draft.day) or all(each.unit_id not in unit.within for each in pieces):
        names = [{"id": each.unit_id, "code": each.code, "name": each.name} for each in pieces]
        raise Problem("unit_not_a_candidate", unit=asked.unit[:50], extra={"candidates": to_builtins(names)})
    if asked.author.root is not None and asked.author.root not in unit.within:
        raise Problem("outside_subtree", unit=unit.code or str(unit.unit_id))
    return unit


def _sender_root(current: Stored, root_of: Root, chosen: Unit) -> UUID | None:
    try:
        return root_of(current.client_id)
    except LookupError:
        raise Problem("outside_subtree", unit=chosen.code or str(chosen.unit_id)) from None
