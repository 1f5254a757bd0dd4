"""CSV: UTF-8 with or without a byte order mark; the separator is found, not asked for."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from libs.common.sheets.model import BadBook, Limits, Line, Sheet

__all__ = ["Csv", "neutral", "open_csv"]

SEPARATORS = (";", ",", "\t")
LOOKED_AT_LINES = 20
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Csv:
    """An opened CSV."""

    text: str
    separator: str
    limits: Limits
    format: str = "csv"
    sheets: tuple[Sheet, ...] = (Sheet("", False),)
    has_links: bool = False

    def lines(self, sheet: int) -> Iterator[Line]:
        """Read the file; a line's number is that of the record, as a spreadsheet program shows it. Raises BadBook."""
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True)
        number = 0
        try:
            for number, cells in enumerate(reader, start=1):
                while cells and not cells[-1].strip():
                    cells.pop()
                if len(cells) > self.limits.columns:
                    raise BadBook("file_columns", limit=self.limits.columns, line=number)
                if any(len(cell) > self.limits.cell_characters for cell in cells):
                    raise BadBook("file_cell_too_long", limit=self.limits.cell_characters)
                if any(cell.strip() for cell in cells):
                    yield Line(number, [cell or None for cell in cells])
        except csv.Error as error:
            raise BadBook("file_not_csv", line=number + 1, reason=str(error)) from error


def open_csv(content: bytes, limits: Limits) -> Csv:
    """Open a CSV; raises BadBook."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadBook("file_not_utf8", line=content.count(b"\n", 0, error.start) + 1) from error
    return Csv(text, _separator(text), limits)


def _separator(text: str) -> str:
    """Give the separator that splits the first lines into the most cells, most evenly."""
    first = [line for line in text[:200_000].splitlines()[:LOOKED_AT_LINES] if line.strip()]

    def evenness(separator: str) -> tuple[int, int]:
        try:
            counts = [len(cells) for cells in csv.reader(first, delimiter=separator)]
        except csv.Error:
            return (0, 0)
        most = max(counts, default=0)
        return (counts.count(most) if most > 1 else 0, most)

    return max(SEPARATORS, key=evenness)


def neutral(text: str) -> str:
    """Give a text as a spreadsheet program will show it and not compute it: a sign of a formula gets a quote before."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
