"""The roll-ups as a snapshot has them: which there are, and what folds changed since."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.db import Connection
from services.metrics.domain.layout import Layout
from services.metrics.domain.memory import Blobs, Memory
from services.metrics.domain.rollups import PROVINCE, CellChange, Segment
from services.metrics.store import rollups as store
from services.metrics.store.members import read_members
from services.metrics.store.rollups import State

__all__ = ["View", "look"]

MOST_ENTRIES = 200_000  # More than that is not worth remembering: the cells answer until the roll-ups are made anew.


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot's state, members and outstanding changes."""

    state: State
    layout: Layout
    blobs: Blobs
    memory: Memory

    @property
    def usable(self) -> bool:
        """Say whether there are roll-ups to answer from, of whatever is ready."""
        return self.state.begun and self.state.entries <= MOST_ENTRIES

    def after(self, n: int, level: int) -> list[Segment]:
        """Give what changed after a revision, in order."""
        return self.memory.segments.between(n, self.state.revision, level, self.blobs, self.layout)

    def since(self, n: int) -> list[CellChange] | None:
        """Give what folds changed after a revision; None where that is later, or some of it may be forgotten.

        Changes are forgotten up to a revision: those after one that is still there all are.
        """
        if not self.usable or n > self.state.revision:
            return None
        if n < self.state.revision and (not self.blobs or min(self.blobs) > n):
            return None
        return [change for m, of_fold in self.blobs.items() if m > n for change in of_fold]

    def strangers(self) -> set[bytes]:
        """Give the units that are no members yet; everything of theirs is outstanding."""
        return set().union(*(segment.strangers for segment in self.after(0, PROVINCE)))


async def look(connection: Connection, memory: Memory) -> View:
    """Look at the roll-ups in the caller's snapshot."""
    state = await store.read_state(connection)
    layout = await _layout(connection, state.version, memory)
    memory.forget_before(state.outstanding[0] if state.outstanding else state.revision + 1)
    view = View(state, layout, {}, memory)
    return View(state, layout, await _blobs(connection, state.outstanding, memory), memory) if view.usable else view


async def _blobs(connection: Connection, revisions: Sequence[int], memory: Memory) -> Blobs:
    # What others forget while something is awaited must still be here.
    known = {n: memory.blobs[n] for n in revisions if n in memory.blobs}
    if len(known) == len(revisions):
        return known
    found = await store.read_changes(connection, [n for n in revisions if n not in known])
    memory.blobs |= found
    return {**known, **found}


async def _layout(connection: Connection, version: int, memory: Memory) -> Layout:
    known = memory.layout
    if known.version > version:
        # A snapshot from before: rare enough to be read whole.
        known = Layout(0, {})
    if known.version < version:
        known = known.changed(version, await read_members(connection, known.version))
    if memory.layout.version < version:
        memory.layout = known
    return memory.layout if memory.layout.version == version else known
