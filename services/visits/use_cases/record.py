"""Taking in a batch: every row gets an outcome, one statement stores them all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import Position
from libs.common.problem import Catalogue, Fault
from services.visits import events, store
from services.visits.domain.place import Settled, Waiting
from services.visits.store import NewRevision, Sent, Stored
from services.visits.use_cases.prepare import Prepared

__all__ = ["Outcome", "Receipts", "new_revision", "record_batch", "say_held", "say_synced"]

OWNER = "visits"


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes receipts in the form of the contract; knows the sentences."""

    catalogue: Catalogue

    def rejected(self, index: int | None, change_id: UUID | None, faults: Iterable[Fault]) -> dict[str, Any]:
        """Tell that nothing was stored, and why."""
        return {
            "index": index,
            "id": change_id,
            "status": "rejected",
            "errors": [self.catalogue.describe(fault) for fault in faults],
        }

    @staticmethod
    def stored(
        index: int | None, row: NewRevision, position: Position, sent: Sent, flags: Sequence[str]
    ) -> dict[str, Any]:
        """Tell that the row was stored just now."""
        return {
            "index": index,
            "id": row.change_id,
            "status": "held" if row.state == "held" else "accepted",
            "record": row.record_id,
            "revision": row.revision,
            "state": row.state,
            "position": f"{OWNER}:{position}",
            "batch": sent.batch_id,
            "received_at": sent.received_at,
            "waiting_for": list(row.waiting_for),
            "flags": list(flags),
        }

    @staticmethod
    def known(index: int | None, row: Stored) -> dict[str, Any]:
        """Tell that this very thing had been stored before, when, and where its record stands now."""
        return {
            "index": index,
            "id": row.change_id,
            "status": "held" if row.current_state == "held" else "duplicate",
            "record": row.record_id,
            "revision": row.revision,
            "state": row.current_state,
            "position": f"{OWNER}:{row.position}",
            "batch": row.batch_id,
            "received_at": row.received_at,
            "waiting_for": list(row.waiting_for) if row.current_state == "held" else [],
            "flags": list(events.flags_of(row.body)),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """A batch's receipts in the order of its rows, and the highest position among them."""

    rows: list[dict[str, Any]]
    position: Position | None
    appended: frozenset[UUID] = frozenset()
    held_reporters: frozenset[UUID] = frozenset()
    reporters: frozenset[UUID] = frozenset()

    @property
    def all_stored(self) -> bool:
        """Say whether every row is accepted, now or before."""
        return all(row["status"] in ("accepted", "duplicate") for row in self.rows)

    @property
    def any_rejected(self) -> bool:
        """Say whether a row was rejected."""
        return any(row["status"] == "rejected" for row in self.rows)


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
        record_id=record_id,
        revision=revision,
        kind=draft.kind,
        state=state,
        held=held,
        change_id=prepared.change_id,
        digest=prepared.digest,
        reporter_id=draft.reporter_id,
        type=events.RECORD_TYPE,
        occurred_given=draft.occurred_given,
        occurred_at=draft.occurred_at,
        reason=reason,
        waiting_for=place.waiting_for if isinstance(place, Waiting) else (),
        body=events.record_body(draft, record_id, revision, state=state, unit_id=unit_id),
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows of a batch, what was appended of them, and what had been stored before."""

    rows: Sequence[Prepared]
    fresh: Mapping[UUID, NewRevision]
    appended: Mapping[UUID, Position]
    known: Mapping[UUID, Stored]
    sent: Sent
    receipts: Receipts
    validate: bool = False

    def receipt(self, row: Prepared, first: Prepared | None) -> dict[str, Any]:
        """Give a row's receipt; `first` is the earlier row of the batch with the same id."""
        if row.change_id is None:
            return self.receipts.rejected(row.index, None, row.faults)
        if (stored := self.known.get(row.change_id)) is not None:
            return self._known(row, stored)
        if first is not None:
            return self._again(row, first)
        if row.draft is None:
            return self.receipts.rejected(row.index, row.change_id, row.faults)
        return self._fresh(row, row.change_id, row.draft.flags)

    def _known(self, row: Prepared, stored: Stored) -> dict[str, Any]:
        # Erasure drops the digest: whatever comes under that id then is taken for the resend it most likely is.
        if stored.digest is None or stored.digest == row.digest:
            return self.receipts.known(row.index, stored)
        return self.receipts.rejected(row.index, row.change_id, [Fault("id_reused", "/id")])

    def _again(self, row: Prepared, first: Prepared) -> dict[str, Any]:
        if first.digest != row.digest:
            fault = Fault("id_repeated_in_batch", "/id", {"index": first.index})
            return self.receipts.rejected(row.index, row.change_id, [fault])
        receipt = {**self.receipt(first, None), "index": row.index}
        if receipt["status"] in ("accepted", "valid"):
            receipt["status"] = "duplicate"
        return receipt

    def _fresh(self, row: Prepared, change_id: UUID, flags: Sequence[str]) -> dict[str, Any]:
        revision = self.fresh[change_id]
        if self.validate:
            status = "held" if revision.state == "held" else "valid"
            waiting_for = list(revision.waiting_for)
            return {"index": row.index, "id": change_id, "status": status, "waiting_for": waiting_for, "flags": flags}
        return self.receipts.stored(row.index, revision, self.appended[change_id], self.sent, flags)


def _firsts(rows: Sequence[Prepared]) -> list[Prepared | None]:
    """Give, for each row, the earlier row of the batch with the same id, if there is one."""
    seen: dict[UUID, Prepared] = {}
    firsts: list[Prepared | None] = []
    for row in rows:
        first = seen.setdefault(row.change_id, row) if row.change_id is not None else row
        firsts.append(first if first is not row else None)
    return firsts


async def record_batch(
    connection: Connection, rows: Sequence[Prepared], sent: Sent, receipts: Receipts, *, validate: bool = False
) -> Outcome:
    """Store what can be stored and give every row its receipt; the caller commits.

    A row that could not be stored now but was stored before, whole and the same, is a duplicate all the same. With
    `validate` nothing is stored.
    """
    firsts = _firsts(rows)
    fresh = {
        row.change_id: new_revision(row, row.change_id, 1)
        for row, first in zip(rows, firsts, strict=True)
        if row.draft is not None and row.change_id is not None and first is None
    }
    appended = await store.insert(connection, list(fresh.values()), sent) if fresh and not validate else {}
    unsure = [row.change_id for row in rows if row.change_id is not None and row.change_id not in appended]
    known = await store.by_change(connection, unsure) if unsure else {}
    batch = _Batch(rows, fresh, appended, known, sent, receipts, validate)
    return Outcome(
        rows=[batch.receipt(row, first) for row, first in zip(rows, firsts, strict=True)],
        position=max([*appended.values(), *(row.position for row in known.values())], default=None),
        appended=frozenset(appended),
        held_reporters=frozenset(fresh[i].reporter_id for i in appended if fresh[i].state == "held"),
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
