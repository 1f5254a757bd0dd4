"""The code list of a day as a file: one line for each unit, as spreadsheets and scripts read it."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from services.registry.domain.units import Unit

__all__ = ["COLUMNS", "csv_lines", "entry"]

COLUMNS = (
    "code",
    "name",
    "level",
    "type",
    "short_name",
    "parent_code",
    "valid_from",
    "valid_to",
    "unit_id",
    "parent_id",
)
BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def entry(unit: Unit, units: Mapping[UUID, Unit]) -> dict[str, object]:
    """Give a line of the list by column."""
    parent = units.get(unit.parent_id) if unit.parent_id is not None else None
    return {
        "unit_id": unit.record_id,
        "code": unit.code or None,
        "level": unit.level,
        "type": unit.type,
        "name": unit.name,
        "short_name": unit.short_name,
        "parent_code": (parent.code or None) if parent is not None else None,
        "parent_id": unit.parent_id,
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
    }


def csv_lines(units: Iterable[Unit], known: Mapping[UUID, Unit], separator: str) -> Iterator[str]:
    """Give the file line by line, header first, with the mark by which Excel knows UTF-8.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    yield BOM + out.getvalue()
    for unit in units:
        out.seek(0)
        out.truncate()
        told = entry(unit, known)
        writer.writerow([_cell(told[column]) for column in COLUMNS])
        yield out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
