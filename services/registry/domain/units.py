"""The administrative map in time: unit versions, what they lay in, where their territory went."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.registry.domain.files import Reading, Row, csv_rows
from services.registry.domain.ids import record_id

__all__ = ["LEVELS", "Level", "Share", "Successor", "Unit", "UnitRef", "build_map", "find", "valid_on"]

Level = Literal["province", "district", "commune", "subcommune"]
LEVELS: tuple[Level, ...] = ("province", "district", "commune", "subcommune")
CODE_DIGITS = {"province": 2, "district": 3, "commune": 5}
CODED: tuple[Level, ...] = ("province", "district", "commune")

Share = Literal["whole", "part"]
SHARES: tuple[Share, ...] = ("whole", "part")

UNIT_COLUMNS = ("code", "valid_from", "valid_to", "level", "type", "name", "short_name", "parent_code")
UNREAD_COLUMNS = ("latitude", "longitude", "area_km2")
EDGE_COLUMNS = ("level", "old_code", "new_code", "effective", "share")
EDGE_OPTIONAL = ("note", "decree")


@dataclass(frozen=True)
class Successor:
    """Where territory went: `whole` if all of it went to this unit."""

    unit_id: UUID
    share: Share
    effective: date
    decree: str | None


@dataclass(frozen=True)
class Unit:
    """A version of a unit; `path` is its chain of parents, `within` every version that holds its whole territory."""

    record_id: UUID
    code: str
    level: Level
    type: str
    name: str
    short_name: str
    valid_from: date | None
    valid_to: date | None
    parent_id: UUID | None = None
    path: tuple[UUID, ...] = ()
    within: tuple[UUID, ...] = ()
    successors: tuple[Successor, ...] = ()


@dataclass(frozen=True)
class UnitRef:
    """What it takes to find a unit by code and day."""

    unit_id: UUID
    code: str
    valid_from: date | None
    valid_to: date | None


def valid_on(begin: date | None, end: date | None, day: date) -> bool:
    """Say whether a day lies in a period whose end is the first day outside; None is open."""
    return (begin is None or begin <= day) and (end is None or day < end)


@dataclass
class _Map:
    """The map while it is being put together."""

    units: dict[UUID, Unit] = field(default_factory=dict)
    by_code: dict[str, list[Unit]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[UUID, UUID] = field(default_factory=dict)
    successors: dict[UUID, list[Successor]] = field(default_factory=lambda: defaultdict(list))
    paths: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    closures: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)


def build_map(units: tuple[str, bytes], lineage: tuple[str, bytes]) -> list[Unit]:
    """Make every unit version from the two files, each given as name and content; raises BadFile."""
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
            path=_path(made, unit_id),
            within=_within(made, unit_id),
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
        if _overlap(unit, other):
            row.wrong("code", f"{unit.code} đã có cho cùng thời gian", f"{unit.code} is taken for the same time")
    made.units[unit.record_id] = unit
    made.by_code[unit.code].append(unit)


def _overlap(one: Unit, other: Unit) -> bool:
    one_first = one.valid_from or date.min
    other_first = other.valid_from or date.min
    return one_first < (other.valid_to or date.max) and other_first < (one.valid_to or date.max)


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
    if target is None or target.level != level:
        row.wrong("new_code", f"không có {level} {new} vào ngày {effective}", f"there is no {level} {new} on that day")
    if source is None or target is None:
        return
    edges = made.successors[source.record_id]
    if any(edge.unit_id == target.record_id for edge in edges):
        row.wrong("new_code", "dòng lặp lại", "the row is repeated")
    if edges and "whole" in (share, edges[0].share):
        row.wrong("share", f"{old} đi trọn vẹn về nhiều nơi", f"{old} went wholly to several units")
    edges.append(Successor(target.record_id, share, effective, row.optional("decree")))


def _path(made: _Map, unit_id: UUID) -> tuple[UUID, ...]:
    if unit_id not in made.paths:
        parent = made.parents.get(unit_id)
        made.paths[unit_id] = (*(_path(made, parent) if parent else ()), unit_id)
    return made.paths[unit_id]


def _within(made: _Map, unit_id: UUID) -> tuple[UUID, ...]:
    """Give the closure over parents and whole successors, itself first, nearest first."""
    if unit_id not in made.closures:
        parent = made.parents.get(unit_id)
        steps = [parent] if parent else []
        steps += [edge.unit_id for edge in made.successors.get(unit_id, ()) if edge.share == "whole"]
        reached = {unit_id: None} | {holder: None for step in steps for holder in _within(made, step)}
        made.closures[unit_id] = tuple(reached)
    return made.closures[unit_id]


def find(units: Mapping[str, Sequence[UnitRef]], code: str, day: date) -> UnitRef | None:
    """Give the unit that bears the code on a day."""
    return next((unit for unit in units.get(code, ()) if valid_on(unit.valid_from, unit.valid_to, day)), None)
