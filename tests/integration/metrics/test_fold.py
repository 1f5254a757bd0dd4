"""The fold on a real PostgreSQL: cells equal a recount of the facts, whatever comes, however often."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from pyroaring import BitMap

from libs.common.consume import Handled
from libs.common.db import transaction
from libs.common.inbox import Fenced, Move, bury, move, resume
from libs.common.log import Position
from libs.contracts.records import RecordV1
from libs.contracts.topics import RECORDS
from services.metrics.consumer import handle, redrive
from services.metrics.store.ids import quick
from tests.support.metrics import (
    BANK,
    OTHER_WARD,
    TEAMS,
    WARD,
    Metrics,
    a_line,
    a_record,
    open_metrics,
    person,
    progress,
    told,
)
from tests.support.postgres import MakeDatabase

RECOUNT = """
    SELECT unit_id, measure, platform, day, reporter_id, reporter_kind, sum(quantity)::bigint,
        coalesce(sum(quantity) FILTER (WHERE person IS NULL), 0)::bigint,
        array_agg(DISTINCT person) FILTER (WHERE person IS NOT NULL),
        array_agg(DISTINCT household) FILTER (WHERE household IS NOT NULL)
    FROM named_facts WHERE fold_out IS NULL GROUP BY 1, 2, 3, 4, 5, 6
"""
LIVE = """
    SELECT record_id, line, unit_id, measure, platform, day, reporter_id, quantity,
        (SELECT pseudonym FROM persons WHERE number = person),
        (SELECT pseudonym FROM households WHERE number = household)
    FROM named_facts WHERE fold_out IS NULL
"""
PLACE = (RECORDS.name, 0)


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    async with open_metrics(await make_database("metrics")) as opened:
        yield opened


async def counted(metrics: Metrics) -> dict[Any, Any]:
    """Give the cells, after comparing them with a recount in SQL."""

    def members(serialised: bytes) -> list[int]:
        return list(BitMap.deserialize(serialised)) if serialised else []

    cells = {
        row[:6]: (row[6], row[7], members(row[8]), members(row[9]))
        for row in await metrics.fetch(
            """SELECT unit_id, measure, platform, day, reporter_id, reporter_kind, quantity, unknown, persons,
                   households FROM named_cells WHERE quantity > 0"""
        )
    }
    facts = {row[:6]: (row[6], row[7], row[8] or [], row[9] or []) for row in await metrics.fetch(RECOUNT)}
    assert cells == facts
    return cells


async def revision(metrics: Metrics) -> int:
    ((n,),) = await metrics.fetch("SELECT n FROM data_revision")
    assert isinstance(n, int)
    return n


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same in every run


def some_records(chance: random.Random, count: int) -> list[RecordV1]:
    """Make records with people who come back, met by two teams and a bank, some corrected, some voided."""
    made = []
    for number in range(count):
        for at in range(1, chance.choice([1, 1, 1, 2, 3]) + 1):
            lines = [
                a_line(
                    n,
                    measure=chance.choice(["FLD-07", "FLD-08"]),
                    quantity=chance.randint(1, 3),
                    person=chance.choice([None, person(national_id=str(chance.randint(1, 8))), person(phone="1")]),
                )
                for n in range(1, chance.randint(0 if at > 1 else 1, 4) + 1)
            ]
            where = chance.choice([WARD, OTHER_WARD])
            who = [*TEAMS, BANK][number % 4]
            day = f"2025-05-{chance.randint(10, 12)}"
            home = chance.choice([None, "1", "2"])
            made.append(a_record(number + 1, *lines, revision=at, unit_id=where, reporter=who, day=day, household=home))
    return made


async def deliver(metrics: Metrics, states: Sequence[RecordV1], size: int) -> None:
    for n in range(0, len(states), size):
        await metrics.fold(*states[n : n + size])


async def test_cells_equal_a_recount_of_the_facts(metrics: Metrics) -> None:
    await deliver(metrics, some_records(seeded(1), 60), 13)
    assert len(await counted(metrics)) > 10


async def test_twice_and_in_reverse_gives_the_same_facts(make_database: MakeDatabase) -> None:
    states = some_records(seeded(2), 40)
    found = []
    for order in (states, [*states, *states], states[::-1], [*states[::-1], *states]):
        async with open_metrics(await make_database("metrics")) as metrics:
            await deliver(metrics, order, 7)
            await counted(metrics)
            found.append(sorted(map(str, await metrics.fetch(LIVE))))
    assert all(other == found[0] for other in found[1:])


async def test_a_correction_takes_the_place_of_what_was_counted(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line(1, person=person(phone="1")), a_line(2, quantity=3)))
    await metrics.fold(a_record(1, a_line(1, person=person(phone="2")), a_line(2, quantity=3), revision=2))
    ((quantity, unknown, persons, _),) = (await counted(metrics)).values()
    assert (quantity, unknown, len(persons)) == (4, 3, 1)
    history = await metrics.fetch("SELECT line, fold_in, fold_out FROM facts ORDER BY line, fold_in")
    assert history == [(1, 1, 2), (1, 2, None), (2, 1, None)]


async def test_a_void_leaves_no_fact_and_a_resend_of_the_original_changes_nothing(metrics: Metrics) -> None:
    original = a_record(1, a_line(person=person(phone="1")), household="1")
    await metrics.fold(original)
    await metrics.fold(a_record(1, revision=2))
    after = await revision(metrics)
    await metrics.fold(original)
    assert await counted(metrics) == {}
    assert await metrics.fetch("SELECT quantity, unknown, persons, households FROM cells") == [(0, 0, b"", b"")]
    assert await revision(metrics) == after


async def test_a_lower_revision_or_edition_is_passed_over(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line(quantity=5), revision=2, edition=1))
    await metrics.fold(a_record(1, a_line(quantity=7), revision=2), a_record(1, a_line(quantity=9), edition=4))
    assert [cell[0] for cell in (await counted(metrics)).values()] == [5]
    await metrics.fold(a_record(1, a_line(quantity=6), revision=2, edition=2))
    assert [cell[0] for cell in (await counted(metrics)).values()] == [6]


async def test_a_person_stays_while_another_fact_holds_them(metrics: Metrics) -> None:
    line = a_line(person=person(phone="1"))
    await metrics.fold(a_record(1, line, household="1"), a_record(2, line, household="1"))
    await metrics.fold(a_record(1, revision=2))
    ((_, _, persons, homes),) = (await counted(metrics)).values()
    assert (len(persons), len(homes)) == (1, 1)
    await metrics.fold(a_record(2, revision=2))
    assert await metrics.fetch("SELECT persons, households FROM cells") == [(b"", b"")]


async def test_a_record_that_moves_leaves_its_old_cell(metrics: Metrics) -> None:
    line = a_line(person=person(phone="1"))
    await metrics.fold(a_record(1, line))
    await metrics.fold(a_record(1, line, revision=2, unit_id=OTHER_WARD, day="2025-05-11"))
    ((key, _),) = (await counted(metrics)).items()
    assert key[0] == OTHER_WARD


async def test_a_correction_may_move_more_to_unknown_than_it_adds(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line(1, quantity=3, person=person(phone="1"))))
    corrected = [a_line(1, quantity=3), a_line(2, person=person(phone="1"))]
    await metrics.fold(a_record(1, *corrected, revision=2))
    ((quantity, unknown, persons, _),) = (await counted(metrics)).values()
    assert (quantity, unknown, len(persons)) == (4, 3, 1)


async def test_people_are_numbered_by_the_kind_of_reference(metrics: Metrics) -> None:
    refs = person(national_id="1", phone="1", ref="1", receipt="1")
    await metrics.fold(a_record(1, a_line(1, person=refs), a_line(2, person=refs)))
    assert [kind for (kind,) in await metrics.fetch("SELECT number >> 30 FROM persons ORDER BY 1")] == [0, 1, 2, 3]
    ((fact,),) = await metrics.fetch("SELECT DISTINCT person = national_id AND receipt >> 30 = 3 FROM facts")
    assert fact is True


async def test_a_batch_that_changes_nothing_makes_no_revision(metrics: Metrics) -> None:
    record = a_record(1, a_line())
    await metrics.fold(record)
    await metrics.fold(record)
    await metrics.fold(a_record(1, a_line(), edition=1))
    await metrics.fold()
    assert await revision(metrics) == 1
    ((folds, same),) = await metrics.fetch("SELECT count(*), bool_and(n = 1 AND fold = 1) FROM folds")
    assert (folds, same) == (1, True)


async def test_progress_raises_the_revision_once(metrics: Metrics) -> None:
    said = progress(1, TEAMS[0], device="a", synced_through="2025-05-10T10:00:00+07:00")
    later = progress(1, TEAMS[0], device="a", synced_through="2025-05-11T10:00:00+07:00", revision=2)
    await metrics.fold(said, later, said)
    await metrics.fold(said)
    assert await metrics.fetch("SELECT revision, synced_through::date::text FROM progress") == [(2, "2025-05-11")]
    assert await revision(metrics) == 1


async def test_codes_of_any_letters_and_sets_of_any_size_are_kept_as_they_are(metrics: Metrics) -> None:
    codes = ['a"b', "a\\b", "{a,b}", "NULL", "a, 'b'", "ứng dụng\n", " "]

    def told(number: int, revision: int, quantity: int) -> RecordV1:
        lines = [
            a_line(n, measure=code, platform=code, quantity=quantity, person=person(phone=f"{number}"))
            for n, code in enumerate(codes, 1)
        ]
        return a_record(number, *lines, revision=revision, household=str(number))

    await metrics.fold(*(told(number, 1, 1) for number in range(1, 41)))
    await metrics.fold(*(told(number, 2, 2) for number in range(1, 11)), a_record(40, revision=2))
    cells = await counted(metrics)
    assert {(key[1], key[2]) for key in cells} == {(code, code) for code in codes}
    assert {(cell[0], len(cell[2]), len(cell[3])) for cell in cells.values()} == {(49, 39, 39)}


UNREADABLE: Sequence[tuple[bytes | RecordV1, str]] = [
    (b"{}", "record_id"),
    (b"\xff", "JSON"),
    (a_record(1, a_line(1), a_line(1)), "twice"),
    (a_record(1, a_line(quantity=2**70)), "quantity"),
    (a_record(1, a_line(), revision=2**40), "revision"),
]


@pytest.mark.parametrize(("state", "reason"), UNREADABLE)
async def test_what_cannot_be_read_is_told_and_the_rest_is_folded(
    metrics: Metrics, state: bytes | RecordV1, reason: str
) -> None:
    handled = await metrics.fold(a_record(7, a_line()), state)
    assert handled.events == 1
    assert [reason in letter.reason for letter in handled.dead] == [True]
    assert len(await counted(metrics)) == 1


async def test_a_field_that_a_newer_version_adds_is_passed_over(metrics: Metrics) -> None:
    newer = a_record(1, a_line()).model_dump_json()[:-1] + ',"wave": "2025-1"}'
    handled = await metrics.fold(newer.encode())
    assert (handled.events, handled.dead) == (1, [])


async def test_another_type_of_event_is_passed_over(metrics: Metrics) -> None:
    (message,) = told(a_record(1, a_line()))
    other = message._replace(headers={"ce_type": "tungnha.visits.training.v1"})
    async with transaction(metrics.engine) as connection:
        assert await handle(connection, [other]) == Handled(0, [])


async def test_a_dead_letter_is_stored_with_its_offset_and_can_be_driven_again(metrics: Metrics) -> None:
    broken = told(b"{}", offset=5)
    async with transaction(metrics.engine) as connection:
        await resume(connection, "here", {PLACE: 6})
        await move(connection, {PLACE: Move(0, 6)})
        await bury(connection, "here", (await handle(connection, broken)).dead)
    assert await metrics.fetch('SELECT partition, "offset", value FROM dead_letters') == [(0, 5, b"{}")]
    async with transaction(metrics.engine) as connection:
        handled, dead = await redrive(connection, (), limit=10)
        assert (handled, len(dead)) == (0, 1)
        mended = a_record(1, a_line()).model_dump_json().encode()
        await connection.execute("UPDATE dead_letters SET value = $1", mended)
        handled, dead = await redrive(connection, (), limit=10)
        assert (handled, dead) == (1, [])
    assert await metrics.fetch("SELECT id FROM dead_letters") == []
    assert len(await counted(metrics)) == 1


async def test_a_second_consumer_of_the_partition_is_fenced_and_stores_nothing(metrics: Metrics) -> None:
    async with transaction(metrics.engine) as connection:
        await resume(connection, "here", {PLACE: 9})
        await move(connection, {PLACE: Move(0, 3)})

    async def late() -> None:
        async with transaction(metrics.engine) as connection:
            await handle(connection, told(a_record(1, a_line())))
            await move(connection, {PLACE: Move(0, 1)})

    with pytest.raises(Fenced):
        await late()
    assert await counted(metrics) == {}
    assert await metrics.fetch("SELECT record_id FROM heads") == []


async def test_partitions_move_together_or_not_at_all_and_positions_only_rise(metrics: Metrics) -> None:
    other = (PLACE[0], PLACE[1] + 1)
    async with transaction(metrics.engine) as connection:
        await resume(connection, "here", {PLACE: 9, other: 9})
        await move(connection, {other: Move(0, 2, Position(1, 5, 5)), PLACE: Move(0, 3, Position(1, 6, 6))})
    async with transaction(metrics.engine) as connection:
        await move(connection, {other: Move(2, 4, Position(2, 1, 1)), PLACE: Move(3, 4, Position(1, 6, 5))})

    async def late() -> None:
        async with transaction(metrics.engine) as connection:
            await move(connection, {PLACE: Move(4, 8), other: Move(2, 8)})

    with pytest.raises(Fenced, match=r"\[1\] is no longer at 2"):
        await late()
    found = await metrics.fetch("SELECT partition, next, epoch, xid, seq FROM inbox ORDER BY 1")
    assert found == [(0, 4, 1, 6, 6), (1, 4, 2, 1, 1)]


async def test_a_fold_that_fails_leaves_nothing_behind(metrics: Metrics) -> None:
    async def fail() -> None:
        async with transaction(metrics.engine) as connection:
            await handle(connection, told(a_record(1, a_line(person=person(phone="1")))))
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        await fail()
    for table in ("heads", "persons", "facts", "cells", "folds"):
        assert await metrics.fetch(f"SELECT 1 FROM {table}") == []


async def test_two_partitions_that_meet_in_one_cell_wait_for_each_other(metrics: Metrics) -> None:
    first_folded, second_begun = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with transaction(metrics.engine) as connection:
            await handle(connection, told(a_record(1, a_line(person=person(phone="1")))))
            first_folded.set()
            await second_begun.wait()
            await asyncio.sleep(0.1)

    async def second() -> None:
        await first_folded.wait()
        async with transaction(metrics.engine) as connection:
            second_begun.set()
            await handle(connection, told(a_record(2, a_line(person=person(phone="1")))))

    await asyncio.gather(first(), second())
    ((quantity, _, persons, _),) = (await counted(metrics)).values()
    assert (quantity, len(persons)) == (2, 1)


async def test_many_folds_at_once_over_the_same_cells_and_people_neither_deadlock_nor_lose(metrics: Metrics) -> None:
    chance = seeded(3)

    def batch(worker: int, turn: int) -> list[RecordV1]:
        start = 1000 * worker + 20 * turn
        lines = [a_line(person=person(phone=str(chance.randint(1, 30)))) for _ in range(20)]
        chance.shuffle(lines)
        days = [f"2025-05-{chance.randint(10, 20)}" for _ in lines]
        return [a_record(start + n + 1, line, day=days[n], household=days[n]) for n, line in enumerate(lines)]

    async def work(worker: int) -> None:
        for turn in range(10):
            await metrics.fold(*batch(worker, turn))
            await metrics.fold(*(a_record(1000 * worker + 20 * turn + n, revision=2) for n in range(1, 8)))

    await asyncio.gather(*(work(worker) for worker in range(4)))
    cells = await counted(metrics)
    assert sum(cell[0] for cell in cells.values()) == 4 * 10 * 13
    revisions = [n for (n,) in await metrics.fetch("SELECT n FROM folds ORDER BY n")]
    assert revisions == list(range(1, 81))


def test_ids_of_the_driver_equal_those_of_the_standard_library() -> None:
    assert quick(WARD) == WARD
    assert hash(quick(WARD)) == hash(WARD)
    assert {WARD: 1}[quick(UUID(str(WARD)))] == 1
