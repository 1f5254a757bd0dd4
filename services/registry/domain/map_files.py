"""The map as two files tell it: unit versions, and where their territory went; every mistake is named by its line."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from libs.common.files import Reading, Row, csv_rows
from services.registry.domain.closure import closed
from services.registry.domain.ids import record_id
from services.registry.domain.units import CODE_DIGITS, CODED, LEVELS, SHARES, Successor, Unit, overlap, valid_on

__all__ = ["build_map", "read_map"]

UNIT_COLUMNS = ("code", "valid_from", "valid_to", "level", "type", "name", "short_name", "parent_code")
UNREAD_COLUMNS = ("latitude", "longitude", "area_km2")
EDGE_COLUMNS = ("level", "old_code", "new_code", "effective", "share")
EDGE_OPTIONAL = ("note", "decree")


@dataclass
class _Map:
    """The map while it is being put together."""

    units: dict[UUID, Unit] = field(default_factory=dict)
    by_code: dict[str, list[Unit]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[UUID, UUID] = field(default_factory=dict)
    successors: dict[UUID, list[Successor]] = field(default_factory=lambda: defaultdict(list))


def build_map(units: tuple[str, bytes], lineage: tuple[str, bytes]) -> list[Unit]:
    """Make every unit version from the two files, each given as name and content; raises BadFile."""
    read = {unit.record_id: unit for unit in read_map(units, lineage)}
    return closed(read, read.keys())


def read_map(units: tuple[str, bytes], lineage: tuple[str, bytes]) -> list[Unit]:
    """Read what the files say; `path` and `within`, which follow from it, are still empty. Raises BadFile."""
    made = _Map()
    rows = csv_rows(*units, UNIT_COLUMNS, UNREAD_COLUMNS)
    read = [(row, _read_unit(row)) for row in rows]
    _done(rows)
    for row, unit in read:
        _add(made, row, unit)
    _done(rows)
    for row, unit in read:
        _find_parent(made, row, unit)
    _done(rows)
    edges = csv_rows(*lineage, EDGE_COLUMNS, EDGE_OPTIONAL)
    for row in edges:
        _add_edge(made, row)
    _done(edges)
    return [
        replace(
            unit,
            parent_id=made.parents.get(unit_id),
            successors=tuple(sorted(made.successors.get(unit_id, ()), key=lambda edge: edge.unit_id)),
        )
        for unit_id, unit in made.units.items()
    ]


def _done(rows: Sequence[Row]) -> None:
    for reading in _readings(rows):
        reading.done()


def _readings(rows: Iterable[Row]) -> list[Reading]:
    first = next(iter(rows), None)
    return [] if first is None else [first.reading]


def _read_unit(row: Row) -> Unit:
    level = row.choice("level", CODED)
    digits = CODE_DIGITS[level]
    code = row.matching("code", rf"[0-9]{{{digits}}}", f"phải có {digits} chữ số", f"must have {digits} digits")
    begin, end = row.period("valid_from", "valid_to")
    return Unit(
        record_id=record_id("unit", level, code, begin.isoformat() if begin else ""),
        code=code,
        level=level,
        type=row.text("type"),
        name=row.text("name"),
        short_name=row.text("short_name"),
        valid_from=begin,
        valid_to=end,
    )


def _add(made: _Map, row: Row, unit: Unit) -> None:
    for other in made.by_code[unit.code]:
        if unit.valid_to is None and other.valid_to is None:
            row.wrong("code", f"có hai đơn vị {unit.code} đang hiệu lực", f"two open units have the code {unit.code}")
        elif overlap(unit, other):
            row.wrong("code", f"{unit.code} đã có cho cùng thời gian", f"{unit.code} is taken for the same time")
    made.units[unit.record_id] = unit
    made.by_code[unit.code].append(unit)


def _at(made: _Map, code: str, day: date) -> Unit | None:
    """Give the version that bears the code on a day."""
    found = made.by_code.get(code, ())
    return next((unit for unit in found if valid_on(unit.valid_from, unit.valid_to, day)), None)


def _find_parent(made: _Map, row: Row, unit: Unit) -> None:
    code = row.optional("parent_code")
    if unit.level == "province":
        if code is not None:
            row.wrong("parent_code", "tỉnh không có đơn vị cấp trên", "a province has no parent")
        return
    parent = _at(made, code, unit.valid_from or date.min) if code else None
    if parent is None or LEVELS.index(parent.level) >= LEVELS.index(unit.level):
        row.wrong(
            "parent_code",
            f"không có đơn vị cấp trên mang mã {code or '(trống)'} trong cùng thời gian",
            f"no higher unit has the code {code or '(empty)'} at that time",
        )
        return
    if parent.valid_to is not None and (unit.valid_to is None or unit.valid_to > parent.valid_to):
        ended = parent.valid_to
        row.wrong("parent_code", f"{code} hết hiệu lực trước, ngày {ended}", f"{code} ends before it, on {ended}")
    made.parents[unit.record_id] = parent.record_id


def _add_edge(made: _Map, row: Row) -> None:
    level = row.choice("level", CODED)
    share = row.choice("share", SHARES)
    effective = row.day("effective")
    old, new = row.text("old_code"), row.text("new_code")
    if effective is None:
        row.wrong("effective", "thiếu ngày hiệu lực", "the legal date is missing")
        return
    # Time runs strictly forward along an edge, so that no chain of them comes back to where it began.
    source = next((u for u in made.by_code.get(old, ()) if u.level == level and u.valid_to == effective), None)
    target = _at(made, new, effective)
    if source is None:
        row.wrong("old_code", f"không có {level} {old} hết hiệu lực ngày {effective}", f"no {level} {old} ended then")
    if target is None and any(u.valid_to == effective for u in made.by_code.get(new, ())):
        row.wrong("new_code", f"{new} cũng hết hiệu lực ngày ấy: vòng lặp", f"{new} ends that day too: a circle")
    elif target is None or target.level != level:
        row.wrong("new_code", f"không có {level} {new} vào ngày {effective}", f"there is no {level} {new} on that day")
    if source is None or target is None:
        return
    edges = made.successors[source.record_id]
    if any(edge.unit_id == target.record_id for edge in edges):
        row.wrong("new_code", "dòng lặp lại", "the row is repeated")
    if edges and "whole" in (share, edges[0].share):
        row.wrong("share", f"{old} đi trọn vẹn về nhiều nơi", f"{old} went wholly to several units")
    edges.append(Successor(target.record_id, share, effective, row.optional("decree")))
