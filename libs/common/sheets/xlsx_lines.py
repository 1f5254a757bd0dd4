"""Cells of an XLSX sheet, made into lines as the parser meets them."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from xml.sax.handler import ContentHandler

from libs.common.sheets.merging import column_of
from libs.common.sheets.model import BadBook, CellFault, Limits, Line, Value

__all__ = ["Formats", "LineHandler"]

CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
LAST_LINE = 1_048_576
LAST_SERIAL = 2_958_465  # 31 December 9999.
PHANTOM_DAY = 60  # 29 February 1900, which Excel has for the sake of older programs, and the calendar has not.
EXACT_INTEGERS = 2**53


@dataclass(frozen=True, slots=True)
class Formats:
    """Which styles show a number as a day, and from when days are counted."""

    days: frozenset[int]
    since_1904: bool


class LineHandler(ContentHandler):
    """Gathers the cells of a line; lines without a value are passed over."""

    def __init__(self, texts: list[str], formats: Formats, limits: Limits) -> None:
        super().__init__()
        self.merges = 0
        self._texts = texts
        self._formats = formats
        self._limits = limits
        self._done: list[Line] = []
        self._line = 0
        self._column = -1
        self._values: list[Value] = []
        self._kind = "n"
        self._style = 0
        self._pieces: list[str] | None = None
        self._size = 0
        self._value: str | None = None
        self._inline = ""
        self._has_formula = False

    def taken(self) -> Iterator[Line]:
        """Give the lines that are complete, each once."""
        done, self._done = self._done, []
        return iter(done)

    def startElement(self, name: str, attrs: Any) -> None:
        match name.rpartition(":")[2]:
            case "c":
                self._begin_cell(attrs)
            case "v" | "t":
                self._pieces, self._size = [], 0
            case "f":
                self._has_formula = True
            case "row":
                self._begin_line(attrs.get("r"))
            case "mergeCell":
                self.merges += 1

    def characters(self, content: str) -> None:
        if self._pieces is None:
            return
        self._size += len(content)
        if self._size > self._limits.cell_characters:
            raise BadBook("file_cell_too_long", limit=self._limits.cell_characters)
        self._pieces.append(content)

    def endElement(self, name: str) -> None:
        match name.rpartition(":")[2]:
            case "v":
                self._value, self._pieces = "".join(self._pieces or ()), None
            case "t":
                self._inline, self._pieces = self._inline + "".join(self._pieces or ()), None
            case "c":
                self._end_cell()
            case "row":
                if any(value is not None for value in self._values):
                    self._done.append(Line(self._line, self._values))
                self._values = []

    def _begin_line(self, told: str | None) -> None:
        number = int(told) if told is not None else self._line + 1
        if not self._line < number <= LAST_LINE:
            raise ValueError(number)
        self._line, self._column, self._values = number, -1, []

    def _begin_cell(self, attrs: Any) -> None:
        told = attrs.get("r")
        if told is None:
            self._column += 1
        else:
            found = CELL.fullmatch(told)
            if found is None or int(found[2]) != self._line:
                raise ValueError(told)
            self._column = column_of(found[1])
        self._kind, self._style = attrs.get("t", "n"), int(attrs.get("s", 0))
        self._value, self._inline, self._has_formula = None, "", False

    def _end_cell(self) -> None:
        value = self._read()
        if value is None:
            return
        if self._column >= self._limits.columns:
            raise BadBook("file_columns", limit=self._limits.columns, line=self._line)
        values = self._values
        if self._column < len(values):
            raise ValueError(self._column)
        values.extend([None] * (self._column - len(values)))
        values.append(value)

    def _read(self) -> Value:
        """Give the value of the cell that ends."""
        if self._kind == "inlineStr":
            return self._inline or None
        text = self._value
        if not text:
            if self._has_formula and self._kind != "str":
                return CellFault("formula_without_value", "")
            return None
        match self._kind:
            case "s":
                return self._texts[int(text)] or None
            case "str":
                return text
            case "b":
                return text == "1"
            case "e":
                return CellFault("error_value", text[:20])
            case "d":
                return date.fromisoformat(text[:10])
        return self._number(text)

    def _number(self, text: str) -> Value:
        try:
            value = float(text)
        except ValueError:
            return CellFault("bad_number", text[:50])
        if not math.isfinite(value):
            return CellFault("bad_number", text[:50])
        if self._style in self._formats.days:
            return self._day(value)
        return int(value) if value.is_integer() and abs(value) < EXACT_INTEGERS else value

    def _day(self, serial: float) -> Value:
        days = math.floor(serial)
        if not 1 <= days <= LAST_SERIAL:
            return CellFault("day_out_of_range", f"{serial:g}")
        if self._formats.since_1904:
            return date(1904, 1, 1) + timedelta(days=min(days, LAST_SERIAL - 1462))
        return date(1899, 12, 30 if days > PHANTOM_DAY else 31) + timedelta(days=days)
