"""Count the network on a day: teams and people by row, what they are divided by, and what is withheld."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Connection
from libs.common.problem import Problem
from libs.contracts.network_api import NetworkAnswer, NetworkQuery
from services.metrics.domain.facts import REPORTER_KINDS
from services.metrics.domain.grouping import Group
from services.metrics.domain.memory import Memory
from services.metrics.domain.network.counting import Counting, Tally
from services.metrics.domain.network.figures import BASES, RowFacts, figures_of
from services.metrics.domain.network.layout import Spot
from services.metrics.domain.network.question import Question
from services.metrics.domain.network.states import COMMUNITY, DeclaredDenominator
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question as FactsQuestion
from services.metrics.domain.suppression import Counts, withheld
from services.metrics.store.network import counts as store
from services.metrics.use_cases import rolled
from services.metrics.use_cases.network.asking import Asking, placed_of
from services.metrics.use_cases.network.telling import Told, tell
from services.metrics.use_cases.query import Reader
from services.metrics.use_cases.rollup_view import look
from services.metrics.use_cases.rows import in_order

__all__ = ["count_network"]

MAX_ROWS = 1000
COVERED_BY = {"NET-03": "subcommune", "NET-04": "commune"}
FILLED = ("province", "district", "commune")


@dataclass(frozen=True, slots=True)
class _Row:
    """A group with its tally; the total has an empty group."""

    group: Group
    tally: Tally
    whole: bool = False


async def count_network(
    connection: Connection, query: NetworkQuery, told: Told, memory: Memory | None
) -> NetworkAnswer:
    """Answer in the caller's snapshot; `memory` is that of the facts, where they are asked of.

    Raises Problem where there are too many rows.
    """
    question, asking, picture = told.question, told.asking, told.picture
    tallies = await _tallies(connection, told, memory)
    units = asking.layout.universe(asking.scope)
    if len(tallies) > MAX_ROWS and question.group_by:
        raise Problem("result_too_large", limit=MAX_ROWS)
    total = Tally()
    for tally in tallies.values():
        total.take(tally)
    rows = [_Row(group, tallies[group]) for group in in_order(tallies, picture)] if question.group_by else []
    rows.append(_Row(Group((None,) * len(question.group_by)), total, whole=True))
    declared = await _declared(connection, question, asking, picture, rows)
    figures = [figures_of(_facts(row, question, units, declared), question) for row in rows]
    groups = [row.group for row in rows]
    return tell(told, query, groups, figures, _withheld(rows, question, told.reader))


async def _tallies(connection: Connection, told: Told, memory: Memory | None) -> dict[Group, Tally]:
    question, asking, picture, moment = told.question, told.asking, told.picture, told.moment
    layout, scope = asking.layout, asking.scope
    placed = await placed_of(connection, asking, moment)
    asked = store.Asked(
        question.on,
        None if scope is None else placed.units,
        question.levels,
        question.types_read,
        "NET-07" in question.indicators,
        (question.first, question.last) if "NET-10" in question.indicators else None,
        question.minimum,
        await _at_work(connection, question, picture, memory) if memory is not None else (),
    )
    counting = Counting(question, layout)
    counting.add(await store.teams(connection, asked, placed))
    counting.add_shared(await store.shared(connection, asked))
    covered = [level for code, level in COVERED_BY.items() if code in question.indicators]
    if covered and COMMUNITY in question.types:
        for level, numbers in await store.covered(connection, asked, covered, placed):
            counting.add_covered(level, numbers)
    if "NET-09" in question.indicators:
        found = await store.ambassadors(connection, asked)
        communes = {layout.cover(unit, "commune") for unit in found}
        counting.add_ambassadors(each for each in communes if each and (scope is None or each in scope))
    # A unit that lacks every team is told as well, where there is a row for each unit and nothing else.
    if len(question.group_by) == 1 and question.unit_level in FILLED:
        counting.add_empty(_units_at(picture, asking, question.unit_level))
    return counting.tallies


def _units_at(picture: Picture, asking: Asking, level: str) -> list[UUID]:
    """Give the units of a level that there are on the day in the scope."""
    units = picture.units.all() if asking.scope is None else map(picture.units.get, asking.scope)
    return [unit.unit_id for unit in units if unit is not None and unit.level == level and unit.valid_on(asking.day)]


async def _at_work(connection: Connection, question: Question, picture: Picture, memory: Memory) -> set[int]:
    """Give the teams that reported anything in the period, wherever it was."""
    facts = FactsQuestion(
        measures=(),
        first=question.first,
        last=question.last,
        group_by=(),
        units=(),
        reporter_kind=REPORTER_KINDS.index("team"),
        reporters=(),
        platforms=(),
        answers=frozenset(),
        boundaries="as_recorded",
    )
    view = await look(connection, memory)
    return await store.numbers_of(connection, await rolled.active_reporters(connection, view, facts, None, picture))


def _facts(
    row: _Row,
    question: Question,
    units: Mapping[str, Counter[Spot]],
    declared: Mapping[UUID | None, Mapping[str, Sequence[DeclaredDenominator]]],
) -> RowFacts:
    values = dict(zip(question.group_by, row.group.values, strict=True))
    spot = Spot(row.group.unit_id, row.group.unallocated)
    by_unit = question.unit_level is not None and not row.whole
    return RowFacts(
        row.tally,
        values.get("level"),
        values.get("type"),
        row.group.unallocated,
        _there_are(units["commune"], spot if by_unit else None),
        _there_are(units["subcommune"], spot if by_unit else None),
        declared.get(row.group.unit_id if by_unit else None, {}),
    )


def _there_are(units: Counter[Spot], spot: Spot | None) -> int:
    return units.total() if spot is None else units[spot]


async def _declared(
    connection: Connection, question: Question, asking: Asking, picture: Picture, rows: Sequence[_Row]
) -> dict[UUID | None, dict[str, Sequence[DeclaredDenominator]]]:
    """Give the declared denominators of each row's unit, and under None those of the whole, if each part has one."""
    bases = {BASES[code] for code in question.indicators if code in BASES}
    if not bases:
        return {}
    whole = asking.named or tuple(_units_at(picture, asking, "province"))
    of_rows = {row.group.unit_id for row in rows if row.group.unit_id is not None and not row.group.unallocated}
    found = {
        (each.unit_id, each.base): each
        for each in await store.declared(connection, question.on, bases, of_rows | set(whole))
    }
    parts: dict[UUID | None, tuple[UUID, ...]] = {None: whole, **{unit: (unit,) for unit in of_rows}}
    return {
        key: {
            base: [found[unit, base] for unit in units]
            for base in bases
            if all((unit, base) in found for unit in units)
        }
        for key, units in parts.items()
    }


def _withheld(rows: Sequence[_Row], question: Question, reader: Reader) -> list[bool]:
    """Say for each row whether its people trained are withheld; the total comes last.

    Everything else counts people in a public duty, by decisions that name them: see ADR 26.
    """
    if reader.exact or "NET-10" not in question.indicators:
        return [False] * len(rows)
    counts = [_counts(len(row.tally.trained)) for row in rows]
    hidden, of_total = withheld(counts[:-1], counts[-1], reader.smallest_shown)
    return [bool({"nguoi", "luot"} & names) for names in (*hidden, of_total)]


def _counts(people: int) -> Counts:
    return Counts(people, 0, people, 0, (), None)
