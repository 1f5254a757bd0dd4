"""The loop that counts sampled cells again beside the fold, and tells of those that differ from their facts."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from math import gcd

from prometheus_client import CollectorRegistry, Counter, Gauge

from libs.common.db import Connection, Engine, Unavailable, transaction
from libs.common.meters import CounterOf, GaugeOf
from libs.common.process import Patience
from libs.common.telemetry import get_logger
from services.metrics.domain.cells import CellKey
from services.metrics.domain.recount import Different, DifferentRollup
from services.metrics.store import recount as store
from services.metrics.store.recount import Key
from services.metrics.use_cases.recount import recount_cells, recount_rollups

__all__ = ["RecountPace", "Sampler", "keep_recounting"]

logger = get_logger(__name__)

BY = "metrics consumer"
CELLS = CounterOf(
    "recount_cells_total",
    "right",
    BY,
    "Số ô đã đếm lại từ các sự kiện của chúng, theo kết quả",
    "Cells counted again from their facts, by outcome: equal or different",
    ("outcome",),
)
DIFFERENT_CELLS = GaugeOf(
    "recount_different_cells",
    "right",
    BY,
    "Số ô khác với các sự kiện của chúng, đến khi đếm lại thấy bằng; phải là 0",
    "Cells that were found different from their facts, each until counted again and found equal; must be 0",
)
ROLLUPS = CounterOf(
    "recount_rollups_total",
    "right",
    BY,
    "Số tổng hợp đã đếm lại từ cấp dưới, theo kết quả",
    "Roll-ups counted again from the level below, by outcome: equal or different",
    ("outcome",),
)
DIFFERENT_ROLLUPS = GaugeOf(
    "recount_different_rollups",
    "right",
    BY,
    "Số tổng hợp khác với cấp dưới trong lần đếm lại gần nhất có khác; phải là 0",
    "Roll-ups that were found different from the level below, until roll-ups have been made anew; must be 0",
)

MOST_RECENT = 5000
MOST_AGAIN = 50
MOST_KNOWN = 10_000  # By then it does not matter how many more.
MOST_AT_ONCE = 25
SLOW_SECONDS, QUICK_SECONDS = 0.1, 0.02


@dataclass(frozen=True)
class RecountPace:
    """How many cells are counted again a minute, in how many turns; 0 cells: none. Roll-ups once a minute."""

    cells: int = 600
    turn_seconds: float = 5.0
    rollups_seconds: float = 60.0


class _Walk:
    """Goes over the pages of a table in an order of its own, each once in a round."""

    def __init__(self, table: str, chance: random.Random) -> None:
        self._table = table
        self._chance = chance
        self._pages: Iterator[int] = iter(())
        self._waiting: deque[Key] = deque()

    async def take(self, connection: Connection, wanted: int) -> list[Key]:
        """Give the keys that come next; fewer where pages are empty."""
        tried = 0
        while len(self._waiting) < wanted and tried < MOST_AT_ONCE:
            tried += 1
            page = next(self._pages, None)
            if page is None:
                self._pages = self._round(await store.pages(connection, self._table))
                continue
            self._waiting += await store.keys_on_page(connection, self._table, page)
        return [self._waiting.popleft() for _ in range(min(wanted, len(self._waiting)))]

    def _round(self, pages: int) -> Iterator[int]:
        """Give every page once: by steps that have no divisor in common with their number."""
        if pages == 0:
            return iter(())
        start, step = self._chance.randrange(pages), self._chance.randrange(pages) or 1
        while gcd(step, pages) != 1:
            step += 1
        return ((start + n * step) % pages for n in range(pages))


class Sampler:
    """Chooses cells: half of them changed lately, the others from all there are, by cells and by facts.

    A cell that is lost has facts still; so facts are gone over as well.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._recent: deque[CellKey] = deque(maxlen=MOST_RECENT)
        self._of_cells = _Walk("cells", chance)
        self._of_facts = _Walk("facts", chance)

    async def sample(self, connection: Connection, wanted: int) -> list[Key]:
        """Give up to so many cells to count again, some perhaps twice."""
        lately = await store.changed_lately(connection)
        self._recent += self._chance.sample(lately, min(len(lately), wanted))
        recent = [self._recent.pop() for _ in range(min(len(self._recent), (wanted + 1) // 2))]
        keys = await store.numbered(connection, recent) if recent else []
        keys += await self._of_facts.take(connection, (wanted - len(keys)) // 2)
        keys += await self._of_cells.take(connection, wanted - len(keys))
        return keys


class _Told:
    """What is known to differ, and the metrics that tell of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._cells: Counter = CELLS.on(registry)
        self._different: Gauge = DIFFERENT_CELLS.on(registry)
        self._rollups: Counter = ROLLUPS.on(registry)
        self._different_rollups: Gauge = DIFFERENT_ROLLUPS.on(registry)
        for counter in (self._cells, self._rollups):
            for outcome in ("equal", "different"):
                counter.labels(outcome)
        self._known: dict[CellKey, Different] = {}
        self._known_rollups: set[object] = set()
        self._rollups_of: object = None

    @property
    def to_look_at_again(self) -> list[CellKey]:
        return list(self._known)[:MOST_AGAIN]

    def cells(self, counted: int, different: Sequence[Different], again: Sequence[CellKey]) -> None:
        """Note what was counted; those looked at `again` that are not different any more are equal."""
        self._cells.labels("equal").inc(counted - len(different))
        self._cells.labels("different").inc(len(different))
        still = {each.key for each in different}
        for key in again:
            del self._known[key]  # Put back behind the others if it still differs, so that all have their turn.
            if key not in still:
                logger.info("recount.equal_again", **_place(key))
        for each in different:
            if each.key not in self._known and each.key not in again:
                logger.error("recount.different", **_place(each.key), parts=[str(part) for part in each.parts])
            if len(self._known) < MOST_KNOWN:
                self._known[each.key] = each
        self._different.set(len(self._known))

    def rollups(self, made_of: object, counted: int, different: Sequence[DifferentRollup]) -> None:
        """Note what was counted; `made_of` tells roll-ups from those that were made anew."""
        self._rollups.labels("equal").inc(counted - len(different))
        self._rollups.labels("different").inc(len(different))
        if self._rollups_of != made_of:
            self._rollups_of = made_of
            self._known_rollups.clear()
        for each in different:
            if each.key not in self._known_rollups:
                level, unit_id, month, measure, platform, kind = each.key
                place = {"level": level, "unit_id": str(unit_id), "month": month.isoformat(), "reporter_kind": kind}
                parts = [str(part) for part in each.parts]
                logger.error("recount.different_rollup", **place, measure=measure, platform=platform, parts=parts)
            self._known_rollups.add(each.key)
        self._different_rollups.set(len(self._known_rollups))


def _place(key: CellKey) -> dict[str, str]:
    return {name: str(value) for name, value in key._asdict().items()}


class _Recounting:
    def __init__(self, engine: Engine, pace: RecountPace, registry: CollectorRegistry, chance: random.Random) -> None:
        self._engine = engine
        self._pace = pace
        self._chance = chance
        self._sampler = Sampler(chance)
        self._told = _Told(registry)
        self._at_once = MOST_AT_ONCE
        self._rollups_at = float("-inf")

    async def turn(self) -> None:
        """Count this turn's cells again, and in some turns roll-ups."""
        again = self._told.to_look_at_again
        async with self._snapshot() as connection:
            wanted = max(1, round(self._pace.cells * self._pace.turn_seconds / 60))
            keys = await self._sampler.sample(connection, wanted)
            named = await store.numbered(connection, again) if again else []
        counted, different = await self._count(list(dict.fromkeys([*named, *keys])))
        self._told.cells(counted, different, again)
        if time.monotonic() - self._rollups_at >= self._pace.rollups_seconds:
            self._rollups_at = time.monotonic()
            async with self._snapshot() as connection:
                made_of = await store.rollups_of(connection)
                self._told.rollups(made_of, *await recount_rollups(connection, self._chance))

    async def _count(self, keys: Sequence[Key]) -> tuple[int, list[Different]]:
        """Count cells again, in short transactions: fewer at once after one that was slow."""
        counted, different, begin = 0, list[Different](), 0
        while begin < len(keys):
            some, started = keys[begin : begin + self._at_once], time.monotonic()
            async with self._snapshot() as connection:
                outcome = await recount_cells(connection, some)
            took, begin = time.monotonic() - started, begin + len(some)
            if took > SLOW_SECONDS:
                self._at_once = max(1, self._at_once // 2)
            elif took < QUICK_SECONDS:
                self._at_once = min(MOST_AT_ONCE, self._at_once * 2)
            counted += outcome.counted
            different += outcome.different
        return counted, different

    def _snapshot(self) -> AbstractAsyncContextManager[Connection]:
        return transaction(self._engine, isolation="repeatable_read", readonly=True)


async def keep_recounting(engine: Engine, pace: RecountPace, registry: CollectorRegistry, stop: asyncio.Event) -> None:
    """Count cells again until told to stop; PostgreSQL being away is waited out."""
    # Chosen by nobody's seed: what is looked at next cannot be foreseen.
    recounting, patience = _Recounting(engine, pace, registry, random.SystemRandom()), Patience()
    while not stop.is_set():
        try:
            if pace.cells:
                await recounting.turn()
            patience.succeeded()
        except Unavailable as error:
            logger.warning("recount.interrupted", error=repr(error))
            await patience.wait()
        try:
            await asyncio.wait_for(stop.wait(), pace.turn_seconds)
        except TimeoutError:
            continue
