"""What would become of a row, and of a file as a whole."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.imports.fields import Finding, RowRead, Source

__all__ = ["OUTCOMES", "Outcome", "Planned", "PlanDigest", "faulted", "planned", "refused"]

Outcome = Literal["create", "change", "same", "error"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class Planned:
    """A row with what would happen: to which record (`key` is how people know it), in which fields."""

    source: Source
    outcome: Outcome
    key: str
    fields: tuple[str, ...]
    findings: Sequence[Finding]
    record_id: UUID | None = None


def refused(row: RowRead, key: str = "") -> Planned:
    """Give a row that cannot be taken."""
    return Planned(row.source, "error", key, (), row.findings)


def planned(row: RowRead, key: str, record_id: UUID, *, is_new: bool, fields: Iterable[str]) -> Planned:
    """Give a row that can be taken, with the fields in which it differs from what is known."""
    names = tuple(fields)
    outcome: Outcome = "create" if is_new else "change" if names else "same"
    return Planned(row.source, outcome, key, names, row.findings, record_id)


def faulted(row: RowRead, fault: Fault, columns: Mapping[str, str]) -> Finding:
    """Give a fault of a record as a finding in the cell it comes from.

    `columns` are fields by JSON pointer; of several, such as unit_code|commune, that which the file has.
    """
    pointers = (each for each in columns if fault.pointer == each or fault.pointer.startswith(f"{each}/"))
    meant = columns.get(max(pointers, key=len, default=""), "").split("|")
    column = next((each for each in meant if each in row.columns), meant[0])
    return Finding(fault.code, column, row.cell(column), {name: str(told) for name, told in fault.params.items()})


@dataclass
class PlanDigest:
    """A digest over what would happen to every row, to tell whether two plans of a file are the same; and counts."""

    counts: Counter[str] = field(default_factory=Counter)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, rows: Iterable[Planned]) -> None:
        """Take the next rows."""
        for row in rows:
            told = (row.source.sheet, row.source.line, row.outcome, str(row.record_id), *row.fields)
            self._digest.update(repr(told).encode())
            self.counts[row.outcome] += 1
            self.counts["warnings"] += sum(finding.warning for finding in row.findings)

    def value(self) -> bytes:
        """Give the digest of what was taken so far."""
        return self._digest.digest()
