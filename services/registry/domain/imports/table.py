"""A sheet as a table: where its header is, which column holds which field, each line read as a row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from libs.common.sheets import Line, Value, column_letters
from services.registry.domain.atlas import fold
from services.registry.domain.imports.fields import (
    Field,
    Finding,
    Repaired,
    RowRead,
    Source,
    Unreadable,
    clean,
)

__all__ = ["Header", "count_rows", "find_header", "header_faults", "read_rows"]

LOOKED_AT_LINES = 30
SEEN = 12
IGNORED = frozenset(map(fold, ("STT", "TT", "Số TT", "Số thứ tự", "No", "#", "Ghi chú", "Ghi chu khac")))


@dataclass(frozen=True)
class Header:
    """A header line: columns by field, columns that mean nothing here, fields that stand twice.

    `unread` are lines above and below the header that were looked at already; rows begin behind `line`.
    """

    line: int
    columns: Mapping[str, int]
    unknown: Sequence[tuple[str, str]]
    repeated: Sequence[tuple[str, str, str]]
    seen: Sequence[str]
    missing: Sequence[Field]

    @property
    def is_complete(self) -> bool:
        """Say whether rows can be read by it."""
        return not self.missing and not self.repeated


def find_header(
    sheet: str, lines: Iterable[Line], fields: Sequence[Field], needed: Sequence[Sequence[str]] = ()
) -> tuple[Header, Iterator[Line]]:
    """Find the line among the first that means most fields, and give the lines behind it.

    `needed` are groups of fields of which a table must have at least one each.
    """
    remaining = iter(lines)
    first = list(islice(remaining, LOOKED_AT_LINES))
    by_header = {each: one.name for one in fields for each in one.headers()}
    candidates = [
        _header(line, above, by_header, fields, needed) for above, line in zip([None, *first], first, strict=False)
    ]
    if not candidates:
        empty = Header(0, {}, (), (), (), _missing(frozenset(), fields, needed))
        return empty, iter(())
    best = max(candidates, key=lambda each: (len(each.columns) - len(each.repeated), -each.line))
    return best, chain((line for line in first if line.number > best.line), remaining)


def _header(
    line: Line,
    above: Line | None,
    by_header: Mapping[str, str],
    fields: Sequence[Field],
    needed: Sequence[Sequence[str]],
) -> Header:
    columns: dict[str, int] = {}
    unknown: list[tuple[str, str]] = []
    repeated: list[tuple[str, str, str]] = []
    seen: list[str] = []
    for column, value in enumerate(line.values):
        words = _header_texts(column, value, above)
        if not words:
            continue
        seen.append(words[0])
        name = next((by_header[each] for each in map(fold, words) if each in by_header), None)
        if name is None:
            if fold(words[0]) not in IGNORED:
                unknown.append((column_letters(column), words[0][:50]))
        elif name in columns:
            repeated.append((column_letters(columns[name]), column_letters(column), words[0][:50]))
        else:
            columns[name] = column
    return Header(line.number, columns, unknown, repeated, seen[:SEEN], _missing(columns.keys(), fields, needed))


def _header_texts(column: int, value: Value, above: Line | None) -> list[str]:
    """Give what a header cell says: under a heading that spans several columns, both together first."""
    if not isinstance(value, str) or not (own := clean(value)):
        return []
    heading = _heading(column, above)
    return [own] if not heading or heading == own else [f"{heading} {own}", f"{own} {heading}", own]


def _heading(column: int, above: Line | None) -> str:
    for first, last in above.spans.items() if above is not None else ():
        value = above.values[first] if above is not None and first < len(above.values) else None
        if first <= column <= last and isinstance(value, str):
            return clean(value)
    return ""


def _missing(found: Iterable[str], fields: Sequence[Field], needed: Sequence[Sequence[str]]) -> list[Field]:
    names = frozenset(found)
    missing = [each for each in fields if each.required and each.name not in names]
    for group in needed:
        if not names & set(group):
            missing += [each for each in fields if each.name == group[0]]
    return missing


def header_faults(sheet: str, header: Header) -> list[Finding]:
    """Say why rows cannot be read by a header."""
    found = []
    if header.missing:
        columns = ", ".join(f"“{each.title}”" for each in header.missing)
        seen = ", ".join(f"“{each[:40]}”" for each in header.seen) or "–"
        found.append(Finding("import_columns_missing", params={"sheet": sheet, "columns": columns, "seen": seen}))
    for first, second, name in header.repeated:
        params = {"sheet": sheet, "name": name, "first": first, "second": second}
        found.append(Finding("import_column_repeated", cell=f"{second}{header.line}", params=params))
    return found


def read_rows(sheet: str, header: Header, lines: Iterable[Line], fields: Sequence[Field]) -> Iterator[RowRead]:
    """Read each line as a row; one that has nothing in the columns known is passed over."""
    used = [(each, header.columns[each.name]) for each in fields if each.name in header.columns]
    for line in lines:
        row = RowRead(Source(sheet, line.number), {}, header.columns, [])
        for each, column in used:
            value = line.values[column] if column < len(line.values) else None
            if _is_told(value):
                _read(row, each, value)
        if row.values or row.findings:
            _require(row, fields)
            yield row


def _is_told(value: Value) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def count_rows(header: Header, lines: Iterable[Line]) -> int:
    """Count the lines that are read as rows."""
    columns = tuple(header.columns.values())
    return sum(any(c < len(line.values) and _is_told(line.values[c]) for c in columns) for line in lines)


def _read(row: RowRead, one: Field, value: Value) -> None:
    try:
        read = one.read(value)
    except Unreadable as error:
        params = error.params | ({"value": "…"} if one.personal else {})
        row.wrong(error.code, one.name, **params)
        return
    if isinstance(read, Repaired):
        row.warn(read.code, one.name, **read.params)
        read = read.value
    row.values[one.name] = read


def _require(row: RowRead, fields: Sequence[Field]) -> None:
    tried = {finding.column for finding in row.findings}
    for each in fields:
        if each.required and each.name not in row.values and each.name not in tried:
            row.wrong("cell_missing", each.name, name=each.title)
