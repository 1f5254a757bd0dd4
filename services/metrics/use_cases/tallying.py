"""Tally a question: by what is remembered of it and what folds have done since, or else by everything there is."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Connection
from libs.common.problem import Problem
from services.metrics.domain.answer import StoredCell, Tally, TooManyGroups, Unite
from services.metrics.domain.grouping import Group, Place, grouper
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question
from services.metrics.domain.tallied import Since, Tallied, added_to, parts_with, what_changed
from services.metrics.store import query as store
from services.metrics.use_cases import rolled
from services.metrics.use_cases.rollup_view import View

__all__ = ["Territory", "tally"]

MAX_ROWS = 1000
MOST_ANEW = 0.5  # Of the groups: where more have to be counted anew, all are, in fewer questions.


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
    group = grouper(question.group_by, picture, question.on)
    counting = _Counting(connection, view, question, territory, picture, sets, group)
    known = view.memory.tallies.get(asked)
    try:
        tallied = await counting.from_what_is_known(known) if known is not None else None
        if tallied is None:
            tallied = await counting.anew()
    except TooManyGroups:
        raise Problem("result_too_large", limit=MAX_ROWS) from None
    known = view.memory.tallies.get(asked)
    later = known is None or known.n < tallied.n or known.map_changes != tallied.map_changes
    if view.usable and later:
        view.memory.tallies.keep(asked, tallied, tallied.size())
    return tallied


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts a question in a view's snapshot."""

    connection: Connection
    view: View
    question: Question
    territory: Territory
    picture: Picture
    sets: frozenset[str]
    group: Callable[[Place], Group]

    async def anew(self) -> Tallied:
        """Count everything there is."""
        tally = Tally(self.group, MAX_ROWS)
        # Others get their turn while each slice is fetched.
        async for cells, unite in self._cells(self.question):
            tally.add(cells, unite)
        return self._tallied(tally, await self._active())

    async def from_what_is_known(self, known: Tallied) -> Tallied | None:
        """Count what has changed, and the groups that something was taken from; None where that leaves too little."""
        changes = self.view.since(known.n) if known.map_changes == self.territory.map_changes else None
        if changes is None:
            return None
        id_of = self.view.memory.numbering.id_of
        since = what_changed(changes, self.question, self.territory.units, id_of, self.group)
        lessened = set(map(self.group, since.lessened))
        if len(lessened) > len(known.sums) * MOST_ANEW:
            return None
        tally = added_to(known, since, lessened, self.group, MAX_ROWS)
        for part in parts_with(self.question, since.lessened):
            async for cells, unite in self._cells(part):
                tally.add((cell for cell in cells if self.group(cell[0]) in lessened), unite)
        return self._tallied(tally, await self._still_active(known, since))

    async def _still_active(self, known: Tallied, since: Since) -> frozenset[UUID]:
        if since.left:
            staying = await store.still_reporting(self.connection, self.question, since.left)
            if not {reporter for _, reporter in since.left} <= staying:
                return await self._active()
        return known.active if since.came <= known.active else known.active | since.came

    def _cells(self, question: Question) -> AsyncIterator[tuple[Sequence[StoredCell], Unite]]:
        return rolled.cells(self.connection, self.view, question, self.territory.units, self.picture, self.sets)

    async def _active(self) -> frozenset[UUID]:
        return await rolled.active_reporters(
            self.connection, self.view, self.question, self.territory.units, self.picture
        )

    def _tallied(self, tally: Tally, active: frozenset[UUID]) -> Tallied:
        return Tallied(self.view.state.revision, self.territory.map_changes, tally.sums, active)
