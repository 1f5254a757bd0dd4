"""Correcting and voiding: a new revision that names the one it replaces."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Connection
from libs.common.problem import Fault, Problem
from services.visits import events, store
from services.visits.domain.draft import Draft
from services.visits.domain.identity import same
from services.visits.store import NewRevision, Sent, Stored
from services.visits.use_cases.prepare import Prepared
from services.visits.use_cases.receipts import Receipt, Receipts
from services.visits.use_cases.record import new_revision, say_held
from services.visits.use_cases.view import record_view

__all__ = ["Change", "correct", "problem_of", "void"]

MAX_REVISIONS = 100


@dataclass(frozen=True, slots=True)
class Change:
    """A correction or void as it was asked for; `digests` cover its kind, its record and its content."""

    record_id: UUID
    kind: str
    change_id: UUID
    replaces: int
    digests: tuple[bytes, ...]
    reason: str | None


def problem_of(faults: tuple[Fault, ...]) -> Problem:
    """Make the problem of a request that is one row: its own code where there is but one fault."""
    if len(faults) == 1:
        return Problem(faults[0].code, faults=faults, **faults[0].params)
    return Problem("malformed", faults=faults)


async def correct(
    connection: Connection, change: Change, prepare: Callable[[Draft], Prepared], sent: Sent, receipts: Receipts
) -> Receipt:
    """Append a record's corrected content and give the receipt; the caller commits.

    `prepare` is given what is replaced. Raises Problem: record_unknown, stale_revision, already_voided, id_reused …
    """

    def revise(standing: _Standing) -> tuple[NewRevision, tuple[str, ...]]:
        current = standing.current
        if current.state == "expired" and not standing.published:
            raise Problem("record_expired", extra={"record": record_view([current])})
        if current.revision >= MAX_REVISIONS:
            raise Problem("too_many_revisions", limit=MAX_REVISIONS)
        prepared = prepare(events.draft_of(current.body, current.occurred_given))
        if prepared.faults:
            raise problem_of(prepared.faults)
        assert prepared.draft is not None
        row = new_revision(prepared, change.record_id, change.replaces + 1, reason=change.reason)
        return row, prepared.draft.flags

    return await _append(connection, change, revise, sent, receipts)


async def void(connection: Connection, change: Change, sent: Sent, receipts: Receipts) -> Receipt:
    """Append a revision with no lines and give the receipt; the caller commits. Raises as a correction does."""

    def revise(standing: _Standing) -> tuple[NewRevision, tuple[str, ...]]:
        current = standing.current
        draft = events.draft_of(current.body, current.occurred_given).voided()
        revision = change.replaces + 1
        row = NewRevision(
            record_id=change.record_id,
            revision=revision,
            kind=change.kind,
            state="voided",
            held=not standing.published,  # Nobody was told of it, so there is nothing to take back.
            change_id=change.change_id,
            digest=change.digests[-1],
            key_level=len(change.digests),
            reporter_id=draft.reporter_id,
            type=events.RECORD_TYPE,
            occurred_given=draft.occurred_given,
            occurred_at=draft.occurred_at,
            reason=change.reason,
            waiting_for=(),
            body=events.record_body(draft, change.record_id, revision, state="voided", unit_id=standing.unit_id),
        )
        return row, ()

    return await _append(connection, change, revise, sent, receipts)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a record stands while nobody else can change it."""

    rows: list[Stored]

    @property
    def current(self) -> Stored:
        return self.rows[0]

    @property
    def published(self) -> bool:
        """Say whether others have been told of it, at whatever revision."""
        return any(not row.held for row in self.rows)

    @property
    def unit_id(self) -> UUID | None:
        """Give the unit others were told of last, or as it was given."""
        told = next((row for row in self.rows if not row.held), self.current)
        return events.draft_of(told.body, told.occurred_given).unit_id


async def _append(
    connection: Connection,
    change: Change,
    revise: Callable[[_Standing], tuple[NewRevision, tuple[str, ...]]],
    sent: Sent,
    receipts: Receipts,
) -> Receipt:
    """Decide and append, alone with the record: what is held may be settled at the same time."""
    await store.lock_records(connection, [change.record_id])
    if (before := await _seen_before(connection, change, receipts)) is not None:
        return before
    rows = await store.history(connection, [change.record_id])
    if not rows or rows[0].kind != change.kind:
        raise Problem("record_unknown", id=str(change.record_id))
    standing = _Standing(rows)
    _check(standing.current, change)
    row, flags = revise(standing)
    [position] = await store.insert(connection, [row], sent)
    if position is None:
        # Meanwhile somebody has used this id for a change of another record.
        raise problem_of((Fault("id_reused", "/id"),))
    if "held" in (standing.current.state, row.state):
        position = max([position, *await say_held(connection, [row.reporter_id], sent, row.kind)])
    return receipts.stored(None, row, position, sent, flags)


async def _seen_before(connection: Connection, change: Change, receipts: Receipts) -> Receipt | None:
    """Look the change's own id up, before staleness is judged: a resend is a success however late."""
    known = (await store.by_change(connection, [change.change_id])).get(change.change_id)
    if known is None:
        return None
    if not same(change.digests, known.digest, known.key_level):
        raise problem_of((Fault("id_reused", "/id"),))
    return receipts.known(None, known)


def _check(current: Stored, change: Change) -> None:
    extra = {"record": record_view([current])}
    if current.state == "voided":
        raise Problem("already_voided", extra=extra)
    if current.revision != change.replaces:
        raise Problem("stale_revision", current=current.revision, replaces=change.replaces, extra=extra)
