"""Roll-ups change no number: answers with them are those of the cells, at every step of random histories."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from pyroaring import BitMap

from libs.common.db import Connection, transaction
from libs.contracts.metrics_api import MetricsQuery
from libs.contracts.model import Contract
from libs.contracts.records import RecordV1
from services.metrics.domain.map import Unit
from services.metrics.domain.memory import Memory
from services.metrics.domain.question import Question, scope_of
from services.metrics.store.query import read_revision
from services.metrics.store.rollups import reporters_in
from services.metrics.use_cases import rolled
from services.metrics.use_cases.query import Reader, answer, question_of
from services.metrics.use_cases.rollup_view import View
from services.metrics.use_cases.rollups import Disturbed, Maker, drop
from tests.support.metrics import (
    BANK,
    CITY,
    ELSEWHERE,
    NEW_WARD,
    OTHER_WARD,
    PROVINCE,
    TEAMS,
    WARD,
    Metrics,
    a_line,
    a_record,
    open_metrics,
    person,
    progress,
)
from tests.support.postgres import MakeDatabase

ALL = ["luot", "nguoi", "ho", "unknown", "known_by", "matched"]
MEASURES = ["FLD-07", "FLD-08", "FLD-09"]
HAMLET, UNHEARD = UUID(int=31, version=4), UUID(int=32, version=4)
PLACES = [WARD, OTHER_WARD, CITY, PROVINCE, ELSEWHERE, NEW_WARD, HAMLET, UNHEARD]

QUERIES: list[dict[str, Any]] = [
    {"group_by": group_by, "from": first, "to": last, "filters": filters, "client": client}
    for group_by, first, last, filters, client in [
        ([], "2025-01-01", "2025-12-31", {}, "exact"),
        (["measure", "time:month"], "2025-01-01", "2025-12-31", {}, "exact"),
        (["unit:province", "time:year"], "2025-02-01", "2025-05-31", {}, "exact"),
        (["unit:district", "reporter_kind"], "2025-01-01", "2025-12-31", {}, "exact"),
        (["unit:commune", "platform"], "2025-03-01", "2025-06-30", {}, "exact"),
        (["unit:commune", "time:month"], "2025-03-11", "2025-05-20", {}, "exact"),
        (["unit:subcommune"], "2025-01-01", "2025-12-31", {}, "exact"),
        (["time:month"], "2025-03-02", "2025-05-27", {"reporter_kind": "team"}, "exact"),
        (["time:week"], "2025-03-02", "2025-05-27", {}, "exact"),
        (["reporter"], "2025-03-01", "2025-05-31", {}, "exact"),
        (["measure"], "2025-03-01", "2025-05-31", {"reporter": [str(TEAMS[0])]}, "exact"),
        (["measure", "time:month"], "2025-01-01", "2025-12-31", {"platform": ["vnpay"]}, "exact"),
        (["measure"], "2025-01-01", "2025-12-31", {"unit": [str(PROVINCE)]}, "exact"),
        (["unit:commune"], "2025-01-01", "2025-12-31", {"unit": [str(CITY), str(ELSEWHERE)]}, "exact"),
        (["time:month"], "2025-01-01", "2025-12-31", {"unit": [str(NEW_WARD)]}, "exact"),
        (["unit:commune", "measure"], "2025-01-01", "2025-12-31", {}, "portal"),
        (["time:month"], "2025-01-01", "2025-12-31", {}, "city"),
        (["measure"], "2025-04-15", "2025-12-31", {}, "new ward"),
    ]
]
QUERIES += [
    {"group_by": group_by, "from": "2025-01-01", "to": "2025-12-31", "filters": filters, "client": client, **on}
    for on in ({"boundaries": "2025-06-30"}, {"boundaries": "2025-07-01"}, {"boundaries": "current"})
    for group_by, filters, client in [
        (["unit:province", "time:month"], {}, "exact"),
        (["unit:commune", "measure"], {}, "exact"),
        (["unit:subcommune"], {}, "exact"),
        (["measure"], {"unit": [str(NEW_WARD)]}, "exact"),
        (["time:month", "unit:commune"], {"unit": [str(CITY)]}, "portal"),
    ]
]
QUERIES += [
    {
        "group_by": ["unit:district"],
        "from": "2025-01-01",
        "to": "2025-12-31",
        "boundaries": "2025-05-01",
        "client": "exact",
    }
]


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    async with open_metrics(await make_database("metrics")) as opened:
        hamlet = (PROVINCE, CITY, WARD, HAMLET)
        opened.picture.units.take(
            Unit(HAMLET, 1, None, "subcommune", "Khóm 1", None, None, hamlet, (*hamlet, NEW_WARD))
        )
        yield opened


@dataclass
class History:
    """Random records, revised and voided, as a producer would send them."""

    seed: int
    sent: dict[int, int] = field(default_factory=dict)
    syncs: int = 0
    revises: float = 0.45

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - the same in every run

    def batch(self, size: int) -> list[Contract]:
        return [self.record() for _ in range(size)] + [self.synced()]

    def record(self) -> RecordV1:
        chance = self.chance
        revise = self.sent and chance.random() < self.revises
        number = chance.choice(list(self.sent)) if revise else len(self.sent) + 1
        self.sent[number] = revision = self.sent.get(number, 0) + 1
        reporter = [*TEAMS, BANK][number % 4]
        lines = [] if revise and chance.random() < 0.4 else [self.line(n) for n in range(1, chance.randint(1, 2) + 1)]
        day = date(2025, chance.choice([3, 4, 4, 5]), chance.choice([1, 10, 15, 28, 30]))
        return a_record(
            number,
            *lines,
            revision=revision,
            reporter=reporter,
            unit_id=chance.choice(PLACES),
            day=day.isoformat(),
            household=chance.choice([None, "1", "2", "3", "4"]),
        )

    def line(self, number: int) -> dict[str, Any]:
        chance = self.chance
        who = None if chance.random() < 0.2 else person(phone=str(chance.randint(1, 12)))
        return a_line(
            number,
            measure=chance.choice(MEASURES),
            platform=chance.choice(["e-dongthap", "vnpay", None]),
            quantity=chance.randint(1, 3),
            person=who,
        )

    def synced(self) -> Contract:
        number, self.syncs = self.chance.randrange(3), self.syncs + 1
        through = f"2025-06-{1 + number:02}T00:00:{self.syncs:02}Z"
        return progress(number, TEAMS[number], revision=self.syncs, device="a", synced_through=through)


async def answers(metrics: Metrics) -> list[Any]:
    return [await metrics.numbers(measures=MEASURES, answers=ALL, **query) for query in QUERIES]


async def compare(metrics: Metrics) -> None:
    """Ask everything as it is, and of the same data without roll-ups."""
    told = await answers(metrics)
    (before,) = await metrics.fetch("SELECT begun FROM rollup_state")
    async with transaction(metrics.engine) as connection:
        await connection.execute("UPDATE rollup_state SET begun = false")
    plain = await answers(metrics)
    async with transaction(metrics.engine) as connection:
        await connection.execute("UPDATE rollup_state SET begun = $1", before[0])
    for query, one, other in zip(QUERIES, told, plain, strict=True):
        assert one == other, query


async def make_all(maker: Maker) -> None:
    view = await maker.prepare()
    while await maker.rebuild(view):
        view = await maker.prepare()


@pytest.mark.parametrize("seed", range(4))
async def test_answers_are_those_of_the_cells_at_every_step(metrics: Metrics, seed: int) -> None:
    history, maker = History(seed), Maker(metrics.engine, metrics.picture.units)
    for _ in range(8):
        await metrics.fold(*history.batch(history.chance.randint(1, 20)))
        match history.chance.randrange(6):
            case 0 | 1:
                await maker.prepare()
                await maker.compact()
            case 2:
                await drop(metrics.engine)
                await make_all(maker)
            case 3:
                await make_all(maker)
        await compare(metrics)
        await metrics.fold(*history.batch(history.chance.randint(1, 5)))
        await compare(metrics)


async def test_folds_that_only_add_need_no_look_at_cells_or_roll_ups(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, maker = History(5, revises=0), Maker(metrics.engine, metrics.picture.units)
    await metrics.fold(*history.batch(20))
    await make_all(maker)
    await metrics.fold(*history.batch(1))
    told = await answers(metrics)
    for _ in range(4):
        await metrics.fold(*history.batch(5))
        with monkeypatch.context() as patched:
            patched.delattr(rolled, "cells")
            told = await answers(metrics)
        await compare(metrics)
    await maker.compact()
    assert await answers(metrics) == told
    await metrics.fold(*history.batch(5))
    await compare(metrics)


@pytest.mark.parametrize("seed", range(3))
async def test_corrections_count_anew_no_more_than_the_groups_they_took_from(
    metrics: Metrics, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, maker = History(20 + seed, revises=0.8), Maker(metrics.engine, metrics.picture.units)
    await metrics.fold(*history.batch(60))
    await make_all(maker)
    await compare(metrics)
    counted: list[Question] = []

    def counting(connection: Connection, view: View, question: Question, *rest: Any) -> Any:
        counted.append(question)
        return cells(connection, view, question, *rest)

    cells = rolled.cells
    monkeypatch.setattr(rolled, "cells", counting)
    for _ in range(12):
        await metrics.fold(*history.batch(1))
        await compare(metrics)
        if history.chance.random() < 0.2:
            await maker.compact()
    by_month = [each for each in counted if each.group_by == ("measure", "time:month")]
    assert any((each.last - each.first).days < 31 and len(each.measures) < len(MEASURES) for each in by_month)


async def test_folds_compactions_and_queries_beside_each_other_agree(metrics: Metrics) -> None:
    history, maker = History(11), Maker(metrics.engine, metrics.picture.units)
    await metrics.fold(*history.batch(40))
    await maker.prepare()
    done = asyncio.Event()

    async def fold() -> None:
        for _ in range(12):
            await metrics.fold(*history.batch(5))
        done.set()

    async def compact() -> None:
        while not done.is_set():
            await make_all(maker)
            await maker.compact()

    async def ask() -> list[Any]:
        found = []
        while not done.is_set():
            query = history.chance.choice(QUERIES)
            found.append((query, (await metrics.numbers(measures=MEASURES, answers=ALL, **query))))
        return found

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fold())
        tasks.create_task(compact())
        asking = tasks.create_task(ask())
    assert asking.result()
    await compare(metrics)


async def test_an_old_snapshot_keeps_its_answer_while_everything_moves_on(metrics: Metrics) -> None:
    history, maker = History(12), Maker(metrics.engine, metrics.picture.units)
    await metrics.fold(*history.batch(30))
    await make_all(maker)
    await metrics.fold(*history.batch(10))
    async with old_snapshot(metrics) as ask_old:
        before = [await ask_old(query) for query in QUERIES]
        for _ in range(3):
            await metrics.fold(*history.batch(8))
            await maker.prepare()
            await maker.compact()
            await answers(metrics)
        await drop(metrics.engine)
        await make_all(maker)
        await answers(metrics)
        assert [await ask_old(query) for query in QUERIES] == before


async def test_two_makers_at_once_only_do_work_twice(metrics: Metrics) -> None:
    history = History(13)
    makers = [Maker(metrics.engine, metrics.picture.units) for _ in range(2)]
    for _ in range(4):
        await metrics.fold(*history.batch(12))
        for maker in makers:
            await make_all(maker)
        await asyncio.gather(*(maker.compact() for maker in makers))
        await compare(metrics)


async def test_a_drop_stops_whoever_is_making_roll_ups(metrics: Metrics) -> None:
    history, maker = History(14), Maker(metrics.engine, metrics.picture.units)
    await metrics.fold(*history.batch(20))
    await maker.prepare()
    await drop(metrics.engine)
    with pytest.raises(Disturbed):
        await maker.compact()
    await make_all(maker)
    await compare(metrics)
    assert await metrics.fetch("SELECT DISTINCT ready FROM rollup_units") == [(2,)]


async def test_a_unit_that_becomes_known_or_moves_is_counted_where_it_now_is(metrics: Metrics) -> None:
    history, maker = History(15), Maker(metrics.engine, metrics.picture.units)
    units = metrics.picture.units
    await metrics.fold(*history.batch(60))
    await make_all(maker)
    path = (PROVINCE, CITY, OTHER_WARD, UNHEARD)
    units.take(Unit(UNHEARD, 1, None, "subcommune", "Khóm 2", None, None, path, path))
    await compare(metrics)
    await make_all(maker)
    await metrics.fold(*history.batch(10))
    await compare(metrics)
    moved = (ELSEWHERE, HAMLET)
    units.take(Unit(HAMLET, 2, None, "subcommune", "Khóm 1", None, None, moved, moved))
    await compare(metrics)
    await metrics.fold(*history.batch(10))
    await make_all(maker)
    await maker.compact()
    await compare(metrics)
    assert await metrics.fetch("SELECT DISTINCT ready FROM rollup_units") == [(2,)]


async def test_what_was_counted_before_there_were_roll_ups_is_rolled_up(metrics: Metrics) -> None:
    history, maker = History(16), Maker(metrics.engine, metrics.picture.units)
    await metrics.fold(*history.batch(30))
    async with transaction(metrics.engine) as connection:
        # As the migration leaves a database that has cells.
        await connection.execute("DELETE FROM fold_changes")
        await connection.execute("UPDATE rollup_state SET begun = false")
    await metrics.fold(*history.batch(10))
    await compare(metrics)
    await make_all(maker)
    await compare(metrics)
    ((rows,),) = await metrics.fetch("SELECT count(*) FROM rollups")
    assert rows


async def test_compaction_leaves_nothing_outstanding_and_the_roll_ups_are_those_of_the_cells(metrics: Metrics) -> None:
    history, maker = History(17), Maker(metrics.engine, metrics.picture.units)
    for _ in range(6):
        await metrics.fold(*history.batch(15))
        await maker.prepare()
        await maker.compact()
    assert await metrics.fetch("SELECT n FROM fold_changes") == []
    compacted = await rollups(metrics)
    await drop(metrics.engine)
    await make_all(maker)
    assert await rollups(metrics) == compacted


async def rollups(metrics: Metrics) -> list[tuple[Any, ...]]:
    """Read the roll-ups that are not empty, sets as numbers."""
    rows = await metrics.fetch(
        """SELECT level, unit_id, month, measure, platform, reporter_kind, quantity, unknown,
               persons, households, reporters
           FROM rollups WHERE quantity > 0 ORDER BY 1, 2, 3, 4, 5, 6"""
    )
    return [(*row[:8], *(list(numbers(of)) for of in row[8:10]), reporters_in(row[10])) for row in rows]


def numbers(serialised: bytes) -> BitMap:
    return BitMap.deserialize(serialised) if serialised else BitMap()


@asynccontextmanager
async def old_snapshot(metrics: Metrics) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[Any]]]:
    """Give what asks in one snapshot again and again, with a memory that the newest snapshots use too."""
    memory = Memory.of_size(10_000_000)
    async with transaction(metrics.engine, isolation="repeatable_read", readonly=True) as old:
        revision = await read_revision(old)

        async def ask(asked: dict[str, Any]) -> Any:
            given = {key: value for key, value in asked.items() if key != "client"}
            query = MetricsQuery.model_validate_json(json.dumps({"measures": MEASURES, "answers": ALL, **given}))
            question = question_of(query, date(2026, 1, 1))
            units = scope_of(question, metrics.picture, None)
            reader = Reader(None, asked["client"] == "exact", 5)
            async with transaction(metrics.engine, isolation="repeatable_read", readonly=True) as new:
                newest = await read_revision(new)
                await answer(new, query, question, units, reader, metrics.picture, memory, newest)
            found = await answer(old, query, question, units, reader, metrics.picture, memory, revision)
            return found.model_dump()

        yield ask
