"""Taking in a batch: every row gets an outcome, one statement stores them all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from libs.common.db import Connection
from libs.common.log import Position
from libs.common.problem import Fault
from services.visits import events, store
from services.visits.domain.identity import same
from services.visits.domain.place import Settled, Waiting
from services.visits.store import NewRevision, Sent, Stored
from services.visits.use_cases.prepare import Prepared
from services.visits.use_cases.receipts import Receipt, Receipts

__all__ = ["Outcome", "creation", "new_revision", "record_batch", "say_held", "say_synced"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A batch's receipts in the order of its rows, the highest position among them, and what was stored just now."""

    rows: list[Receipt]
    position: Position | None
    stored: Sequence[NewRevision]
    reporters: frozenset[UUID]

    @property
    def all_stored(self) -> bool:
        """Say whether every row is accepted, now or before."""
        return all(row.status in ("accepted", "duplicate") for row in self.rows)

    @property
    def any_rejected(self) -> bool:
        """Say whether a row was rejected."""
        return any(row.status == "rejected" for row in self.rows)

    @property
    def held_reporters(self) -> frozenset[UUID]:
        """Those of whom something is held that was not before."""
        return frozenset(row.reporter_id for row in self.stored if row.held)


def new_revision(prepared: Prepared, record_id: UUID, revision: int, *, reason: str | None = None) -> NewRevision:
    """Make the log row of a prepared creation or correction."""
    draft, place = prepared.draft, prepared.place
    assert draft is not None
    assert place is not None
    assert prepared.change_id is not None
    held = isinstance(place, Waiting)
    state = "held" if held else "recorded"
    unit_id = place.unit_id if isinstance(place, Settled) else draft.unit_id
    return NewRevision(
        record_id,
        revision,
        draft.kind,
        state,
        held,
        prepared.change_id,
        prepared.digests[-1],
        draft.reporter_id,
        events.RECORD_TYPE,
        draft.occurred_given,
        draft.occurred_at,
        reason,
        place.waiting_for if isinstance(place, Waiting) else (),
        events.record_body(draft, record_id, revision, state=state, unit_id=unit_id),
        key_level=len(prepared.digests),
    )


def creation(prepared: Prepared) -> NewRevision | None:
    """Make the log row of a new record, where it can be stored."""
    if prepared.draft is None or prepared.change_id is None:
        return None
    return new_revision(prepared, prepared.change_id, 1)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows of a batch, what was made of them and appended, and what had been stored before, all by index."""

    rows: Sequence[Prepared]
    fresh: Mapping[int, NewRevision]
    appended: Mapping[int, Position]
    known: Mapping[UUID, Stored]
    sent: Sent
    receipts: Receipts
    validate: bool

    def receipt(self, row: Prepared, first: Prepared) -> Receipt:
        """Give a row's receipt; `first` is the first row of the batch with the same id, perhaps itself."""
        if row.change_id is None:
            return self.receipts.rejected(row.index, None, row.faults)
        if (position := self.appended.get(row.index)) is not None:
            return self.receipts.stored(row.index, self.fresh[row.index], position, self.sent, row.flags)
        if self.known and (stored := self.known.get(row.change_id)) is not None:
            return self._known(row, stored)
        if first is not row:
            return self._again(row, first)
        if row.draft is None:
            return self.receipts.rejected(row.index, row.change_id, row.faults)
        return self._valid(row)

    def _known(self, row: Prepared, stored: Stored) -> Receipt:
        if same(row.digests, stored.digest, stored.key_level):
            return self.receipts.known(row.index, stored)
        return self.receipts.rejected(row.index, row.change_id, [Fault("id_reused", "/id")])

    def _again(self, row: Prepared, first: Prepared) -> Receipt:
        if first.digests != row.digests:
            fault = Fault("id_repeated_in_batch", "/id", {"index": first.index})
            return self.receipts.rejected(row.index, row.change_id, [fault])
        receipt = self.receipt(first, first)
        status = "duplicate" if receipt.status in ("accepted", "valid") else receipt.status
        return replace(receipt, index=row.index, status=status)

    def _valid(self, row: Prepared) -> Receipt:
        assert self.validate
        return self.receipts.valid(row.index, self.fresh[row.index], row.flags)


def _firsts(rows: Sequence[Prepared]) -> list[Prepared]:
    """Give, for each row, the first row of the batch with the same id: mostly itself."""
    seen: dict[int, Prepared] = {}
    return [seen.setdefault(row.change_id.int, row) if row.change_id is not None else row for row in rows]


async def record_batch(
    connection: Connection,
    rows: Sequence[Prepared],
    creations: Sequence[NewRevision | None],
    sent: Sent,
    receipts: Receipts,
    *,
    all_new: bool,
    validate: bool = False,
) -> Outcome:
    """Store what can be stored and give every row its receipt; the caller commits.

    Rows that are taken for new, all of them, cost half; raises StoredBefore where they are not.

    A row that could not be stored now but was stored before, whole and the same, is a duplicate all the same. With
    `validate` nothing is stored.
    """
    firsts = _firsts(rows)
    fresh = {
        row.index: made
        for row, made, first in zip(rows, creations, firsts, strict=True)
        if made is not None and first is row
    }
    tried = list(fresh.values()) if not validate else []
    positions = await store.insert(connection, tried, sent, all_new=all_new) if tried else []
    appended = {index: at for index, at in zip(fresh, positions, strict=not validate) if at is not None}
    unsure = [
        row.change_id
        for row, first in zip(rows, firsts, strict=True)
        if row.change_id is not None and first is row and row.index not in appended
    ]
    known = await store.by_change(connection, unsure) if unsure else {}
    batch = _Batch(rows, fresh, appended, known, sent, receipts, validate)
    return Outcome(
        rows=[batch.receipt(row, first) for row, first in zip(rows, firsts, strict=True)],
        position=max([*appended.values(), *(row.position for row in known.values())], default=None),
        stored=[fresh[index] for index in appended],
        reporters=frozenset(row.draft.reporter_id for row in rows if row.draft is not None),
    )


async def say_synced(
    connection: Connection, reporters: Iterable[UUID], device: str, through: datetime, sent: Sent, kind: str
) -> list[Position]:
    """Note until when a device has sent everything; the caller commits."""
    ids = [(events.progress_id(reporter, device), reporter) for reporter in sorted(reporters)]
    return await store.append_progress(
        connection,
        ids,
        sent,
        type=events.PROGRESS_TYPE,
        reporter_kind=events.reporter_kind(kind),
        device=device,
        synced_through=through,
    )


async def say_held(connection: Connection, reporters: Iterable[UUID], sent: Sent, kind: str) -> list[Position]:
    """Note since when records of these reporters are held, after a change of what is held; the caller commits."""
    ids = [(events.held_progress_id(reporter), reporter) for reporter in reporters]
    if not ids:
        return []
    return await store.refresh_held_since(
        connection, ids, sent, type=events.PROGRESS_TYPE, reporter_kind=events.reporter_kind(kind)
    )
