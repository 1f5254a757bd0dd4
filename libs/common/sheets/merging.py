"""Merged cells: only the first of them holds the value that a person sees in all."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from libs.common.sheets.model import BadBook, Limits, Line, Value

__all__ = ["Merge", "Merging", "column_of", "find_merges"]

MERGE = re.compile(
    rb'<(?:[A-Za-z0-9_]+:)?mergeCell\s[^>]{0,200}?ref\s*=\s*["\']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["\']'
)
OVERLAP_BYTES = 512


class Merge(NamedTuple):
    """Cells that are shown as one: lines from 1, columns from 0, the last ones included."""

    first_line: int
    last_line: int
    first_column: int
    last_column: int


def column_of(letters: str) -> int:
    """Give the number of a column, counted from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def find_merges(chunks: Iterator[bytes], limits: Limits) -> list[Merge]:
    """Find the merges of a sheet, which stand behind its lines but are needed while these are read; raises BadBook."""
    found: list[Merge] = []
    kept = b""
    for chunk in chunks:
        window = kept + chunk
        end = 0
        for each in MERGE.finditer(window):
            left, top, right, bottom = each.groups()
            found.append(Merge(int(top), int(bottom), column_of(left.decode()), column_of(right.decode())))
            end = each.end()
        if len(found) > limits.merges:
            raise BadBook("file_merges", limit=limits.merges)
        kept = window[max(end, len(window) - OVERLAP_BYTES) :]
    return sorted(found)


class Merging:
    """Fills merges down, line by line, and says how far a cell reaches to the right."""

    def __init__(self, merges: list[Merge]) -> None:
        self._waiting = merges[::-1]
        self._open: list[tuple[Merge, Value]] = []

    def fill(self, line: Line) -> Line:
        """Give a line with what is merged into it from above."""
        values, number = list(line.values), line.number
        self._open = [(merge, value) for merge, value in self._open if merge.last_line >= number]
        spans: dict[int, int] = {}
        for merge, value in self._open:
            _put(values, merge.first_column, value)
            _span(spans, merge)
        while self._waiting and self._waiting[-1].first_line <= number:
            merge = self._waiting.pop()
            if merge.last_line < number:
                continue
            begins_here = merge.first_line == number and merge.first_column < len(values)
            value = values[merge.first_column] if begins_here else None
            if merge.last_line > number:
                self._open.append((merge, value))
            _span(spans, merge)
        return replace(line, values=values, spans=spans)


def _put(values: list[Value], column: int, value: Value) -> None:
    if value is None:
        return
    if column >= len(values):
        values.extend([None] * (column + 1 - len(values)))
    if values[column] is None:
        values[column] = value


def _span(spans: dict[int, int], merge: Merge) -> None:
    if merge.last_column > merge.first_column:
        spans[merge.first_column] = merge.last_column
