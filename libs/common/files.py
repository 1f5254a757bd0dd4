"""Reading reference files: every mistake is named by place and column, in Vietnamese and English."""

import csv
import io
import json
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

__all__ = ["BadFile", "Mistake", "Reading", "Row", "csv_rows", "json_rows", "told", "toml_tables"]

T = TypeVar("T", bound=str)

MAX_TEXT = 200
MAX_MISTAKES_SHOWN = 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Mistake:
    """What is wrong at a place (a line of a CSV, an entry of a TOML or JSON file) and column."""

    place: str
    column: str
    vi: str
    en: str


class BadFile(Exception):
    """A file that cannot be loaded, with everything that is wrong with it."""

    def __init__(self, name: str, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{name}: {len(mistakes)} mistakes")
        self.name = name
        self.mistakes = mistakes


def told(error: BadFile) -> list[str]:
    """Tell what is wrong with a file, a line for each mistake and in the end that nothing came of it."""
    lines = []
    for mistake in error.mistakes[:MAX_MISTAKES_SHOWN]:
        at = " ".join(part for part in (f"{error.name}:{mistake.place}", mistake.column) if part)
        lines.append(f"{at}: {mistake.vi} / {mistake.en}")
    if len(error.mistakes) > MAX_MISTAKES_SHOWN:
        lines.append(f"… {len(error.mistakes) - MAX_MISTAKES_SHOWN} more")
    return [*lines, f"{error.name}: không nạp gì / nothing was loaded"]


@dataclass
class Reading:
    """A file being read; mistakes are gathered and raised together."""

    name: str
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, place: str, column: str, vi: str, en: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(place, column, vi, en))

    def done(self) -> None:
        """Raise BadFile if anything was wrong."""
        if self.mistakes:
            raise BadFile(self.name, self.mistakes)


@dataclass(frozen=True)
class Row:
    """A row, read column by column; a wrong value is noted and a stand-in given, so call `reading.done()` after all."""

    reading: Reading
    place: str
    values: Mapping[str, Any]

    def wrong(self, column: str, vi: str, en: str) -> None:
        """Note a mistake in a column of this row."""
        self.reading.wrong(self.place, column, vi, en)

    def text(self, column: str) -> str:
        """Give a text in Unicode NFC, which must be there."""
        value = self.optional(column)
        if value is None:
            self.wrong(column, "thiếu giá trị", "a value is missing")
        return value or ""

    def optional(self, column: str) -> str | None:
        """Give a text in Unicode NFC, or None where it is empty."""
        value = self.values.get(column)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.wrong(column, "phải là chuỗi ký tự", "must be a text")
            return None
        text = unicodedata.normalize("NFC", value).strip()
        if len(text) > MAX_TEXT or _CONTROL.search(text):
            self.wrong(column, f"dài quá {MAX_TEXT} ký tự hoặc có ký tự điều khiển", "too long, or control characters")
        return text or None

    def matching(self, column: str, pattern: str, vi: str, en: str) -> str:
        """Give a text that the pattern matches whole."""
        text = self.text(column)
        if text and not re.fullmatch(pattern, text):
            self.wrong(column, f"“{text}” {vi}", f'"{text}" {en}')
        return text

    def choice(self, column: str, allowed: Sequence[T]) -> T:
        """Give one of the allowed words."""
        text = self.text(column)
        for word in allowed:
            if text == word:
                return word
        if text:
            words = ", ".join(allowed)
            self.wrong(column, f"“{text}” không thuộc: {words}", f'"{text}" is not one of: {words}')
        return allowed[0]

    def day(self, column: str) -> date | None:
        """Give a day written as 2025-07-01, or None where it is empty."""
        value = self.values.get(column)
        if value is None or value == "":
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            if isinstance(value, str) and _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.wrong(column, f"“{value}” không phải ngày dạng 2025-07-01", f'"{value}" is not a day such as 2025-07-01')
        return None

    def period(self, begin: str, end: str) -> tuple[date | None, date | None]:
        """Give two days of which the first lies before the second."""
        first, last = self.day(begin), self.day(end)
        if first is not None and last is not None and first >= last:
            self.wrong(end, f"phải sau {begin} {first}", f"must be after {begin} {first}")
        return first, last

    def texts(self, column: str) -> tuple[str, ...]:
        """Give a list of texts, each once."""
        value = self.values.get(column, [])
        if not isinstance(value, list):
            self.wrong(column, "phải là danh sách", "must be a list")
            return ()
        items = [Row(self.reading, self.place, {column: item}).text(column) for item in value]
        if len(set(items)) < len(items):
            self.wrong(column, "có giá trị lặp lại", "a value is repeated")
        return tuple(items)

    def unknown_beside(self, *known: str) -> None:
        """Note every column that is not known, so that a misspelt one is not passed over."""
        for column in self.values.keys() - set(known):
            self.wrong(str(column), "không có cột này", "there is no such column")


def csv_rows(name: str, content: bytes, columns: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Split a CSV with a header line into rows; raises BadFile where it is not one, or columns are missing."""
    reading = Reading(name)
    lines = csv.reader(io.StringIO(_text(reading, content), newline=""), strict=True)
    rows: list[Row] = []
    try:
        header = next(lines, [])
        for column in columns:
            if column not in header:
                reading.wrong("1", column, "thiếu cột này ở dòng đầu", "the header line lacks this column")
        for column in header:
            if column not in (*columns, *optional) or header.count(column) > 1:
                reading.wrong("1", column, "cột lạ hoặc lặp lại", "unknown or repeated column")
        reading.done()
        for cells in lines:
            place = str(lines.line_num)
            if len(cells) == len(header):
                rows.append(Row(reading, place, dict(zip(header, cells, strict=True))))
            elif cells:
                reading.wrong(
                    place,
                    "",
                    f"có {len(cells)} ô, cần {len(header)}",
                    f"{len(cells)} cells, {len(header)} are expected",
                )
    except csv.Error as error:
        reading.wrong(str(lines.line_num), "", f"không đúng dạng CSV: {error}", f"not valid CSV: {error}")
    reading.done()
    return rows


def toml_tables(name: str, content: bytes, *kinds: str) -> dict[str, list[Row]]:
    """Give the tables of each kind of a TOML file; raises BadFile."""
    reading = Reading(name)
    document = _parsed(reading, tomllib.loads, _text(reading, content))
    for kind in document.keys() - set(kinds):
        reading.wrong("", kind, "không có loại này", "there is no such kind")
    reading.done()
    return {kind: _rows(reading, document.get(kind, []), f"{kind}/") for kind in kinds}


def json_rows(name: str, content: bytes) -> list[Row]:
    """Give the objects of a JSON list; raises BadFile."""
    reading = Reading(name)
    return _rows(reading, _parsed(reading, json.loads, _text(reading, content)), "")


def _rows(reading: Reading, items: object, prefix: str) -> list[Row]:
    """Number the tables of a list from 1."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        reading.wrong(prefix.rstrip("/"), "", "phải là danh sách các đối tượng", "must be a list of objects")
        reading.done()
        return []
    return [Row(reading, f"{prefix}{number}", item) for number, item in enumerate(items, start=1)]


def _parsed(reading: Reading, parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        reading.wrong("", "", f"không đọc được: {error}", f"cannot be read: {error}")
        raise BadFile(reading.name, reading.mistakes) from error


def _text(reading: Reading, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = str(content.count(b"\n", 0, error.start) + 1)
        reading.wrong(line, "", "không phải UTF-8", "not UTF-8")
        raise BadFile(reading.name, reading.mistakes) from error
