"""What numbers are held against: how many there are in a unit (denominators), what shall be reached by a day (targets).

A row is known by what it is about, so that sending it again changes nothing and another value corrects it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from libs.common.files import Row, csv_rows
from libs.common.problem import Fault
from libs.common.telephone import tells_identity
from services.registry.domain.ids import record_id
from services.registry.domain.indicators import BASES, Base, Indicator
from services.registry.domain.units import LEVELS, Unit, valid_on

__all__ = [
    "COMPARATORS",
    "Comparator",
    "Decision",
    "Denominator",
    "DenominatorRow",
    "Find",
    "Target",
    "TargetRow",
    "denominator_of",
    "read_denominators",
    "serves",
    "target_of_row",
]

Comparator = Literal[">=", ">"]
COMPARATORS: tuple[Comparator, ...] = (">=", ">")

MAX_AGE = 150
PERCENT = "percent"
AGELESS_BASES = frozenset(
    {"households", "business_households", "farming_households", "agri_cooperatives", "enterprises", "subcommune_units"}
    | {"commune_units", "health_facilities", "banks", "state_agencies", "higher_ed_institutions", "k12_schools"}
    | {"subscriptions"}
)
"""Bases that count no people, and so have no age."""

OWN_AGES: Mapping[str, int] = {"population_14_plus": 14, "population_15_plus": 15, "citizens_16_plus": 16}
"""Bases whose name is their age."""

_FIGURE = re.compile(r"\d{1,15}(\.\d{1,6})?")

Find = Callable[[str, date], Unit | None]
"""Finds a unit by its id, or by a code that is valid on a day."""


@dataclass(frozen=True)
class DenominatorRow:
    """A denominator as someone gives it."""

    unit: str
    base: Base
    min_age: int | None
    max_age: int | None
    on: date
    value: int
    source: str


@dataclass(frozen=True)
class Denominator:
    """How many there are, in a unit version on a day, by a source; `max_age` is included."""

    record_id: UUID
    unit_id: UUID
    base: Base
    min_age: int | None
    max_age: int | None
    on: date
    value: int
    source: str


@dataclass(frozen=True)
class Decision:
    """The decision by which a target was set."""

    number: str
    signed_on: date | None
    issuer: str | None


@dataclass(frozen=True)
class TargetRow:
    """A target as someone gives it."""

    unit: str
    indicator: str
    comparator: Comparator
    value: str
    unit_of_count: str | None
    denominator: Base | None
    min_age: int | None
    due: date
    decision: Decision | None
    parent: UUID | None


@dataclass(frozen=True)
class Target:
    """What shall be reached in a unit version by a day; `value` is an exact decimal number."""

    record_id: UUID
    indicator: str
    unit_id: UUID
    comparator: Comparator
    value: str
    unit_of_count: str
    denominator: Base | None
    min_age: int | None
    due: date
    decision: Decision | None
    parent_id: UUID | None


def read_denominators(name: str, content: bytes) -> list[tuple[Row, DenominatorRow]]:
    """Read a CSV of denominators, each with its row of the file; raises BadFile."""
    rows = csv_rows(name, content, ("unit", "base", "on", "value", "source"), ("min_age", "max_age"))
    read = [(row, _read_denominator(row)) for row in rows]
    if rows:
        rows[0].reading.done()
    return read


def _read_denominator(row: Row) -> DenominatorRow:
    day = row.day("on")
    if day is None:
        row.wrong("on", "thiếu ngày", "the day is missing")
    value = _whole(row, "value")
    if row.optional("value") is None:
        row.wrong("value", "thiếu giá trị", "a value is missing")
    ages = _whole(row, "min_age"), _whole(row, "max_age")
    return DenominatorRow(
        row.text("unit"), row.choice("base", BASES), *ages, day or date.min, value or 0, row.text("source")
    )


def _whole(row: Row, column: str) -> int | None:
    text = row.optional(column)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 13):
        row.wrong(column, f"“{text}” không phải số nguyên, viết liền", f'"{text}" is no whole number, digits only')
        return None
    return int(text)


def denominator_of(row: DenominatorRow, find: Find, root: UUID | None) -> Denominator | list[Fault]:
    """Make a denominator of a row, or say what is wrong with it; `root` is the subtree of who writes, None: all."""
    unit, faults = _unit(row.unit, row.on, find, root)
    faults += _ages(row)
    if tells_identity(row.source):
        faults.append(Fault("identity_in_text", "/source"))
    if unit is None or faults:
        return faults
    parts = (str(unit.record_id), row.base, _text(row.min_age), _text(row.max_age), row.on.isoformat(), row.source)
    return Denominator(
        record_id("denominator", *parts),
        unit.record_id,
        row.base,
        row.min_age,
        row.max_age,
        row.on,
        row.value,
        row.source,
    )


def _text(age: int | None) -> str:
    return "" if age is None else str(age)


def _ages(row: DenominatorRow) -> list[Fault]:
    own = OWN_AGES.get(row.base)
    if row.base in AGELESS_BASES and not row.min_age is row.max_age is None:
        return [Fault("base_without_age", "/min_age" if row.min_age is not None else "/max_age", {"base": row.base})]
    if row.base == "population_adult" and row.min_age is None:
        return [Fault("age_bound_missing", "/min_age", {"base": row.base})]
    if own is not None and row.min_age not in (None, own):
        return [Fault("age_not_of_base", "/min_age", {"base": row.base, "age": own})]
    for column in ("min_age", "max_age"):
        age = getattr(row, column)
        if age is not None and not 0 <= age <= MAX_AGE:
            return [Fault("out_of_range", f"/{column}", {"limit": f"0–{MAX_AGE}"})]
    lowest = row.min_age if row.min_age is not None else (own or 0)
    if row.max_age is not None and row.max_age < lowest:
        return [Fault("ages_reversed", "/max_age", {"min_age": lowest})]
    return []


def _unit(reference: str, day: date, find: Find, root: UUID | None) -> tuple[Unit | None, list[Fault]]:
    """Find the unit that a row names, which must be valid on the row's day and lie in the subtree."""
    unit = find(reference, day)
    if unit is None:
        return None, [Fault("unknown_unit", "/unit", {"unit": reference})]
    if not valid_on(unit.valid_from, unit.valid_to, day):
        return None, [Fault("unit_not_valid_on_day", "/unit", {"unit": reference, "day": day.isoformat()})]
    if root is not None and root not in unit.within:
        return None, [Fault("outside_subtree", "/unit", {"unit": reference})]
    return unit, []


def target_of_row(
    row: TargetRow, find: Find, indicators: Mapping[str, Indicator], root: UUID | None, today: date
) -> Target | list[Fault]:
    """Make a target of a row, or say what is wrong with it; its parent is checked by `serves`.

    A target is of a unit as it stands today, whatever its due day: what the map will be then is not known.
    """
    unit, faults = _unit(row.unit, min(row.due, today), find, root)
    indicator = indicators.get(row.indicator)
    if indicator is None:
        faults.append(Fault("unknown_indicator", "/indicator", {"code": row.indicator}))
    elif not faults:
        faults += _meaning(row, indicator)
    if unit is None or indicator is None or faults:
        return faults
    counted_in = row.unit_of_count or indicator.unit_of_count
    denominator = row.denominator or (indicator.denominator if counted_in == PERCENT else None)
    number = row.decision.number if row.decision else ""
    parts = (str(unit.record_id), row.indicator, counted_in, denominator or "", _text(row.min_age))
    return Target(
        record_id("target", *parts, row.due.isoformat(), number),
        row.indicator,
        unit.record_id,
        row.comparator,
        row.value,
        counted_in,
        denominator,
        row.min_age,
        row.due,
        row.decision,
        row.parent,
    )


def _meaning(row: TargetRow, indicator: Indicator) -> list[Fault]:
    """Check what a target counts, and over what, against its indicator."""
    counted_in = row.unit_of_count or indicator.unit_of_count
    if counted_in not in (indicator.unit_of_count, *indicator.other_units):
        units = ", ".join((indicator.unit_of_count, *indicator.other_units))
        return [Fault("unit_not_of_indicator", "/unit_of_count", {"code": indicator.code, "expected": units})]
    bases = [base for base in (indicator.denominator, *indicator.other_denominators) if base is not None]
    if row.denominator is not None and row.denominator not in bases:
        expected = ", ".join(bases) or "∅"
        return [Fault("base_not_of_indicator", "/denominator", {"code": indicator.code, "expected": expected})]
    base = row.denominator or (indicator.denominator if counted_in == PERCENT else None)
    if base == "population_adult" and row.min_age is None:
        return [Fault("age_bound_missing", "/min_age", {"base": base})]
    if row.min_age is not None and (base is None or base in AGELESS_BASES):
        return [Fault("base_without_age", "/min_age", {"base": base or "∅"})]
    if not _FIGURE.fullmatch(row.value):
        return [Fault("malformed_value", "/value", {"reason": "0, 80, 9.07"})]
    if counted_in == PERCENT and float(row.value) > 100:
        return [Fault("out_of_range", "/value", {"limit": "0–100"})]
    return []


def serves(target: Target, targets: Mapping[UUID, Target], units: Mapping[UUID, Unit]) -> list[Fault]:
    """Say what is wrong with a target's parent: unknown, of another indicator, of no higher unit, or itself below it.

    `targets` are all that would stand, this one among them.
    """
    if target.parent_id is None:
        return []
    parent = targets.get(target.parent_id)
    if parent is None:
        return [Fault("unknown_target", "/parent", {"id": str(target.parent_id)})]
    if parent.indicator != target.indicator:
        return [Fault("parent_of_other_indicator", "/parent", {"code": parent.indicator})]
    if _is_above(target, parent, targets):
        return [Fault("targets_in_a_cycle", "/parent", {"id": str(target.parent_id)})]
    mine, theirs = units[target.unit_id], units[parent.unit_id]
    if LEVELS.index(theirs.level) >= LEVELS.index(mine.level) or parent.unit_id not in mine.within:
        return [Fault("parent_not_above", "/parent", {"unit": theirs.name})]
    return []


def _is_above(target: Target, parent: Target, targets: Mapping[UUID, Target]) -> bool:
    """Say whether a target is its own parent's parent, however far up."""
    seen: set[UUID] = set()
    above: Target | None = parent
    while above is not None and above.record_id not in seen:
        if above.record_id == target.record_id:
            return True
        seen.add(above.record_id)
        above = targets.get(above.parent_id) if above.parent_id else None
    return False
