"""HTTP bodies of imports: a province's own file, what would become of it, and why it cannot be taken."""

from datetime import date
from typing import Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, DateTime

__all__ = [
    "CSV_TYPE",
    "IMPORT_KINDS",
    "IMPORT_LIMIT_BYTES",
    "IMPORT_STATES",
    "ImportColumn",
    "ImportCounts",
    "ImportFinding",
    "ImportKind",
    "ImportOutcome",
    "ImportRow",
    "ImportRowPage",
    "ImportSheet",
    "ImportView",
    "OUTCOMES",
    "UPLOAD_TYPES",
    "XLSX_TYPE",
]

IMPORT_LIMIT_BYTES = 10 * 1024 * 1024
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_TYPE = "text/csv"
UPLOAD_TYPES = (XLSX_TYPE, CSV_TYPE, "application/octet-stream")

ImportKind = Literal["teams", "members", "units", "denominators", "targets"]
IMPORT_KINDS: tuple[ImportKind, ...] = get_args(ImportKind)
ImportState = Literal["queued", "planning", "planned", "committing", "committed", "failed", "cancelled", "expired"]
IMPORT_STATES: tuple[ImportState, ...] = get_args(ImportState)
ImportOutcome = Literal["create", "change", "same", "error"]
OUTCOMES: tuple[ImportOutcome, ...] = get_args(ImportOutcome)


class ImportFinding(Contract):
    """Something wrong with a file, a sheet or a cell, or worth knowing; the sentence says what to do."""

    code: str
    warning: bool = Field(description="Worth knowing; stops nothing")
    sheet: str = Field(description="Empty where the file as a whole is meant, or is a CSV")
    cell: str = Field(description="Such as B7; empty where no cell is meant")
    column: str = Field(description="The field that the column was recognised as")
    vi: str
    en: str


class ImportColumn(Contract):
    """A column; `field` is null where its header means nothing here and it is not read."""

    column: str
    field: str | None
    header: str | None = Field(description="The header of a column that is not read")


class ImportSheet(Contract):
    """A sheet, and which of its columns are read; `not_read` says why it is passed over."""

    name: str
    not_read: ImportFinding | None
    header_line: int | None
    columns: list[ImportColumn]


class ImportCounts(Contract):
    """Rows by what would happen, or has happened."""

    create: int = 0
    change: int = 0
    same: int = 0
    error: int = 0
    warnings: int = 0


class ImportView(Contract):
    """An import as it stands."""

    import_id: UUID
    kind: ImportKind
    state: ImportState = Field(
        description="queued, planning: the dry run is under way; planned: look at the rows, then commit or cancel; "
        "committing; committed; failed: the file cannot be read, see problems; cancelled; expired after seven days"
    )
    format: Literal["xlsx", "csv"]
    size_bytes: int
    codes_as_of: date | None
    rows_read: int
    rows_total: int | None = Field(description="null until the file has been looked through")
    counts: ImportCounts
    changed_since: bool = Field(
        description="The registry changed between dry run and commit: nothing was written, look at the rows anew"
    )
    sheets: list[ImportSheet]
    problems: list[ImportFinding]
    file_kept: bool = Field(description="Whether the file is still kept, encrypted")
    created_at: DateTime
    committed_at: DateTime | None
    expires_at: DateTime = Field(description="When file and rows are deleted, whatever the state")


class ImportRow(Contract):
    """A row of the file with what would happen."""

    number: int = Field(description="From 1 up, over all sheets that are read")
    sheet: str
    line: int
    outcome: ImportOutcome
    key: str = Field(description="By what people know the record, such as a team's code; empty for people")
    record_id: UUID | None = Field(description="The record that the row means; null for a row in error")
    fields: list[str] = Field(description="What would change")
    findings: list[ImportFinding]


class ImportRowPage(Contract):
    """A page of rows; `next` is the cursor of the next page."""

    rows: list[ImportRow]
    next: str | None
