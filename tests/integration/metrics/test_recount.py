"""Cells and roll-ups are counted again: what is right is never called wrong, and whatever is wrong is found."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from pyroaring import BitMap

from libs.common.db import transaction
from libs.contracts.records import RecordV1
from services.metrics.store.recount import Key
from services.metrics.use_cases.keep_recounting import RecountPace, Sampler, keep_recounting
from services.metrics.use_cases.recount import NeverCounted, Wanted, recount_rollups, recount_units
from services.metrics.use_cases.rollups import Maker
from tests.support.metrics import (
    BANK,
    ELSEWHERE,
    OTHER_WARD,
    TEAMS,
    WARD,
    Metrics,
    a_line,
    a_record,
    open_metrics,
    person,
)
from tests.support.postgres import MakeDatabase

PLACES = [WARD, OTHER_WARD, ELSEWHERE]


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    async with open_metrics(await make_database("metrics")) as opened:
        yield opened


def a_batch(chance: random.Random, sent: dict[int, int], size: int) -> list[RecordV1]:
    """Records with people who come back, some revised, some voided."""
    made = []
    for _ in range(size):
        revise = bool(sent) and chance.random() < 0.4
        number = chance.choice(list(sent)) if revise else len(sent) + 1
        sent[number] = revision = sent.get(number, 0) + 1
        who = [None, *({kind: str(chance.randrange(30))} for kind in ("phone", "national_id", "ref"))]
        lines = [
            a_line(n, quantity=chance.randint(1, 4), person=person(**told) if (told := chance.choice(who)) else None)
            for n in range(1, 1 if revise and chance.random() < 0.3 else chance.randint(2, 4))
        ]
        made.append(
            a_record(
                number,
                *lines,
                revision=revision,
                reporter=[*TEAMS, BANK][number % 4],
                unit_id=PLACES[number % 3],
                day=date(2025, chance.choice([3, 4, 5]), chance.choice([1, 10, 28])).isoformat(),
                household=chance.choice([None, "1", "2", "3"]),
            )
        )
    return made


async def folded(metrics: Metrics, *, seed: int, batches: int = 6) -> None:
    chance, sent = random.Random(seed), dict[int, int]()  # noqa: S311 - the same in every run
    for _ in range(batches):
        await metrics.fold(*a_batch(chance, sent, 40))


class Watch:
    """The loop, turning as fast as it can, and what it tells."""

    def __init__(self, metrics: Metrics, *, rollups: bool = False) -> None:
        self.registry, self.stop = CollectorRegistry(), asyncio.Event()
        pace = RecountPace(600_000, 0.001, 0.001 if rollups else 1e9)
        self.loop = asyncio.ensure_future(keep_recounting(metrics.engine, pace, self.registry, self.stop))

    def value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(name, labels)
        return -1 if found is None else found

    def counted(self) -> float:
        return sum(self.value("recount_cells_total", outcome=outcome) for outcome in ("equal", "different"))

    async def until(self, name: str, at_least: float, at_most: float = float("inf"), **labels: str) -> None:
        await self.until_so(lambda: at_least <= self.value(name, **labels) <= at_most)

    async def until_so(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while True:
                if self.loop.done():
                    await self.loop
                if so():
                    return
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        self.stop.set()
        await self.loop


async def test_while_batches_are_folded_no_cell_is_ever_called_different(metrics: Metrics) -> None:
    watch, chance, sent = Watch(metrics, rollups=True), random.Random(7), dict[int, int]()  # noqa: S311
    maker = Maker(metrics.engine, metrics.picture.units)
    for n in range(60):
        await metrics.fold(*a_batch(chance, sent, 15))
        if n % 6 == 0:
            view = await maker.prepare()
            await maker.compact()
            while await maker.rebuild(view):
                view = await maker.prepare()
    await watch.until("recount_cells_total", 1000, outcome="equal")
    await watch.until("recount_rollups_total", 20, outcome="equal")
    assert watch.value("recount_cells_total", outcome="different") == 0
    assert watch.value("recount_rollups_total", outcome="different") == 0
    assert watch.value("recount_different_cells") == 0
    await watch.end()


A_CELL = (
    "SELECT ctid FROM cells WHERE quantity <> 2 * unknown AND persons <> '' AND households <> '' ORDER BY ctid LIMIT 1"
)
OTHER_SET = BitMap([5, 6]).serialize()


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE cells SET quantity = quantity + 1",
        "UPDATE cells SET unknown = quantity - unknown",
        f"UPDATE cells SET persons = '\\x{OTHER_SET.hex()}'",
        f"UPDATE cells SET households = '\\x{OTHER_SET.hex()}'",
        "UPDATE cells SET persons = ''",
        "UPDATE cells SET persons = '\\x00'",
        "UPDATE cells SET reporter_kind = 1 - reporter_kind",
        "DELETE FROM cells",
    ],
)
async def test_a_wrong_cell_is_found_and_stays_told_until_it_is_right_again(metrics: Metrics, wrong: str) -> None:
    await folded(metrics, seed=3)
    watch = Watch(metrics)
    await watch.until("recount_cells_total", 50, outcome="equal")
    async with transaction(metrics.engine) as connection:
        before = await connection.fetch(f"SELECT * FROM cells WHERE ctid = ({A_CELL})")
        await connection.execute(f"{wrong} WHERE ctid = ({A_CELL})")
    await watch.until("recount_different_cells", 1, 1)
    seen = watch.counted()
    await watch.until_so(lambda: watch.counted() >= seen + 500)
    assert watch.value("recount_different_cells") == 1
    await put_back(metrics, before)
    await watch.until("recount_different_cells", 0, 0)
    await watch.end()


async def put_back(metrics: Metrics, cells: list[Any]) -> None:
    async with transaction(metrics.engine) as connection:
        key = "unit = $1 AND day = $2 AND reporter = $3 AND measure = $4 AND platform = $5"
        for cell in cells:
            place = [cell[name] for name in ("unit", "day", "reporter", "measure", "platform")]
            await connection.execute(f"DELETE FROM cells WHERE {key}", *place)
            await connection.copy_records_to_table("cells", records=[tuple(cell)], columns=list(cell.keys()))


async def test_a_lost_fact_makes_its_cell_different(metrics: Metrics) -> None:
    await folded(metrics, seed=4)
    watch = Watch(metrics)
    async with transaction(metrics.engine) as connection:
        lost = "SELECT ctid FROM facts WHERE fold_out IS NULL AND person IS NOT NULL ORDER BY ctid LIMIT 1"
        await connection.execute(f"DELETE FROM facts WHERE ctid = ({lost})")
    await watch.until("recount_different_cells", 1, 1)
    await watch.end()


async def test_sampling_comes_to_every_cell_and_to_every_fact(metrics: Metrics) -> None:
    await folded(metrics, seed=5, batches=20)
    async with transaction(metrics.engine) as connection:
        await connection.execute("DELETE FROM fold_changes")
        every = {
            Key(*row) for row in await connection.fetch("SELECT unit, day, reporter, measure, platform FROM cells")
        }
        sampler, seen = Sampler(random.Random(1)), set[Key]()  # noqa: S311
        turns = 0
        while seen != every:
            turns += 1
            assert turns < len(every), f"{len(seen)} of {len(every)} after {turns} turns of ten"
            seen |= set(await sampler.sample(connection, 10))
    assert len(every) > 50


async def test_half_of_a_sample_has_changed_lately(metrics: Metrics) -> None:
    await folded(metrics, seed=6)
    async with transaction(metrics.engine) as connection:
        await connection.execute("DELETE FROM fold_changes")
    await metrics.fold(*(a_record(n, a_line(), reporter=TEAMS[0], day="2026-01-01") for n in range(9001, 9004)))
    async with transaction(metrics.engine) as connection:
        sample = await Sampler(random.Random(1)).sample(connection, 20)  # noqa: S311
    assert sum(key.day == date(2026, 1, 1) for key in sample[:1]) == 1


async def found(metrics: Metrics, wanted: Wanted) -> tuple[int, list[tuple[str, str]]]:
    counted, different = 0, []
    async for each in recount_units(metrics.engine, wanted):
        counted += each.outcome.counted
        different += [(str(cell.key.day), str(part)) for cell in each.outcome.different for part in cell.parts]
    return counted, different


async def test_everything_counted_again_names_each_difference(metrics: Metrics) -> None:
    await folded(metrics, seed=8)
    ((cells,),) = await metrics.fetch("SELECT count(*) FROM cells")
    assert await found(metrics, Wanted()) == (cells, [])
    two = [
        a_record(9001, a_line(quantity=3, person=person(phone="x")), day="2025-06-01"),
        a_record(9002, a_line(quantity=2), reporter=TEAMS[1], day="2025-06-02", unit_id=ELSEWHERE),
    ]
    await metrics.fold(*two)
    async with transaction(metrics.engine) as connection:
        await connection.execute("UPDATE cells SET quantity = 5, persons = '' WHERE day = '2025-06-01'")
        await connection.execute("DELETE FROM cells WHERE day = '2025-06-02'")
    first = [
        ("2025-06-01", "quantity 5, counted again 3"),
        ("2025-06-01", "persons 0, counted again 1 (1 missing, 0 too many)"),
    ]
    second = [("2025-06-02", "quantity 0, counted again 2"), ("2025-06-02", "unknown 0, counted again 2")]
    counted, different = await found(metrics, Wanted())
    assert (counted, sorted(different)) == (cells + 2, sorted(first + second))
    assert (await found(metrics, Wanted(units=[WARD])))[1] == first
    assert (await found(metrics, Wanted(units=[OTHER_WARD])))[1] == []
    for code in ("FLD-08", "unheard of"):
        with pytest.raises(NeverCounted):  # The code is mistaken, or there is nothing to compare.
            await found(metrics, Wanted(measure=code))
    assert (await found(metrics, Wanted(first=date(2025, 6, 2)))) == (1, second)
    assert (await found(metrics, Wanted(last=date(2025, 5, 31)))) == (cells, [])


@pytest.mark.parametrize("level", [1, 2])
async def test_a_wrong_rollup_is_found(metrics: Metrics, level: int) -> None:
    await folded(metrics, seed=9)
    maker = Maker(metrics.engine, metrics.picture.units)
    view = await maker.prepare()
    await maker.compact()
    while await maker.rebuild(view):
        view = await maker.prepare()
    chance = random.Random(2)  # noqa: S311
    async with transaction(metrics.engine, isolation="repeatable_read", readonly=True) as connection:
        counted, different = await recount_rollups(connection, chance)
    assert counted > 1
    assert different == []
    async with transaction(metrics.engine) as connection:
        await connection.execute("UPDATE rollups SET quantity = quantity + 1 WHERE level = $1", level)
    async with transaction(metrics.engine, isolation="repeatable_read", readonly=True) as connection:
        found = [each for _ in range(20) for each in (await recount_rollups(connection, chance))[1]]
    assert {each.key.level for each in found} >= {level}
    assert all("quantity" in {part.name for part in each.parts} for each in found)
