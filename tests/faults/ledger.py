"""The clients' own record of what they sent and what they were told; what contradicts itself is noted as wrong."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Change", "Ledger", "Record"]

Json = dict[str, Any]
Fate = Literal["counted", "late", "never", "rejected", "nothing"]
"""What has to become of a change: counted now, when its team comes, never; refused; or a void, which counts nothing."""
MOST_WRONG = 200


@dataclass(slots=True)
class Change:
    """A creation, correction or void: its content as sent, and what was answered."""

    id: str
    revision: int
    content: bytes
    fate: Fate
    attempts: int = 0
    status: str = ""
    position: str = ""


@dataclass(slots=True)
class Record:
    """A record with all that was sent of it; a change whose outcome is not known yet is its last."""

    id: str
    kind: Literal["visits", "partner-reports"]
    client: str
    changes: list[Change]

    @property
    def stored(self) -> Change | None:
        """The last change that was answered as stored."""
        return next((change for change in reversed(self.changes) if change.position), None)

    @property
    def may_change(self) -> bool:
        """Say whether a correction or void of it has to be taken."""
        stored = self.stored
        return stored is not None and stored.fate == "counted"


@dataclass
class Ledger:
    """All records of all clients."""

    records: dict[str, Record] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    late_are_known: bool = False

    def add(self, record: Record) -> None:
        """Note a record that is about to be sent."""
        self.records[record.id] = record

    def complain(self, text: str) -> None:
        """Note something that must not be."""
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(text)

    def told(self, change: Change, receipt: Json) -> None:
        """Note an answer about a change; the same change may be answered many times."""
        status, position = receipt["status"], receipt.get("position") or ""
        self.tally[f"answers: {status}"] += 1
        if (status == "rejected") != (change.fate == "rejected"):
            self.complain(f"{change.id}: {change.fate} was answered with {receipt}")
            return
        if status == "rejected":
            self.tally["rejected"] += not change.status
            change.status = status
            return
        if change.position and position != change.position:
            self.complain(f"{change.id}: stored at {change.position}, now said to be at {position}")
        if status == "accepted" and change.status == "accepted":
            self.complain(f"{change.id}: accepted twice, at {position}")
        if status == "duplicate" and change.attempts < 2:
            self.complain(f"{change.id}: a duplicate though it was sent once: {receipt}")
        if receipt["revision"] != change.revision:
            self.complain(f"{change.id}: sent as revision {change.revision}, stored as {receipt['revision']}")
        self._hold(change, status)
        if not change.position:
            self.tally["stored"] += 1
            self.tally["held"] += status == "held"
        change.position = position
        if change.status != "accepted":
            change.status = status

    def _hold(self, change: Change, status: str) -> None:
        """Check that what has to wait waits, and nothing else."""
        waits = change.fate == "never" or (change.fate == "late" and not self.late_are_known)
        if status == "held" and change.fate not in ("late", "never"):
            self.complain(f"{change.id}: held, though its team is known")
        if status == "accepted" and waits:
            self.complain(f"{change.id}: accepted, though its team is not known")

    def changes(self) -> Iterator[tuple[Record, Change]]:
        """Give every change of every record."""
        for record in self.records.values():
            for change in record.changes:
                yield record, change

    def unanswered(self) -> list[str]:
        """Give the changes of which nothing is known."""
        return [change.id for _, change in self.changes() if not change.status]
