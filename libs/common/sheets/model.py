"""What is read of a spreadsheet: lines of plain values and the addresses of cells; why one cannot be read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

__all__ = ["BadBook", "Book", "CellFault", "Limits", "Line", "Sheet", "Value", "address", "column_letters"]

CellFaultKind = Literal["error_value", "formula_without_value", "bad_number", "day_out_of_range"]


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell whose value cannot be told; `text` is what stands there."""

    kind: CellFaultKind
    text: str


Value: TypeAlias = str | int | float | bool | date | CellFault | None
"""A cell's value; None is an empty one. A time of day is dropped: a day is what people write."""


class Sheet(NamedTuple):
    """A sheet of a book; a CSV has one without a name."""

    name: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line that has at least one value of its own.

    `values` begin with column A, vertical merges filled down. `spans` says to which column a cell reaches that is
    merged with those to its right.
    """

    number: int
    values: Sequence[Value]
    spans: Mapping[int, int] = field(default_factory=dict)


class Book(Protocol):
    """A file that was opened; nothing of it is kept but what one line needs."""

    @property
    def format(self) -> str:
        """`xlsx` or `csv`."""

    @property
    def sheets(self) -> Sequence[Sheet]:
        """In the order of the file."""

    def lines(self, sheet: int) -> Iterator[Line]:
        """Read a sheet from its beginning; raises BadBook."""


@dataclass(frozen=True)
class Limits:
    """What is read at most; a file beyond is refused, not cut."""

    inflated_bytes: int = 200 * 1024 * 1024
    part_ratio: int = 100
    part_bytes: int = 8 * 1024 * 1024  # Of a part that is neither a sheet nor the table of texts.
    text_bytes: int = 64 * 1024 * 1024
    entries: int = 2_000
    sheets: int = 50
    columns: int = 100
    merges: int = 50_000
    cell_characters: int = 32_767  # Excel's own.


class BadBook(Exception):
    """A file that is not read, with a stable code and what its sentence needs."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def column_letters(column: int) -> str:
    """Give the letters of a column that is counted from 0."""
    letters, number = "", column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def address(column: int, line: int) -> str:
    """Give a cell's address, such as B7, of a column counted from 0 and a line counted from 1."""
    return f"{column_letters(column)}{line}"
