"""Receipts: what became of one row, correction, void or settling."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from libs.common.log import Position
from libs.common.problem import Catalogue, Fault
from services.visits import events
from services.visits.domain.clock import local_day
from services.visits.domain.codes import TELLING
from services.visits.domain.directory import Directory, Unit
from services.visits.domain.place import candidates
from services.visits.store import Decision, NewRevision, Sent, Stored

__all__ = ["Receipt", "Receipts", "UnitBrief"]

OWNER = "visits"


class UnitBrief(Struct, frozen=True, gc=False):
    """A unit as a receipt names it."""

    id: UUID
    code: str | None
    name: str | None

    @classmethod
    def of(cls, unit: Unit) -> "UnitBrief":
        """Name a unit."""
        return cls(unit.unit_id, unit.code, unit.name)


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
    resolved_unit: UnitBrief | UnsetType = UNSET
    candidates: tuple[UnitBrief, ...] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes receipts; knows the sentences, and the units they name."""

    catalogue: Catalogue
    directory: Directory

    def rejected(self, index: int | None, change_id: UUID | None, faults: Iterable[Fault]) -> Receipt:
        """Tell that nothing was stored, and why."""
        return Receipt(index, change_id, "rejected", errors=[self.catalogue.describe(fault) for fault in faults])

    def not_stored(self, row: Receipt) -> Receipt:
        """Tell of a row that was stored, and no more is because of another row or itself: it would have been held."""
        if row.status != "held":
            return self.rejected(row.index, row.id, [Fault("batch_not_stored")])
        assert row.waiting_for is not UNSET
        refused = self.rejected(
            row.index, row.id, [Fault("would_be_held", "", {"waiting_for": ", ".join(row.waiting_for)})]
        )
        return structs.replace(refused, waiting_for=row.waiting_for, candidates=row.candidates)

    def valid(self, index: int, row: NewRevision, flags: tuple[str, ...]) -> Receipt:
        """Tell what would become of a row."""
        return Receipt(
            index,
            row.change_id,
            "held" if row.held else "valid",
            waiting_for=row.waiting_for,
            flags=flags,
            resolved_unit=self._understood(row, flags),
            candidates=self.candidates(row.waiting_for, row.occurred_at),
        )

    def stored(
        self, index: int | None, row: NewRevision, position: Position, sent: Sent, flags: tuple[str, ...]
    ) -> Receipt:
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
            UNSET,
            self._understood(row, flags) if flags else UNSET,
            self.candidates(row.waiting_for, row.occurred_at) if row.waiting_for else UNSET,
        )

    def known(self, index: int | None, row: Stored) -> Receipt:
        """Tell that this very thing had been stored before, when, and where its record stands now."""
        held = row.current_state == "held"
        waiting_for = row.current_waiting_for if held else ()
        unit_id, flags = events.place_of(row.body)
        if row.state == "held":
            unit_id = row.settled_unit_id
        elif TELLING.isdisjoint(flags):
            unit_id = None
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
            waiting_for,
            flags,
            UNSET,
            self._named(unit_id),
            self.candidates(waiting_for, row.occurred_at),
        )

    def settled(self, decision: Decision, row: Stored, *, now: bool) -> Receipt:
        """Tell of a decision, made just now or before, and where its record stands; `row` is the edition it made."""
        held = row.current_state == "held"
        status = "held" if held else "accepted" if now else "duplicate"
        unit_id, flags = events.place_of(row.body)
        return Receipt(
            None,
            decision.decision_id,
            status,
            row.record_id,
            row.revision,
            row.current_state,
            f"{OWNER}:{row.position}",
            UNSET,
            decision.decided_at,
            row.current_waiting_for if held else (),
            flags,
            UNSET,
            self._named(unit_id),
        )

    def candidates(self, waiting_for: tuple[str, ...], occurred_at: datetime) -> tuple[UnitBrief, ...] | UnsetType:
        """Name the units among which somebody must choose, where that is waited for."""
        if not waiting_for:
            return UNSET
        found = candidates(waiting_for, local_day(occurred_at), self.directory)
        return tuple(map(UnitBrief.of, found)) if found else UNSET

    def _understood(self, row: NewRevision, flags: tuple[str, ...]) -> UnitBrief | UnsetType:
        """Name the unit that a code was taken for, where the sender may not expect it."""
        if row.held or TELLING.isdisjoint(flags):
            return UNSET
        return self._named(events.place_of(row.body)[0])

    def _named(self, unit_id: UUID | None) -> UnitBrief | UnsetType:
        unit = self.directory.units.get(unit_id) if unit_id is not None else None
        return UnitBrief.of(unit) if unit is not None else UNSET
