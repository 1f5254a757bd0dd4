"""Conservation: what visits' log holds is in metrics, and nothing else is; compared from outside, again and again.

What is promised. The relay tells a position of the log only behind the states of all rows up to there, as they stood
when it read them (libs/common/relay.py); the consumer stores the position in the transaction that folds or buries them
(libs/common/consume.py). So in one snapshot of metrics, for every row up to its position R that is not held, the head
of its record is at that revision and edition or higher, or the state lies among the dead letters. Revisions of heads
only rise. In the other direction, whatever is folded had been committed in the log before.

How it is compared. R is read first, then the log up to R, then heads, letters and R once more in one snapshot.
A state is judged only by that last R, so nothing that is under way is ever called missing:

* load: rows behind R are not read, and a record that has a row behind R is left until R has passed that, too;
* announce, a relay's take-over, a consumer's restart: states come again and change nothing; R never falls;
* a rebuild into other tables or another database: R and heads are of one snapshot, so they belong together; where R
  has fallen, everything behind it is compared again as if it were new;
* compaction: a state may come behind a position that had been told before it, but only where its record was announced
  again, for a later row of it or by `announce`. The first is excluded by the rule about rows behind R. Against the
  second, during a rebuild alone, a record is told as missing only after it has been so for some seconds.

Databases must be the primaries: a replica's log may lack what its metrics have.

How often. One cursor follows R, so a loss is seen within seconds; another goes over the whole log and over all that was
folded, at its own pace, for ever: so what was lost long ago, or is lost later (a head deleted, a database restored
from yesterday) is found too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.ops.databases import reading
from deploy.ops.watch import fold_side, log_side
from deploy.ops.watch.fold_side import Judged
from deploy.ops.watch.log_side import Page
from deploy.ops.watch.suspects import Suspects
from deploy.ops.watch.sweep import Sweep
from libs.common.db import Engine
from libs.common.log import Position

__all__ = ["Audit", "AuditPace", "Found", "Places"]


@dataclass(frozen=True)
class AuditPace:
    """How much at once, and when a suspicion becomes a finding."""

    page_rows: int = 500
    follow_pages: int = 40
    recheck: int = 1000
    confirm_seconds: float = 5
    sweep_rows_per_second: float = 2000
    sweep_every_seconds: float = 60


@dataclass(frozen=True)
class Places:
    """Where the log's records are, each at its newest state: log = folded + waiting + dead + missing."""

    log: int
    folded: int
    waiting: int
    dead: int


@dataclass(frozen=True)
class Found:
    """What a round found; `places` are known once a whole sweep has counted the log."""

    missing: int
    unknown: int
    unfolded: log_side.Beyond
    places: Places | None


class Audit:
    """The comparison of visits' log with metrics; its state outlives whatever is away for a while."""

    def __init__(
        self,
        visits: Engine,
        metrics: Engine,
        pace: AuditPace = AuditPace(),
        clock: Callable[[], float] = time.monotonic,
        checked: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`checked` is told how many records were compared, each time."""
        self._visits = visits
        self._metrics = metrics
        self._pace = pace
        self._clock = clock
        self._checked = checked
        self._followed: Position | None = None
        self._counted: int | None = None
        self._sweep = Sweep(self, pace.sweep_rows_per_second, pace.sweep_every_seconds, clock)
        self.missing = Suspects(clock)
        self.dead = Suspects(clock)
        self.unknown = Suspects(clock)

    @property
    def swept_at(self) -> float | None:
        """When a whole sweep last ended, by this object's clock."""
        return self._sweep.ended_at

    async def round(self) -> Found:
        """Follow, look at what is suspect again, sweep on; raises Unavailable or what PostgreSQL raises."""
        here = await self.reached()
        await self._follow(here)
        await self._recheck_missing()
        await self._recheck_unknown()
        assert self._followed is not None
        counted = await self._sweep.on(self._followed, self._pace.page_rows)
        if counted is not None:
            self._counted = counted
        async with reading(self._visits) as connection:
            unfolded = await log_side.beyond(connection, here)
        return Found(
            self.missing.lasting(self._pace.confirm_seconds),
            self.unknown.lasting(0),
            unfolded,
            self._places(unfolded) if self._followed == here else None,
        )

    async def reached(self) -> Position:
        """Give how far metrics has come."""
        async with reading(self._metrics) as connection:
            return await fold_side.position(connection)

    async def _follow(self, here: Position) -> None:
        """Compare what has been reached since the last round."""
        if self._followed is None:
            self._followed = here  # What lies before is the sweep's.
        elif here < self._followed:
            # Metrics was made anew or restored: what had been compared was of another state of it.
            self._followed, self._counted = here, None
            self._sweep.restart()
        for _ in range(self._pace.follow_pages):
            if self._followed == here:
                return
            page = await self.compare(self._followed, here, self._pace.page_rows)
            self._followed = page.reached
            if self._counted is not None:
                self._counted += page.firsts

    async def compare(self, after: Position, until: Position, rows: int) -> Page:
        """Compare the records of some rows of the log with what metrics has of them."""
        async with reading(self._visits) as connection:
            page = await log_side.page_until(connection, after, until, rows)
        if page.states:
            async with reading(self._metrics) as connection:
                self._note(await fold_side.judge(connection, page.states))
        return page

    def _note(self, judged: Sequence[Judged]) -> None:
        self._checked(len(judged))
        for state, verdict in judged:
            if verdict != "missing":
                self.missing.discard([state.record_id])
            if verdict != "dead":
                self.dead.discard([state.record_id])
            if verdict != "folded":
                (self.dead if verdict == "dead" else self.missing).add(state.record_id)

    async def _recheck_missing(self) -> None:
        """Look again at what is missing or dead: an announce or a redrive heals it, a newer revision replaces it."""
        ids = [*self.missing.next(self._pace.recheck), *self.dead.next(self._pace.recheck)]
        if not ids:
            return
        async with reading(self._visits) as connection:
            states = await log_side.standing(connection, ids)
        async with reading(self._metrics) as connection:
            judged = await fold_side.judge(connection, states)
        # What is not due moves on, and is met again where it has moved to.
        left = set(ids) - {state.record_id for state, _ in judged}
        self.missing.discard(left)
        self.dead.discard(left)
        self._note(judged)

    async def compare_folded(self, folded: Sequence[log_side.Folded]) -> None:
        """Compare what metrics had folded with the log; it must have been read before this is called."""
        self._checked(len(folded))
        async with reading(self._visits) as connection:
            unknown = await log_side.unknown_among(connection, folded)
        self.unknown.discard({each.record_id for each in folded} - set(unknown))
        for record_id in unknown:
            self.unknown.add(record_id)

    async def folded_page(self, table: str, after: log_side.Folded | None, rows: int) -> list[log_side.Folded]:
        """Read what metrics has folded, by id, behind one."""
        async with reading(self._metrics) as connection:
            return await fold_side.folded_page(connection, table, after.record_id if after else None, rows)

    async def _recheck_unknown(self) -> None:
        ids = self.unknown.next(self._pace.recheck)
        if not ids:
            return
        async with reading(self._metrics) as connection:
            folded = await fold_side.folded_still(connection, ids)
        self.unknown.discard(set(ids) - {each.record_id for each in folded})
        await self.compare_folded(folded)

    def begin_sweep(self) -> None:
        """Forget that something found no room: a sweep finds it again."""
        for suspects in (self.missing, self.dead, self.unknown):
            suspects.lossy = False

    def _places(self, unfolded: log_side.Beyond) -> Places | None:
        """Count records by place; what is not judged for certain yet is waiting, too."""
        if self._counted is None or self.missing.lossy or self.dead.lossy:
            return None
        missing, dead = self.missing.lasting(self._pace.confirm_seconds), len(self.dead)
        unsure = len(self.missing) - missing
        new = unfolded.new if unfolded.exact else unfolded.records
        log, waiting = self._counted + new, unfolded.records + unsure
        return Places(log, max(0, log - waiting - dead - missing), waiting, dead)
