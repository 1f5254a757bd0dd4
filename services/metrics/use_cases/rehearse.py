"""Rehearse a reform: count by the map of the day before, and by the map as it would be."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.metrics_api import UnitRef
from libs.contracts.rehearsal_api import (
    Figures,
    MeasureRehearsed,
    RehearsalAnswer,
    RehearsalQuery,
    RehearsalQueryEcho,
    UnallocatedRehearsed,
    UnitRehearsed,
)
from services.metrics.domain.answer import Sums, Tally, total_of
from services.metrics.domain.boundaries import Boundaries
from services.metrics.domain.completeness import complete_through
from services.metrics.domain.facts import PARTNER, REPORTER_KINDS, TEAM
from services.metrics.domain.grouping import grouper
from services.metrics.domain.map import UnitMap
from services.metrics.domain.memory import Memory
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question, check
from services.metrics.domain.rehearsal import (
    Touched,
    Unplaced,
    check_states,
    tells_few,
    tells_few_encounters,
    touched_by,
    unplaced,
)
from services.metrics.store.query import DataRevision
from services.metrics.use_cases import rolled
from services.metrics.use_cases.query import Reader, contract_of, synced_with
from services.metrics.use_cases.rollup_view import View, look
from services.metrics.use_cases.rows import unit_ref
from services.metrics.use_cases.units import unit_of

__all__ = ["Plan", "prepare", "rehearse"]

MOST_NAMED = 200
SETS = frozenset({"persons", "households"})
EVERYTHING = 1_000_000  # Groups: units and measures are limited already.

ByMeasure = Mapping[str, Sums]
ByKind = dict[str, dict[int, Sums]]
"""Measure, then kind of reporter."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to count: the picture as it is and as it would be, with the boundaries of both days."""

    now: Picture
    later: Picture
    before: Boundaries
    on: Boundaries
    touched: Mapping[UUID, Touched]
    unplaced: Sequence[Unplaced]
    visible: frozenset[UUID] | None
    question: Question


async def prepare(query: RehearsalQuery, picture: Picture, reader: Reader) -> Plan:
    """Lay the states over the map of a picture that stands still; raises Problem."""
    known = picture.units
    visible = None if reader.subtree is None else known.held_by(reader.subtree)
    states = [unit_of(told, known.one) for told in query.units]
    check_states([(unit, told.parent_id) for unit, told in zip(states, query.units, strict=True)], known, visible)
    measures = tuple(dict.fromkeys(query.measures)) if query.measures is not None else tuple(sorted(picture.measures))
    question = Question(
        measures=measures,
        first=query.from_,
        last=query.to,
        group_by=(),
        units=(),
        reporter_kind=None,
        reporters=(),
        platforms=(),
        answers=frozenset({"luot", "nguoi", "ho"}),
        boundaries=query.on.isoformat(),
        on=query.on,
    )
    check(question, picture)
    before = known.on(query.on - timedelta(days=1))

    def lay_over() -> tuple[UnitMap, Boundaries, list[Touched], list[Unplaced]]:
        units = known.laid_over(states)
        on = units.on(query.on)
        touched = touched_by(states, known, units, before, on)
        return units, on, touched, unplaced({each.unit.unit_id: each for each in touched}, before, on)

    # Others are answered meanwhile; nobody else has the map that is made here.
    units, on, touched, lost = await asyncio.to_thread(lay_over)
    by_id = {each.unit.unit_id: each for each in touched}
    return Plan(picture, replace(picture, units=units), before, on, by_id, lost, visible, question)


async def rehearse(
    connection: Connection, plan: Plan, reader: Reader, memory: Memory, revision: DataRevision
) -> RehearsalAnswer:
    """Count in the caller's snapshot, whose revision is given; stores nothing."""
    counting = _Counting(connection, await look(connection, memory), plan)
    before = await counting.of_touched(plan.now, plan.before)
    after = await counting.of_touched(plan.later, plan.on)
    lost = [(each, await counting.of_unplaced(each)) for each in plan.unplaced]
    hidden = frozenset[tuple[str, str]]()
    if not reader.exact:
        told = [*before.values(), *after.values(), *(found for _, by_unit in lost for found in by_unit.values())]
        hidden = _small(told, reader.smallest_shown)
    words = _Words(plan, hidden)
    active = await rolled.active_reporters(connection, counting.view, plan.question, plan.visible, plan.now)
    complete = complete_through(active, await synced_with(connection, active, revision, memory))
    question = plan.question
    return RehearsalAnswer(
        units=[words.unit(each, before.get(unit_id), after.get(unit_id)) for unit_id, each in plan.touched.items()],
        unallocated=[words.lost(each, unit_id, found) for each, by_unit in lost for unit_id, found in by_unit.items()],
        levels_gone=sorted(plan.before.levels - plan.on.levels),  # type: ignore[arg-type]
        contract=contract_of(question, complete, reader, plan.now, revision),
        query=RehearsalQueryEcho.model_validate(
            {"on": question.on, "from": question.first, "to": question.last, "measures": list(question.measures)}
        ),
    )


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts in a view's snapshot, by one map or the other."""

    connection: Connection
    view: View
    plan: Plan

    async def of_touched(self, picture: Picture, day: Boundaries) -> dict[UUID, ByKind]:
        """Count the units touched that are there on a day, each with all that lies wholly in it."""
        there: defaultdict[str, list[UUID]] = defaultdict(list)
        for unit_id in self.plan.touched:
            unit = picture.units.get(unit_id)
            if unit is not None and unit.valid_on(day.day):
                there[unit.level].append(unit_id)
        found: dict[UUID, ByKind] = {}
        for level, units in there.items():
            scope = frozenset().union(*map(day.held_by, units))
            counted = await self._count(picture, day, level, scope)
            found |= {unit_id: of_unit for unit_id, of_unit in counted.items() if unit_id in self.plan.touched}  # type: ignore[misc]
            for unit_id in units:
                found.setdefault(unit_id, {})
        return found

    async def of_unplaced(self, lost: Unplaced) -> dict[UUID | None, ByKind]:
        """Count what no unit of a level will hold, by the lowest that does hold it."""
        return await self._count(self.plan.later, self.plan.on, lost.level, lost.units)

    async def _count(
        self, picture: Picture, day: Boundaries, level: str, scope: frozenset[UUID]
    ) -> dict[UUID | None, ByKind]:
        if self.plan.visible is not None:
            scope &= self.plan.visible
        question = replace(self.plan.question, group_by=("measure", "reporter_kind", f"unit:{level}"), on=day.day)
        tally = Tally(grouper(question.group_by, picture, day.day), EVERYTHING)
        async for cells, unite in rolled.cells(self.connection, self.view, question, scope, picture, SETS):
            tally.add(cells, unite)
        found: dict[UUID | None, ByKind] = {}
        for group, sums in tally.sums.items():
            measure, kind, _ = group.values
            assert measure is not None
            assert kind is not None
            found.setdefault(group.unit_id, {}).setdefault(measure, {})[REPORTER_KINDS.index(kind)] = sums
        return found


def _small(told: Iterable[ByKind], smallest: int) -> frozenset[tuple[str, str]]:
    """Name the numbers that are withheld of each measure: in all rows, for each is a part of others here."""
    by_measure: defaultdict[str, list[Sums]] = defaultdict(list)
    for by_kind in told:
        for measure, kinds in by_kind.items():
            by_measure[measure] += [total_of(kinds.values()), *kinds.values()]
    hidden: set[tuple[str, str]] = set()
    for measure, rows in by_measure.items():
        for name, sets in (("nguoi", [row.persons for row in rows]), ("ho", [row.households for row in rows])):
            if tells_few(sets, smallest):
                hidden |= {(measure, name)}
        if any(of == measure for of, _ in hidden) and tells_few_encounters([row.quantity for row in rows], smallest):
            hidden |= {(measure, name) for name in ("luot", "luot_team", "luot_partner")}
    return frozenset(hidden)


@dataclass(frozen=True, slots=True)
class _Words:
    """Puts what was counted into the words of the contract."""

    plan: Plan
    hidden: frozenset[tuple[str, str]]

    def unit(self, touched: Touched, before: ByKind | None, after: ByKind | None) -> UnitRehearsed:
        return UnitRehearsed(
            unit=self._ref(touched.unit.unit_id),
            change=touched.change,
            measures=self._measures(before, after),
        )

    def lost(self, lost: Unplaced, unit_id: UUID | None, found: ByKind) -> UnallocatedRehearsed:
        on, level = self.plan.on, lost.level
        recorded = [other for other in lost.units if on.at_level(other, level) == (unit_id, False)]
        named = sorted(filter(None, map(self._known, recorded)), key=lambda ref: (ref.level, ref.code or "~", ref.name))
        return UnallocatedRehearsed(
            level=level,  # type: ignore[arg-type]
            unit=self._known(unit_id),
            recorded_in=named[:MOST_NAMED],
            measures=self._measures(None, found),
        )

    def _known(self, unit_id: UUID | None) -> UnitRef | None:
        return unit_ref(unit_id, self.plan.later)

    def _ref(self, unit_id: UUID) -> UnitRef:
        ref = self._known(unit_id)
        assert ref is not None
        return ref

    def _measures(self, before: ByKind | None, after: ByKind | None) -> list[MeasureRehearsed]:
        return [
            MeasureRehearsed(
                measure=measure,
                before=self._figures(measure, before.get(measure, {})) if before is not None else None,
                after=self._figures(measure, after.get(measure, {})) if after is not None else None,
            )
            for measure in self.plan.question.measures
            if measure in (before or {}) or measure in (after or {})
        ]

    def _figures(self, measure: str, kinds: Mapping[int, Sums]) -> Figures:
        whole = total_of(kinds.values())
        numbers: dict[str, int | None] = {
            "luot": whole.quantity if len(kinds) == 1 else None,
            "luot_team": kinds[TEAM].quantity if TEAM in kinds else None,
            "luot_partner": kinds[PARTNER].quantity if PARTNER in kinds else None,
            "nguoi": len(whole.persons) if kinds else None,
            "ho": len(whole.households) if kinds else None,
        }
        reasons = {name: "no_reports" for name, number in numbers.items() if number is None}
        if len(kinds) > 1:
            reasons["luot"] = "mixed_reporter_kinds"
        suppressed = [name for name in numbers if (measure, name) in self.hidden and name not in reasons]
        shown = {name: number for name, number in numbers.items() if name not in suppressed}
        return Figures(**shown, suppressed=suppressed, reasons=reasons)
