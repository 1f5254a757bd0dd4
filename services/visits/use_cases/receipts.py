"""Receipts: what became of one row, correction or void."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from libs.common.log import Position
from libs.common.problem import Catalogue, Fault
from services.visits import events
from services.visits.store import NewRevision, Sent, Stored

__all__ = ["Receipt", "Receipts"]

OWNER = "visits"


class Receipt(Struct, frozen=True, gc=False):
    """A receipt in the form of the contract; what does not apply is left out."""

    index: int | None
    id: UUID | None
    status: str
    record: UUID | UnsetType = UNSET
    revision: int | UnsetType = UNSET
    state: str | UnsetType = UNSET
    position: str | UnsetType = UNSET
    batch: UUID | UnsetType | None = UNSET
    received_at: datetime | UnsetType = UNSET
    waiting_for: tuple[str, ...] | UnsetType = UNSET
    flags: tuple[str, ...] | UnsetType = UNSET
    errors: list[dict[str, str]] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes receipts; knows the sentences."""

    catalogue: Catalogue

    def rejected(self, index: int | None, change_id: UUID | None, faults: Iterable[Fault]) -> Receipt:
        """Tell that nothing was stored, and why."""
        return Receipt(index, change_id, "rejected", errors=[self.catalogue.describe(fault) for fault in faults])

    @staticmethod
    def stored(index: int | None, row: NewRevision, position: Position, sent: Sent, flags: tuple[str, ...]) -> Receipt:
        """Tell that the row was stored just now."""
        return Receipt(
            index,
            row.change_id,
            "held" if row.state == "held" else "accepted",
            row.record_id,
            row.revision,
            row.state,
            f"{OWNER}:{position}",
            sent.batch_id,
            sent.received_at,
            row.waiting_for,
            flags,
        )

    @staticmethod
    def known(index: int | None, row: Stored) -> Receipt:
        """Tell that this very thing had been stored before, when, and where its record stands now."""
        held = row.current_state == "held"
        return Receipt(
            index,
            row.change_id,
            "held" if held else "duplicate",
            row.record_id,
            row.revision,
            row.current_state,
            f"{OWNER}:{row.position}",
            row.batch_id,
            row.received_at,
            row.waiting_for if held else (),
            events.flags_of(row.body),
        )
