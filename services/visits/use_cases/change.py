"""Correcting and voiding: a new revision that names the one it replaces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import Position
from libs.common.problem import Fault, Problem
from services.visits import events, store
from services.visits.domain.draft import Draft
from services.visits.store import NewRevision, Sent, Stored
from services.visits.use_cases.prepare import Prepared
from services.visits.use_cases.record import Receipts, new_revision, say_held
from services.visits.use_cases.view import record_view

__all__ = ["Changed", "Change", "correct", "problem_of", "void"]

TRIES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """A correction or void as it was asked for; `digest` covers its kind, its record and its content."""

    record_id: UUID
    kind: str
    change_id: UUID
    replaces: int
    digest: bytes
    reason: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The receipt of a change."""

    receipt: dict[str, Any]


def problem_of(faults: tuple[Fault, ...]) -> Problem:
    """Make the problem of a request that is one row: its own code where there is but one fault."""
    if len(faults) == 1:
        return Problem(faults[0].code, faults=faults, **faults[0].params)
    return Problem("malformed", faults=faults)


async def correct(
    connection: Connection, change: Change, prepare: Callable[[Draft], Prepared], sent: Sent, receipts: Receipts
) -> Changed:
    """Append a record's corrected content; the caller commits.

    `prepare` is given what is replaced. Raises Problem: record_unknown, stale_revision, already_voided, id_reused …
    """

    def revise(current: Stored) -> tuple[NewRevision, tuple[str, ...]]:
        prepared = prepare(events.draft_of(current.body, current.occurred_given))
        if prepared.faults:
            raise problem_of(prepared.faults)
        assert prepared.draft is not None
        row = new_revision(prepared, change.record_id, change.replaces + 1, reason=change.reason)
        return row, prepared.draft.flags

    return await _append(connection, change, revise, sent, receipts)


async def void(connection: Connection, change: Change, sent: Sent, receipts: Receipts) -> Changed:
    """Append a revision with no lines; the caller commits. Raises the same problems as a correction."""
    published = any(not row.held for row in await store.history(connection, [change.record_id]))

    def revise(current: Stored) -> tuple[NewRevision, tuple[str, ...]]:
        draft = events.draft_of(current.body, current.occurred_given).voided()
        body = events.record_body(draft, change.record_id, change.replaces + 1, state="voided", unit_id=draft.unit_id)
        row = NewRevision(
            record_id=change.record_id,
            revision=change.replaces + 1,
            kind=change.kind,
            state="voided",
            held=not published,  # Nobody was told of it, so there is nothing to take back.
            change_id=change.change_id,
            digest=change.digest,
            reporter_id=draft.reporter_id,
            type=events.RECORD_TYPE,
            occurred_given=draft.occurred_given,
            occurred_at=draft.occurred_at,
            reason=change.reason,
            waiting_for=(),
            body=body,
        )
        return row, ()

    return await _append(connection, change, revise, sent, receipts)


async def _append(
    connection: Connection,
    change: Change,
    revise: Callable[[Stored], tuple[NewRevision, tuple[str, ...]]],
    sent: Sent,
    receipts: Receipts,
) -> Changed:
    """Decide, append, and decide again where somebody was quicker: the primary key is the judge."""
    for _ in range(TRIES):
        if (before := await _seen_before(connection, change, receipts)) is not None:
            return before
        current = await store.latest(connection, change.record_id)
        _check(current, change)
        assert current is not None
        row, flags = revise(current)
        appended = await store.insert(connection, [row], sent)
        if (position := appended.get(change.change_id)) is not None:
            reached = await _say_held(connection, current, row, sent, position)
            return Changed(receipts.stored(None, row, reached, sent, flags))
    raise Problem("unavailable", headers={"retry-after": "1"})


async def _say_held(
    connection: Connection, current: Stored, row: NewRevision, sent: Sent, position: Position
) -> Position:
    if "held" not in (current.state, row.state):
        return position
    return max([position, *await say_held(connection, [row.reporter_id], sent, row.kind)])


async def _seen_before(connection: Connection, change: Change, receipts: Receipts) -> Changed | None:
    """Look the change's own id up, before staleness is judged: a resend is a success however late."""
    known = (await store.by_change(connection, [change.change_id])).get(change.change_id)
    if known is None:
        return None
    if known.digest is not None and known.digest != change.digest:
        raise problem_of((Fault("id_reused", "/id"),))
    return Changed(receipts.known(None, known))


def _check(current: Stored | None, change: Change) -> None:
    if current is None or current.kind != change.kind:
        raise Problem("record_unknown", id=str(change.record_id))
    extra = {"record": record_view([current])}
    if current.state == "voided":
        raise Problem("already_voided", extra=extra)
    if current.revision != change.replaces:
        raise Problem("stale_revision", current=current.revision, replaces=change.replaces, extra=extra)
    if current.state == "expired":
        raise Problem("record_expired", extra=extra)
