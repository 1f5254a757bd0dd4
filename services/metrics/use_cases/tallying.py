"""Tally a question: by what is remembered of it and what folds have added since, or else by everything there is."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Connection
from libs.common.problem import Problem
from services.metrics.domain.answer import Tally, TooManyGroups
from services.metrics.domain.grouping import Group, Place, grouper
from services.metrics.domain.memory import Asked
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question
from services.metrics.domain.tallied import Tallied, added_to, additions
from services.metrics.use_cases import rolled
from services.metrics.use_cases.rollup_view import View

__all__ = ["Territory", "tally"]

MAX_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Territory:
    """The units asked about (None: all), of those a reader may see (None: all), by the map after so many changes."""

    units: frozenset[UUID] | None
    visible: UUID | None
    map_changes: int


async def tally(
    connection: Connection,
    view: View,
    question: Question,
    territory: Territory,
    picture: Picture,
    sets: frozenset[str],
) -> Tallied:
    """Give what the question comes to in the view's snapshot; `sets` are those needed. Raises Problem."""
    asked = question, territory.visible, sets
    group = grouper(question.group_by, picture)
    try:
        tallied = _from_memory(view, asked, territory, group)
        if tallied is None:
            tallied = await _anew(connection, view, question, territory, picture, sets, Tally(group, MAX_ROWS))
    except TooManyGroups:
        raise Problem("result_too_large", limit=MAX_ROWS) from None
    known = view.memory.tallies.get(asked)
    later = known is None or known.n < tallied.n or known.map_changes != tallied.map_changes
    # Of a map that changed meanwhile nothing is kept: some of it may be from before, some from after.
    if view.usable and later and picture.units.changes == territory.map_changes:
        view.memory.tallies.keep(asked, tallied, tallied.size())
    return tallied


def _from_memory(view: View, asked: Asked, territory: Territory, group: Callable[[Place], Group]) -> Tallied | None:
    known = view.memory.tallies.get(asked)
    if known is None or known.map_changes != territory.map_changes:
        return None
    changes = view.since(known.n)
    if changes is None:
        return None
    added = additions(changes, asked[0], territory.units, view.memory.numbering.id_of)
    return added_to(known, added, view.state.revision, group, MAX_ROWS) if added is not None else None


async def _anew(
    connection: Connection,
    view: View,
    question: Question,
    territory: Territory,
    picture: Picture,
    sets: frozenset[str],
    empty: Tally,
) -> Tallied:
    # Others get their turn while each slice is fetched.
    async for cells, unite in rolled.cells(connection, view, question, territory.units, picture, sets):
        empty.add(cells, unite)
    active = await rolled.active_reporters(connection, view, question, territory.units, picture)
    return Tallied(view.state.revision, territory.map_changes, empty.sums, active)
