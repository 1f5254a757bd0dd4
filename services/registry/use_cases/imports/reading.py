"""A file as rows of a kind: which sheets are read and why others are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from libs.common.sheets import BadBook, Book, column_letters, open_book
from services.registry.domain.imports.fields import Field, Finding, RowRead
from services.registry.domain.imports.table import Header, count_rows, find_header, header_faults, read_rows

__all__ = ["MAX_ROWS", "Complaint", "SheetRead", "Survey", "read", "survey"]

MAX_ROWS = 50_000
TOLD_UNKNOWN = 30


@dataclass(frozen=True)
class Complaint:
    """Why a file is not read: a finding in a sheet, or in the file as a whole."""

    sheet: str
    finding: Finding


@dataclass(frozen=True)
class SheetRead:
    """A sheet with the columns that were recognised; `why_not` is a code where it is not read."""

    index: int
    name: str
    header: Header | None
    why_not: str = ""


@dataclass
class Survey:
    """What a first look at a file told."""

    sheets: list[SheetRead] = field(default_factory=list)
    problems: list[Complaint] = field(default_factory=list)
    rows_total: int = 0
    has_links: bool = False


def survey(content: bytes, fields: Sequence[Field], needed: Sequence[Sequence[str]]) -> Survey:
    """Look through a file: its sheets, their headers, how many rows there are. Takes seconds; raises BadBook."""
    book = open_book(content)
    told = Survey(has_links=book.has_links)
    for index, sheet in enumerate(book.sheets):
        if sheet.hidden:
            told.sheets.append(SheetRead(index, sheet.name, None, "import_sheet_hidden"))
            continue
        header, lines = find_header(sheet.name, book.lines(index), fields, needed)
        if header.is_complete:
            told.sheets.append(SheetRead(index, sheet.name, header))
            told.rows_total += count_rows(header, islice(lines, MAX_ROWS + 1))
        else:
            told.sheets.append(SheetRead(index, sheet.name, header, "import_sheet_without_header"))
    _judge(told)
    return told


def _judge(told: Survey) -> None:
    if told.rows_total > MAX_ROWS:
        told.problems.append(Complaint("", Finding("import_too_many_rows", params={"limit": MAX_ROWS})))
    if any(not sheet.why_not for sheet in told.sheets):
        if not told.rows_total:
            told.problems.append(Complaint("", Finding("import_no_rows")))
        return
    looked_at = [(sheet.name, sheet.header) for sheet in told.sheets if sheet.header is not None]
    if not looked_at:
        told.problems.append(Complaint("", Finding("import_no_sheet")))
        return
    name, header = max(looked_at, key=lambda each: len(each[1].columns))
    told.problems += [Complaint(name, finding) for finding in header_faults(name, header)]


def read(
    content: bytes, fields: Sequence[Field], looked_at: Survey, needed: Sequence[Sequence[str]]
) -> Iterator[RowRead]:
    """Read the rows of every sheet that is read, one at a time; raises BadBook."""
    book: Book = open_book(content)
    for sheet in looked_at.sheets:
        if sheet.header is not None and not sheet.why_not:
            header, lines = find_header(sheet.name, book.lines(sheet.index), fields, needed)
            if header != sheet.header:
                raise BadBook("file_broken", part=sheet.name)
            yield from read_rows(sheet.name, header, lines, fields)


def columns_told(header: Header) -> list[tuple[str, str]]:
    """Give the letters of each column that was recognised, with its field."""
    return [(column_letters(column), name) for name, column in header.columns.items()]
