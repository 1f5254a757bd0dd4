"""What becomes of the records that are sent, counted by the province they are of."""

from collections import Counter as Counts
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from libs.common.meters import CounterOf
from services.visits.domain.directory import Directory, Unit
from services.visits.domain.place import Settled, Waiting
from services.visits.use_cases.prepare import Author, Prepared
from services.visits.use_cases.receipts import Receipt

__all__ = ["RECEIVED", "Received"]

RECEIVED = CounterOf(
    "records_received_total",
    "flowing",
    "visits api",
    "Bản ghi được gửi đến (cả lần sửa, lần hủy), theo kết quả: `accepted` đã nhận, `duplicate` đã có, `held` đang chờ, "
    "`rejected` không lưu; theo nguồn (`team` tổ, `partner` đối tác) và mã tỉnh hiện nay (để trống khi không rõ).",
    "Records sent (corrections and voids, too) by outcome: `accepted`, `duplicate` (there already), `held` (waiting), "
    "`rejected` (not stored); by source (`team`, `partner`) and code of the province of today (empty where unknown).",
    ("outcome", "source", "province"),
)
OUTCOMES = ("accepted", "duplicate", "held", "rejected")
SOURCES = {"visit": "team", "partner_report": "partner"}
UNKNOWN = ""


@dataclass
class Received:
    """Counts records; a unit's province is looked up once a day, and again when the unit has changed."""

    counter: Counter
    directory: Directory
    _provinces: dict[UUID, tuple[Unit, str]] = field(default_factory=dict)
    _day: date | None = None

    @classmethod
    def on(cls, registry: CollectorRegistry, directory: Directory) -> "Received":
        """Count in a process's registry."""
        counter = RECEIVED.on(registry)
        for source in SOURCES.values():
            for outcome in OUTCOMES:
                counter.labels(outcome, source, UNKNOWN)  # From 0 on, so that the first one is seen to come.
        return cls(counter, directory)

    def rows(self, kind: str, rows: Iterable[Prepared], receipts: Iterable[Receipt], author: Author, day: date) -> None:
        """Count the rows of a batch by their receipts, once all is committed or given up; `day` is today."""
        self._turn_to(day)
        sender = self._province(author.root)
        told = Counts((receipt.status, self._place(row, sender)) for row, receipt in zip(rows, receipts, strict=True))
        for (outcome, province), number in told.items():
            self.counter.labels(outcome, SOURCES[kind], province).inc(number)

    def change(self, kind: str, outcome: str, unit_id: UUID | None, day: date) -> None:
        """Count a correction or a void of a record that counts at a unit."""
        self._turn_to(day)
        self.counter.labels(outcome, SOURCES[kind], self._province(unit_id)).inc()

    def _turn_to(self, day: date) -> None:
        if day != self._day:
            self._day = day
            self._provinces.clear()

    def _place(self, row: Prepared, sender: str) -> str:
        place = row.place
        unit_id = place.unit_id if isinstance(place, Settled) else self._waiting_at(row)
        return self._province(unit_id) or sender

    def _waiting_at(self, row: Prepared) -> UUID | None:
        """Give the unit of a row that has no place yet, or none at all: as given, else its team's."""
        if row.draft is None or not isinstance(row.place, Waiting):
            return None
        team = self.directory.teams.get(row.draft.reporter_id)
        return row.draft.unit_id or (team.unit_id if team is not None else None)

    def _province(self, unit_id: UUID | None) -> str:
        unit = self.directory.units.get(unit_id) if unit_id is not None else None
        if unit is None or self._day is None:
            return UNKNOWN
        known = self._provinces.get(unit.unit_id)
        if known is None or known[0] is not unit:
            known = self._provinces[unit.unit_id] = unit, self.directory.province_of(unit, self._day)
        return known[1]
