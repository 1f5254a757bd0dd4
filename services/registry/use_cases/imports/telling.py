"""What is kept of a file's rows for whoever asks: sealed, for a finding may repeat what stands in a cell."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from libs.common.problem import Fault
from libs.common.sealing import Sealed, Sealer
from libs.common.sheets import column_letters
from services.registry.domain.imports.fields import Finding
from services.registry.domain.imports.planned import Planned
from services.registry.store.imports import KeptRow
from services.registry.use_cases.imports.reading import Complaint, SheetRead, Survey

__all__ = [
    "Told",
    "ToldFinding",
    "ToldRow",
    "ToldSheet",
    "fault_of",
    "kept_rows",
    "opened_row",
    "opened_told",
    "sealed_told",
]


class ToldFinding(msgspec.Struct):
    """A finding as it is kept."""

    code: str
    sheet: str
    cell: str
    field: str
    params: dict[str, str]
    warning: bool


class ToldRow(msgspec.Struct):
    """A row as it is kept."""

    sheet: str
    line: int
    key: str
    fields: list[str]
    findings: list[ToldFinding]
    record_id: UUID | None


class ToldSheet(msgspec.Struct):
    """A sheet as it is kept: columns by letter with their fields, those that mean nothing here, why it is not read."""

    name: str
    why_not: str
    header_line: int
    columns: list[tuple[str, str]]
    unknown: list[tuple[str, str]]


class Told(msgspec.Struct):
    """What is told of a file as a whole."""

    sheets: list[ToldSheet] = []
    problems: list[ToldFinding] = []


def fault_of(told: ToldFinding) -> Fault:
    """Give a finding as something that the catalogue can put into words."""
    return Fault(told.code, "", told.params)


def _finding(sheet: str, finding: Finding) -> ToldFinding:
    params = {name: str(value) for name, value in finding.params.items()}
    return ToldFinding(finding.code, sheet, finding.cell, finding.column, params, finding.warning)


def _sheet(read: SheetRead) -> ToldSheet:
    header = read.header
    if header is None:
        return ToldSheet(read.name, read.why_not, 0, [], [])
    columns = [(column_letters(column), name) for name, column in header.columns.items()]
    return ToldSheet(read.name, read.why_not, header.line, columns, [] if read.why_not else list(header.unknown))


def sealed_told(sealer: Sealer, import_id: UUID, survey: Survey, problems: Sequence[Complaint] = ()) -> Sealed:
    """Seal what is told of a file."""
    found = [_finding(each.sheet, each.finding) for each in (*survey.problems, *problems)]
    if survey.has_links:
        found.append(_finding("", Finding("file_links", warning=True)))
    told = Told([_sheet(each) for each in survey.sheets], found)
    return sealer.seal(msgspec.json.encode(told), f"import/{import_id}")


def opened_told(sealer: Sealer, import_id: UUID, sealed: Sealed | None) -> Told:
    """Open what is told of a file; raises CannotOpen."""
    return msgspec.json.decode(sealer.open(sealed, f"import/{import_id}"), type=Told) if sealed is not None else Told()


def kept_rows(sealer: Sealer, import_id: UUID, rows: Sequence[Planned], first: int) -> list[KeptRow]:
    """Seal rows for keeping; `first` is the number of the first one."""
    kept = []
    for number, row in enumerate(rows, start=first):
        sheet, line = row.source
        findings = [_finding(sheet, each) for each in row.findings]
        told: Any = ToldRow(sheet, line, row.key, list(row.fields), findings, row.record_id)
        kept.append(
            KeptRow(number, row.outcome, sealer.seal(msgspec.json.encode(told), f"import/{import_id}/{number}"))
        )
    return kept


def opened_row(sealer: Sealer, import_id: UUID, row: KeptRow) -> ToldRow:
    """Open a row; raises CannotOpen."""
    return msgspec.json.decode(sealer.open(row.sealed, f"import/{import_id}/{row.number}"), type=ToldRow)
