"""Count cells again: some that are sampled, or all of some units; and roll-ups against the level below.

Each statement is one snapshot, so a fold under way is in the cell and in its facts, or in neither.
"""

import random
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from libs.common.db import Connection, Engine, transaction
from libs.common.problem import Problem
from services.metrics.domain.cells import CellKey
from services.metrics.domain.map import Unit, UnitMap
from services.metrics.domain.memory import Memory
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import find_unit
from services.metrics.domain.recount import Different, DifferentRollup, differing, differing_rollup
from services.metrics.domain.rollups import COMMUNE, PROVINCE, Rollup, RollupKey, rolled_up
from services.metrics.store import recount as store
from services.metrics.store import rollups as rollup_store
from services.metrics.store.recount import Compared, Key, Span
from services.metrics.use_cases.rollup_view import View, look
from services.metrics.use_cases.rollups import brought_up, torn_provinces

__all__ = [
    "Found",
    "NeverCounted",
    "NoUnitToday",
    "Outcome",
    "Wanted",
    "recount_cells",
    "recount_rollups",
    "recount_units",
    "territory_of",
]

Item = TypeVar("Item")

CALM_ENTRIES = 2000
"""While more changes wait for the roll-ups, to add them up would cost more than the look is worth."""


class NeverCounted(Exception):
    """Nothing was ever counted of a measure: its code may be mistaken."""


class NoUnitToday(Exception):
    """No unit of today is meant: none was ever known, or one that has `ended`, to which those of `today` are heirs."""

    def __init__(self, ended: Unit | None = None, today: Sequence[Unit] = ()) -> None:
        super().__init__(ended.name if ended is not None else "unknown")
        self.ended = ended
        self.today = today


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many were counted again, and which differ."""

    counted: int
    different: Sequence[Different]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cells: of some units (None: all), of a measure, of some days."""

    units: Collection[UUID] | None = None
    measure: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """How far the work is after a unit: units done, of how many, and what was found in the unit."""

    unit: int
    units: int
    outcome: Outcome


async def recount_cells(connection: Connection, keys: Collection[Key]) -> Outcome:
    """Count some cells again in the caller's transaction."""
    if not keys:
        return Outcome(0, [])
    await store.look_up(connection)
    return await _outcome(connection, await store.recount_cells(connection, keys))


async def recount_units(engine: Engine, wanted: Wanted) -> AsyncIterator[Found]:
    """Count all cells that are wanted again, a month of a unit in a transaction; raises NeverCounted."""
    async with _snapshot(engine) as connection:
        units = await store.numbers_of_units(connection, wanted.units)
        measure = await store.number_of_code(connection, wanted.measure) if wanted.measure is not None else None
    if wanted.measure is not None and measure is None:
        raise NeverCounted(wanted.measure)
    for n, unit in enumerate(units, 1):
        async with _snapshot(engine) as connection:
            days = await store.days_of(connection, unit, wanted.first, wanted.last)
        counted, different = 0, list[Different]()
        for first, last in _months(days):
            async with _snapshot(engine) as connection:
                compared = await store.recount_span(connection, Span(unit, first, last, measure))
                outcome = await _outcome(connection, compared)
            counted += outcome.counted
            different += outcome.different
        yield Found(n, len(units), Outcome(counted, different))


async def recount_rollups(connection: Connection, chance: random.Random) -> tuple[int, list[DifferentRollup]]:
    """Count the roll-ups of a commune's month again from its cells, and one of a province from its communes'.

    In the caller's snapshot; gives how many, 0 where there is nothing to look at, and which differ.
    """
    state = await rollup_store.read_state(connection)
    if not state.begun or state.entries > CALM_ENTRIES:
        return 0, []
    view = await look(connection, Memory.of_size(0))
    counted, different = 0, list[DifferentRollup]()
    for compare in (_commune, _province):
        found = await compare(connection, view, chance)
        counted += len(found)
        different += [
            DifferentRollup(key, parts) for key, kept, made in found if (parts := differing_rollup(kept, made))
        ]
    return counted, different


def territory_of(picture: Picture, reference: str, day: date) -> dict[UUID, str]:
    """Give the units of all times, with code and name, in what a unit of a day holds; raises NoUnitToday."""
    units = picture.units
    try:
        unit = find_unit(picture, reference, day, "/unit")
    except Problem as error:
        ended = [unit for unit in units.with_code(reference) if unit.ended_by(day)]
        last = max(ended, key=lambda unit: unit.valid_to or day, default=None)
        raise NoUnitToday(last, _heirs(units, last, day) if last is not None else ()) from error
    within = units.territory(unit, day) | units.held_by(unit.unit_id)
    known = [found for found in map(units.get, within) if found is not None]
    return {unit.unit_id: f"{unit.code or '–'} {unit.name}" for unit in known}


def _heirs(units: UnitMap, ended: Unit, day: date) -> list[Unit]:
    """Give the units of a day that its territory went to, whole or in parts, by code."""
    seen, waiting = dict[UUID, Unit](), list(ended.successors)
    while waiting:
        unit = units.get(waiting.pop())
        if unit is not None and unit.unit_id not in seen:
            seen[unit.unit_id] = unit
            waiting += () if unit.valid_on(day) else unit.successors
    return sorted((unit for unit in seen.values() if unit.valid_on(day)), key=lambda unit: unit.code or "")


def _snapshot(engine: Engine) -> AbstractAsyncContextManager[Connection]:
    return transaction(engine, isolation="repeatable_read", readonly=True)


async def _outcome(connection: Connection, compared: Sequence[Compared]) -> Outcome:
    found = [(each.key, parts) for each in compared if (parts := differing(each.kept, each.counted))]
    keys: list[CellKey] = await store.named(connection, [key for key, _ in found]) if found else []
    return Outcome(len(compared), [Different(key, parts) for key, (_, parts) in zip(keys, found, strict=True)])


def _months(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    by_month: dict[tuple[int, int], list[date]] = {}
    for day in days:
        by_month.setdefault((day.year, day.month), []).append(day)
    return ((of_month[0], of_month[-1]) for of_month in by_month.values())


_Beside = list[tuple[RollupKey, Rollup | None, Rollup | None]]


async def _commune(connection: Connection, view: View, chance: random.Random) -> _Beside:
    """Give the roll-ups of a commune in a month beside what its cells make."""
    members = view.layout.members.values()
    unready = {member.commune_id for member in members if member.ready < COMMUNE}
    commune = _one(chance, {member.commune_id for member in members} - unready)
    if commune is None:
        return []
    units = [member.unit_id for member in members if member.commune_id == commune]
    month = _one(chance, await rollup_store.months_of(connection, units, [(COMMUNE, commune)]))
    if month is None:
        return []
    bases = await rollup_store.read_month(connection, COMMUNE, [commune], month)
    kept = await brought_up(connection, bases.keys() | _changed(view, COMMUNE, {commune}, month), bases, view)
    made = await rollup_store.roll_up_cells(connection, commune, units, month)
    return [(key, kept.get(key), made.get(key)) for key in kept.keys() | made.keys()]


async def _province(connection: Connection, view: View, chance: random.Random) -> _Beside:
    """Give one roll-up of a province beside what those of its communes make."""
    members = view.layout.members.values()
    unready = {member.province_id for member in members if member.ready < PROVINCE} | torn_provinces(members)
    province = _one(chance, {member.province_id for member in members} - unready)
    if province is None:
        return []
    month = _one(chance, await rollup_store.months_of(connection, [], [(PROVINCE, province)]))
    if month is None:
        return []
    bases = await rollup_store.read_month(connection, PROVINCE, [province], month)
    key = _one(chance, bases)
    if key is None:
        return []
    communes = {member.commune_id for member in members if member.province_id == province}
    below = {key._replace(level=COMMUNE, unit_id=commune) for commune in communes}
    changed = _changed(view, COMMUNE, communes, month) & below
    of_communes = await rollup_store.read_rollups(connection, below)
    parts = await brought_up(connection, of_communes.keys() | changed, of_communes, view)
    kept = await brought_up(connection, [key], {key: bases[key]}, view)
    return [(key, kept[key], rolled_up(list(parts.values())) if parts else None)]


def _changed(view: View, level: int, units: Collection[UUID], month: date) -> set[RollupKey]:
    return {
        key
        for segment in view.after(0, level)
        for key in segment.changes
        if key.month == month and key.unit_id in units
    }


def _one(chance: random.Random, of: Iterable[Item]) -> Item | None:
    found = list(of)
    return chance.choice(found) if found else None
