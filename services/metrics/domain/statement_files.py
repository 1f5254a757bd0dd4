"""Files of statements and of the words they use; what cannot be taken is named by line and column."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from libs.common.files import Row, csv_rows, toml_tables
from services.metrics.domain.statements import (
    LEVELS,
    MIXED,
    QUALIFIERS,
    RATIOS,
    SHAPES,
    Part,
    Source,
    Statement,
    Wording,
    Words,
)

__all__ = ["read_statements", "read_words"]

COLUMNS = (
    "id",
    "seed",
    "province_old",
    "unit_old",
    "level",
    "indicator",
    "qualifier",
    "value",
    "unit_of_count",
    "denominator",
    "shape",
    "since",
    "as_of_or_due",
    "flag",
)
CODE = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
WORD_KINDS = ("sources", "parts", "caveats", "units")
_SUM_OF = re.compile(r"sum_of((?:_[A-Za-z0-9.]+)+)")
MISSING = "magnitude_missing"


def read_words(name: str, content: bytes) -> Words:
    """Read the words that statements use; raises BadFile."""
    tables = toml_tables(name, content, *WORD_KINDS)
    sources: dict[str, Source] = {}
    for row in tables["sources"]:
        said_on = row.day("said_on")
        if said_on is None:
            row.wrong("said_on", "thiếu ngày", "the day is missing")
        code = _new(row, sources, "code", "vi", "en", "said_on")
        sources[code] = Source(code, _wording(row), said_on or date.min)
    parts: dict[str, Part] = {}
    for row in tables["parts"]:
        code = _new(row, parts, "code", "vi", "en", "valid_to")
        parts[code] = Part(code, _wording(row), row.day("valid_to"))
    caveats, units = ({_new(row, {}, "code", "vi", "en"): _wording(row) for row in tables[k]} for k in WORD_KINDS[2:])
    for rows in tables.values():
        for row in rows[:1]:
            row.reading.done()
    return Words(sources, parts, caveats, units)


def _new(row: Row, known: Mapping[str, object], *columns: str) -> str:
    row.unknown_beside(*columns)
    code = row.matching("code", CODE, "có ký tự lạ", "has strange characters")
    if code in known:
        row.wrong("code", f"“{code}” lặp lại", f'"{code}" is repeated')
    return code


def _wording(row: Row) -> Wording:
    return Wording(row.text("vi"), row.text("en"))


def read_statements(name: str, content: bytes, words: Words) -> list[Statement]:
    """Read statements; raises BadFile with every row that cannot be taken.

    A fraction of what only comes whole is a figure whose magnitude was left out: it is refused, unless `note` says that
    whoever loads it knows.
    """
    rows = csv_rows(name, content, COLUMNS, ("note",))
    read: dict[str, tuple[Row, Statement]] = {}
    for row in rows:
        statement = _read(row, words)
        if statement.id in read:
            row.wrong("id", f"“{statement.id}” lặp lại", f'"{statement.id}" is repeated')
        read[statement.id] = (row, statement)
    made = {each.id: each for _, each in read.values()}
    found: list[Statement] = []
    for row, statement in read.values():
        _check_sum(row, statement, made)
        found.append(statement)
    if rows:
        rows[0].reading.done()
    return found


def _read(row: Row, words: Words) -> Statement:
    flags = tuple((row.optional("flag") or "").split())
    part, sum_of, kept = _flags(row, flags, words)
    day, shape = row.day("as_of_or_due"), row.choice("shape", SHAPES)
    level = row.choice("level", LEVELS) if row.optional("level") else None
    source = _known(row, "seed", words.sources)
    unit_of_count = _known(row, "unit_of_count", words.units)
    value, note = _value(row), row.optional("note")
    if (value != value.to_integral_value() and unit_of_count not in (*RATIOS, MIXED)) or MISSING in kept:
        kept = tuple(dict.fromkeys((*kept, MISSING)))
        if note is None:
            _refuse_magnitude(row, value, unit_of_count)
    if day is None and shape != "target":
        row.wrong("as_of_or_due", "thiếu ngày", "the day is missing")
    return Statement(
        id=row.matching("id", CODE, "có ký tự lạ", "has strange characters"),
        source=source,
        indicator=row.text("indicator"),
        qualifier=row.choice("qualifier", QUALIFIERS),
        value=value,
        unit_of_count=unit_of_count,
        denominator=row.optional("denominator"),
        shape=shape,
        since=row.day("since"),
        as_of=None if shape == "target" else day,
        due=day if shape == "target" else None,
        part=part,
        level=level,
        province_code=row.matching("province_old", r"\d{2}", "phải có 2 chữ số", "must have 2 digits"),
        unit_codes=_codes(row, level),
        sum_of=sum_of,
        flags=kept,
        note=note,
    )


def _refuse_magnitude(row: Row, value: Decimal, unit: str) -> None:
    row.wrong(
        "value",
        f"magnitude_missing: {value} {unit} không thể có; nguồn có lẽ bỏ sót “nghìn” hay “triệu”. Muốn giữ nguyên như "
        "đã in thì ghi lý do vào cột note; số ấy sẽ không dùng để tính",
        f'magnitude_missing: there cannot be {value} {unit}; the source probably left out "thousand" or "million". To '
        "keep it as printed, say why in the column note; nothing will be computed of it",
    )


def _known(row: Row, column: str, known: Mapping[str, object]) -> str:
    code = row.text(column)
    if code and code not in known:
        row.wrong(column, f"không có “{code}” trong tệp từ vựng", f'the file of words has no "{code}"')
    return code


def _value(row: Row) -> Decimal:
    text = row.text("value")
    if re.fullmatch(r"\d{1,15}(\.\d{1,6})?", text):
        return Decimal(text)
    if text:
        row.wrong("value", f"“{text}” không phải số dạng 9.07", f'"{text}" is not a number such as 9.07')
    return Decimal(0)


def _codes(row: Row, level: str | None) -> tuple[str, ...]:
    text = row.optional("unit_old")
    codes = tuple(text.split(";")) if text else ()
    if any(not re.fullmatch(r"\d{3}|\d{5}", code) for code in codes) or len(set(codes)) < len(codes):
        row.wrong("unit_old", "phải là mã đơn vị, cách nhau bằng ;", "must be codes of units, separated by ;")
    if (level in (None, "province")) != (not codes):
        row.wrong("unit_old", f"không hợp với cấp {level or '∅'}", f"does not go with the level {level or '∅'}")
    return codes


def _flags(row: Row, flags: Sequence[str], words: Words) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Part what flags say: the part it is about, what it is the sum of, and what a reader should know."""
    parts = [flag for flag in flags if flag in words.parts]
    sums = [match for flag in flags if (match := _SUM_OF.fullmatch(flag))]
    if len(parts) > 1:
        row.wrong("flag", "chỉ được một phần", "only one part can be named")
    for flag in flags:
        if flag not in words.parts and flag not in words.caveats and not _SUM_OF.fullmatch(flag):
            row.wrong("flag", f"không có “{flag}” trong tệp từ vựng", f'the file of words has no "{flag}"')
    sum_of = tuple(part for match in sums for part in match[1].split("_") if part)
    return (parts[0] if parts else None), sum_of, tuple(flag for flag in flags if flag in words.caveats)


def _check_sum(row: Row, statement: Statement, made: Mapping[str, Statement]) -> None:
    """See that a figure that says of what it is the sum is that: 204 + 2.886 = 3.090."""
    if not statement.sum_of:
        return
    parts = [each for each in made.values() if any(_is(each.id, wanted) for wanted in statement.sum_of)]
    missing = [wanted for wanted in statement.sum_of if not any(_is(each.id, wanted) for each in parts)]
    if missing:
        row.wrong("flag", f"không có {', '.join(missing)} trong tệp", f"the file has no {', '.join(missing)}")
        return
    total = sum((part.value for part in parts), Decimal(0))
    if total != statement.value or any(part.unit_of_count != statement.unit_of_count for part in parts):
        added = " + ".join(str(part.value) for part in parts)
        row.wrong(
            "value", f"{added} = {total}, không phải {statement.value}", f"{added} is {total}, not {row.text('value')}"
        )


def _is(statement_id: str, wanted: str) -> bool:
    """Say whether an id is the one wanted, or a letter of it: 5.04a is one of 5.04."""
    return statement_id == wanted or (statement_id[:-1] == wanted and statement_id[-1:].isalpha())
