"""A small map to reform: two provinces, two districts in one of them, five communes, three hamlets."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.atlas import Atlas
from services.registry.domain.closure import closed
from services.registry.domain.ids import record_id
from services.registry.domain.reform.applying import Outcome, apply
from services.registry.domain.reform.operations import NewUnit, Operation, Reform
from services.registry.domain.units import Level, Unit

__all__ = ["DAY", "HAMLETS", "decree", "faults", "new_commune", "reformed", "small_atlas"]

DAY = date(2026, 9, 1)
BEGAN = date(2020, 1, 1)
ROWS: list[tuple[str, Level, str, str | None]] = [
    ("10", "province", "tinh", None),
    ("20", "province", "tinh", None),
    ("101", "district", "huyen", "10"),
    ("102", "district", "huyen", "10"),
    ("10001", "commune", "xa", "101"),
    ("10002", "commune", "xa", "101"),
    ("10003", "commune", "xa", "102"),
    ("20001", "commune", "xa", "20"),
    ("20002", "commune", "phuong", "20"),
]
HAMLETS = {"a1": "10001", "a2": "10001", "b1": "20001"}


def hamlet_id(name: str) -> UUID:
    return record_id("unit", "subcommune", name)


def small_atlas() -> Atlas:
    units: dict[UUID, Unit] = {}
    by_code: dict[str, UUID] = {}
    for code, level, type_, parent in ROWS:
        unit_id = by_code[code] = record_id("unit", level, code, "")
        above = by_code[parent] if parent else None
        units[unit_id] = Unit(unit_id, code, level, type_, f"Đơn vị {code}", code, None, None, above)
    for name, parent in HAMLETS.items():
        unit_id = hamlet_id(name)
        units[unit_id] = Unit(unit_id, "", "subcommune", "thon", f"Thôn {name}", name, BEGAN, None, by_code[parent])
    return Atlas.of(closed(units, units.keys()))


def decree(*operations: Operation, on: date = DAY) -> Reform:
    numbered = tuple((f"/operations/{number}", operation) for number, operation in enumerate(operations))
    return Reform(UUID("0197c000-0000-7000-8000-000000000002"), "1/NQ", on, numbered)


def new_commune(code: str, key: str = "new", parent: str | None = "20") -> NewUnit:
    return NewUnit(key, "commune", "xa", f"Xã {code}", code=code, parent=parent)


def faults(*operations: Operation, on: date = DAY) -> list[tuple[str, str]]:
    """Give code and pointer of every fault."""
    found: tuple[Fault, ...] = apply(small_atlas(), decree(*operations, on=on)).faults
    return [(fault.code, fault.pointer) for fault in found]


def reformed(atlas: Atlas, outcome: Outcome) -> Atlas:
    assert outcome.faults == ()
    return Atlas.of({**atlas.units, **{unit.record_id: unit for unit in outcome.states}}.values())


def ended(atlas: Atlas, code: str, day: date) -> Atlas:
    """Give a map on which a unit ended on a day with nothing to succeed it."""
    unit = atlas.on(code, date(2025, 1, 1))
    assert unit is not None
    atlas.take(replace(unit, valid_to=day))
    return atlas
