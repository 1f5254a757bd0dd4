"""What a question is about, from roll-ups as far as they go, and from cells for the rest."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from pyroaring import BitMap

from libs.common.db import Connection
from services.metrics.domain.answer import StoredCell, Unite
from services.metrics.domain.grouping import Place, days_of, division_of
from services.metrics.domain.layout import Plan, rolls_up
from services.metrics.domain.memory import Numbering, Reporters
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question
from services.metrics.domain.rollups import (
    ANYTHING,
    COMMUNE,
    PROVINCE,
    Change,
    RollupKey,
    Segment,
    gone_from,
    month_of,
)
from services.metrics.store import query as cell_store
from services.metrics.store import rollups as store
from services.metrics.store.rollups import Keys, Row
from services.metrics.use_cases.rollup_view import View

__all__ = ["active_reporters", "cells"]

NOBODY = UUID(int=0)
SINGULAR = {"persons": "person", "households": "household"}


@dataclass(slots=True)
class _Found:
    """A roll-up that is not empty: the row, where there is one, and what changed since; `unit_id` is one of its own."""

    key: RollupKey
    unit_id: UUID
    row: Row | None
    changes: Sequence[Change]
    quantity: int
    unknown: int

    def place(self) -> Place:
        """Give the place it has among cells."""
        _, _, month, measure, platform, reporter_kind = self.key
        return Place(self.unit_id, measure, platform, month, NOBODY, reporter_kind)

    def within(self, first: date, last: date) -> bool:
        """Say whether nothing of it lies outside of some days."""
        row = self.row
        return (row is None or (first <= row.first and row.last <= last)) and all(
            first <= change.first and change.last <= last for change in self.changes
        )


async def cells(
    connection: Connection,
    view: View,
    question: Question,
    units: frozenset[UUID] | None,
    picture: Picture,
    sets: Collection[str],
) -> AsyncIterator[tuple[Sequence[StoredCell], Unite]]:
    """Give roll-ups and cells that have every fact once, and what unites their sets best.

    Of the sets only those needed are read, persons or households.
    """
    if not rolls_up(question.group_by) or question.reporters or not view.usable:
        async for slice_ in cell_store.cells(connection, question, units, sets):
            yield slice_, BitMap.union
        return
    division = division_of(question.group_by, picture.units, question.on)
    plan = view.layout.plan(units, view.strangers(), picture.units, division)
    found, spans = await _found(connection, view, question, question.measures, plan)
    lasting, passing = await _with_sets(connection, view, found, sets)
    yield lasting, view.memory.unions.unite
    yield passing, BitMap.union
    for part, of_units in _rest(question, units, plan, spans):
        async for slice_ in cell_store.cells(connection, part, of_units, sets):
            yield slice_, BitMap.union


async def active_reporters(
    connection: Connection, view: View, question: Question, units: frozenset[UUID] | None, picture: Picture
) -> frozenset[UUID]:
    """Give who has reported anything in the units and days asked about, of whatever measure."""
    if question.reporters or not view.usable:
        return await cell_store.active_reporters(connection, question, units)
    plan = view.layout.plan(units, view.strangers(), picture.units, None)
    found, spans = await _found(connection, view, question, [ANYTHING], plan)
    active = view.memory.numbering.ids(await _reporting(connection, view, found))
    for part, of_units in _rest(question, units, plan, spans):
        active |= await cell_store.active_reporters(connection, part, of_units)
    return active


def _rest(
    question: Question, units: frozenset[UUID] | None, plan: Plan, spans: Iterable[tuple[date, date]]
) -> list[tuple[Question, Collection[UUID] | None]]:
    """Give what must be read from cells: all days of some units, some days of all others."""
    everywhere = units is None and not plan.leaves
    parts: list[tuple[Question, Collection[UUID] | None]] = [
        (replace(question, first=first, last=last), None if everywhere else plan.covered) for first, last in spans
    ]
    return [*parts, (question, plan.leaves)] if plan.leaves else parts


async def _found(
    connection: Connection, view: View, question: Question, measures: Sequence[str], plan: Plan
) -> tuple[list[_Found], list[tuple[date, date]]]:
    """Give the roll-ups of a plan, and the days at the ends of the range for which they are too wide."""
    if not plan.rollups:
        return [], []
    first, last = month_of(question.first), month_of(question.last)
    asked = Keys(plan.rollups, first, last, measures, question.platforms, question.reporter_kind)
    rows = {RollupKey(*row[:6]): row for row in await store.read_rows(connection, asked)}
    found = _put_together(view, asked, rows, plan)
    wide = {
        each.key.month
        for each in found
        if each.key.month in (first, last) and not each.within(question.first, question.last)
    }
    spans = [(max(month, question.first), min(days_of("month", month)[1], question.last)) for month in sorted(wide)]
    return [each for each in found if each.key.month not in wide], spans


def _put_together(view: View, asked: Keys, rows: Mapping[RollupKey, Row], plan: Plan) -> list[_Found]:
    """Put what has changed beside the roll-ups; those that come to nothing are left out."""
    newest_base = min(view.blobs, default=0) - 1
    found: list[_Found] = []
    for level in (COMMUNE, PROVINCE):
        units = {unit_id for of_level, unit_id in asked.units if of_level == level}
        segments = view.after(0, level) if units else []
        changes = _changes(segments, asked, units)
        for key, row in rows.items():
            if row.level != level:
                continue
            of_row = changes.pop(key, [])
            if of_row and row.n > newest_base:
                of_row = [segment.changes[key] for segment in view.after(row.n, level) if key in segment.changes]
            found.append(_Found(key, plan.rollups[key[:2]], row, of_row, row.quantity, row.unknown))
        found += [_Found(key, plan.rollups[key[:2]], None, of_key, 0, 0) for key, of_key in changes.items()]
    for each in found:
        for change in each.changes:
            each.quantity += change.quantity
            each.unknown += change.unknown
    return [each for each in found if each.quantity]


def _changes(segments: Sequence[Segment], asked: Keys, units: Collection[UUID]) -> dict[RollupKey, list[Change]]:
    found: dict[RollupKey, list[Change]] = {}
    measures, platforms, kind = set(asked.measures), set(asked.platforms), asked.reporter_kind
    for segment in segments:
        for key, change in segment.changes.items():
            if (
                key.measure in measures
                and asked.first_month <= key.month <= asked.last_month
                and key.unit_id in units
                and (not platforms or key.platform in platforms)
                and (kind is None or key.reporter_kind == kind)
            ):
                found.setdefault(key, []).append(change)
    return found


async def _with_sets(
    connection: Connection, view: View, found: Sequence[_Found], columns: Collection[str]
) -> tuple[list[StoredCell], list[StoredCell]]:
    """Give the roll-ups with the sets that last, and beside them those of what changed, which do not."""
    none: _Parts = [((), ())] * len(found)
    persons = await _parts(connection, view, found, "persons") if "persons" in columns else none
    households = await _parts(connection, view, found, "households") if "households" in columns else none
    lasting: list[StoredCell] = []
    passing: list[StoredCell] = []
    for each, (people, new_people), (homes, new_homes) in zip(found, persons, households, strict=True):
        place = each.place()
        lasting.append((place, each.quantity, each.unknown, people, homes))
        if new_people or new_homes:
            passing.append((place, 0, 0, new_people, new_homes))
    return lasting, passing


_Parts = list[tuple[Sequence[BitMap], Sequence[BitMap]]]


async def _parts(connection: Connection, view: View, found: Sequence[_Found], column: str) -> _Parts:
    """Give the sets that are each roll-up's people, or households, in this snapshot: one that lasts, and others."""
    bases = await _bases(connection, view, [each.row for each in found if each.row is not None], column)
    lost = await _lost(connection, view, found, column)
    parts: _Parts = []
    for each in found:
        base = bases.get(each.row.stamp) if each.row is not None else None
        lasting = [base] if base is not None else []
        passing = [members for change in each.changes if (members := getattr(change, column))]
        gone = lost.get(each.key)
        if gone and (lasting or passing):
            lasting, passing = [], [BitMap.union(*lasting, *passing) - BitMap(gone)]
        parts.append((lasting, passing))
    return parts


async def _bases(connection: Connection, view: View, rows: Iterable[Row], column: str) -> dict[int, BitMap]:
    """Give the sets of rows by their stamps: those remembered, the others read."""
    size = Row._fields.index(f"{column}_size")
    found: dict[int, BitMap] = {}
    missing = []
    for row in rows:
        if row[size]:
            known = view.memory.sets.get((row.stamp, column))
            if known is None:
                missing.append(row.place)
            else:
                found[row.stamp] = known
    for stamp, serialised in await store.read_sets(connection, column, missing) if missing else ():
        found[stamp] = BitMap.deserialize(serialised)
        view.memory.sets.keep((stamp, column), found[stamp], len(serialised))
    return found


async def _lost(connection: Connection, view: View, found: Sequence[_Found], column: str) -> dict[RollupKey, list[int]]:
    """Give those among the gone who are not there any more: by what is remembered, or by looking for live facts."""
    verdicts = view.memory.verdicts
    candidates = [
        (each.key, SINGULAR[column], number, n)
        for each in found
        if each.changes
        for number, n in gone_from(each.changes)[column == "households"].items()
    ]
    known = {candidate: verdicts[candidate] for candidate in candidates if candidate in verdicts}
    asked = [candidate for candidate in candidates if candidate not in known]
    if asked:
        held = [(key, number) for key, _, number, _ in asked]
        told = await store.still_there(connection, SINGULAR[column], held)
        answers = dict(zip(asked, told, strict=True))
        view.memory.judge(answers)
        known |= answers
    lost: dict[RollupKey, list[int]] = {}
    for key, _, number, n in candidates:
        if not known[key, SINGULAR[column], number, n]:
            lost.setdefault(key, []).append(number)
    return lost


async def _reporting(connection: Connection, view: View, found: Sequence[_Found]) -> BitMap:
    """Give the numbers of those who reported something that still stands."""
    bases = await _reporters(connection, view, [each.row for each in found if each.row is not None])
    active: list[BitMap] = []
    for each in found:
        base = bases.get(each.row.stamp) if each.row is not None else None
        numbers, ended = _changed(base, each.changes, view.memory.numbering)
        known = base.numbers if base is not None else BitMap()
        active += [known - ended if ended else known, numbers]
    return BitMap.union(*active) if active else BitMap()


def _changed(base: Reporters | None, changes: Sequence[Change], numbering: Numbering) -> tuple[BitMap, BitMap]:
    """Give who has reported something since, and of whom nothing stands any more."""
    more: dict[bytes, int] = {}
    for change in changes:
        for reporter, quantity in change.reporters.items():
            more[reporter] = more.get(reporter, 0) + quantity
    came = BitMap(numbering.number(reporter) for reporter, quantity in more.items() if quantity > 0)
    less = ((numbering.number(reporter), quantity) for reporter, quantity in more.items() if quantity < 0)
    return came, BitMap(number for number, quantity in less if base is None or base.quantity(number) + quantity <= 0)


async def _reporters(connection: Connection, view: View, rows: Sequence[Row]) -> dict[int, Reporters]:
    memory = view.memory
    found = {row.stamp: known for row in rows if (known := memory.reporters.get(row.stamp)) is not None}
    missing = [row.place for row in rows if row.stamp not in found]
    for stamp, packed in await store.read_sets(connection, "reporters", missing) if missing else ():
        found[stamp] = Reporters(store.reporters_in(packed), memory.numbering)
        memory.reporters.keep(stamp, found[stamp], found[stamp].size())
    return found
