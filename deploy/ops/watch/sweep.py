"""The slow cursor: over the whole log, then over all that was folded, paced, for ever."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from deploy.ops.watch.fold_side import TABLES
from deploy.ops.watch.log_side import Folded, Page
from libs.common.log import BEGINNING, Position

__all__ = ["Compares", "Sweep"]

MOST_SECONDS = 5.0
"""So much of the pace may be made up for after a pause."""


class Compares(Protocol):
    """What a sweep goes over."""

    def begin_sweep(self) -> None:
        """Be told that all of it follows."""

    async def compare(self, after: Position, until: Position, rows: int) -> Page:
        """Compare rows of the log with what is folded."""

    async def folded_page(self, table: str, after: Folded | None, rows: int) -> Sequence[Folded]:
        """Read what is folded."""

    async def compare_folded(self, folded: Sequence[Folded]) -> None:
        """Compare what is folded with the log."""


class Sweep:
    """Where the sweep is, and how much it may do by now."""

    def __init__(
        self,
        audit: Compares,
        rows_per_second: float,
        every_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audit = audit
        self._rows_per_second = rows_per_second
        self._every_seconds = every_seconds
        self._clock = clock
        self._allowed = 0.0
        self._allowed_at = clock()
        self._begun_at: float | None = None
        self._next_at = clock()
        self._position: Position | None = None
        self._firsts = 0
        self._tables: list[str] = []
        self._after: Folded | None = None
        self.ended_at: float | None = None

    def restart(self) -> None:
        """Begin anew at once."""
        self._position, self._tables, self._next_at = None, [], self._clock()

    async def on(self, followed: Position, page_rows: int) -> int | None:
        """Go on as far as the pace allows; once all of the log up to `followed` is seen, gives its number of records.

        Whoever follows must stand at `followed` when this is called, so that nothing is counted by neither or by both.
        """
        now = self._clock()
        earned = (now - self._allowed_at) * self._rows_per_second
        self._allowed = min(self._allowed + earned, max(MOST_SECONDS * self._rows_per_second, page_rows))
        self._allowed_at = now
        counted: int | None = None
        while self._allowed >= page_rows or not self._is_under_way():
            if not self._is_under_way():
                if now < self._next_at:
                    break
                self._begin(now)
            if self._position is not None:
                seen = await self._over_log(followed, page_rows)
                counted = seen if seen is not None else counted
            else:
                await self._over_folded(page_rows)
        return counted

    def _is_under_way(self) -> bool:
        return self._position is not None or bool(self._tables)

    def _begin(self, now: float) -> None:
        self._position, self._firsts, self._next_at = BEGINNING, 0, now + self._every_seconds
        self._audit.begin_sweep()

    async def _over_log(self, followed: Position, rows: int) -> int | None:
        assert self._position is not None
        page = await self._audit.compare(self._position, followed, rows)
        self._position, self._firsts = page.reached, self._firsts + page.firsts
        self._allowed -= max(page.rows, 1)
        if self._position != followed:
            return None
        self._position, self._tables, self._after = None, list(TABLES), None
        return self._firsts

    async def _over_folded(self, rows: int) -> None:
        folded = await self._audit.folded_page(self._tables[0], self._after, rows)
        await self._audit.compare_folded(folded)
        self._allowed -= max(len(folded), 1)
        self._after = folded[-1] if len(folded) == rows else None
        if self._after is None:
            self._tables.pop(0)
            if not self._tables:
                self.ended_at = self._clock()
