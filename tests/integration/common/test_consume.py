"""The consumer's loop: bad messages are buried one by one, but many in a row, or standing still, ends the process."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from libs.common import consume
from libs.common.consume import Handled, StoppedItself, _Loop, _Meters
from libs.common.db import Connection, Engine, open_engine, transaction
from libs.common.events import POSITION_TYPE
from libs.common.inbox import Unprocessable, schema
from libs.common.kafka import Consumer, Incoming
from tests.support.postgres import MakeDatabase

PLACE = ("things", 0)


class _Told(Consumer):
    """Gives the batches it was made with, one a turn; `ahead` messages are known to lie behind them."""

    def __init__(self, batches: Sequence[Sequence[Incoming]], ahead: int = 0) -> None:
        self._batches = list(batches)
        self._ahead = ahead

    def seek(self, topic: str, partition: int, offset: int) -> None:
        assert (topic, partition, offset) == (*PLACE, 0)

    async def ends(self) -> dict[tuple[str, int], int]:
        return {PLACE: 1000}

    def behind(self, topic: str, partition: int, offset: int) -> int:
        return self._ahead

    async def poll(self, *, wait_seconds: float, limit: int) -> dict[tuple[str, int], list[Incoming]]:
        return {PLACE: list(self._batches.pop(0))} if self._batches else {}


def _batches(*told: str) -> list[list[Incoming]]:
    """Make batches: in each, `b` is a bad message, `g` a good one, `p` a position of the relay's."""
    batches: list[list[Incoming]] = []
    offset = 0
    for letters in told:
        batches.append([_message(offset + n, letter) for n, letter in enumerate(letters)])
        offset += len(letters)
    return batches


def _message(offset: int, letter: str) -> Incoming:
    headers: Mapping[str, str] = {"ce_type": POSITION_TYPE if letter == "p" else "thing.v1"}
    return Incoming(*PLACE, offset, b"", letter.encode(), headers, 0)


async def _handle(connection: Connection, messages: Sequence[Incoming]) -> Handled:
    assert all(message.type == "thing.v1" for message in messages)
    await connection.execute("INSERT INTO effects VALUES ($1)", len(messages))
    dead = [Unprocessable(message, "bad by design") for message in messages if message.value == b"b"]
    return Handled(len(messages) - len(dead), dead)


@asynccontextmanager
async def _loop(make_database: MakeDatabase, consumer: Consumer) -> AsyncIterator[tuple[_Loop, Engine]]:
    async with open_engine(await make_database(""), application_name="test") as engine:
        async with transaction(engine) as connection:
            for statement in (*schema(), "CREATE TABLE effects (messages integer)"):
                await connection.execute(statement)
        loop = _Loop(engine, consumer, _handle, "here", _Meters.on(CollectorRegistry()))
        await loop.start()
        yield loop, engine


async def _stored(engine: Engine) -> tuple[list[int], int, int]:
    """Give the offsets of the dead letters, the messages handled, and the stored offset."""
    async with transaction(engine, readonly=True) as connection:
        letters = await connection.fetch('SELECT "offset" FROM dead_letters ORDER BY 1')
        messages = await connection.fetchval("SELECT coalesce(sum(messages), 0)::int FROM effects")
        return [row["offset"] for row in letters], messages, await connection.fetchval("SELECT next FROM inbox")


@pytest.mark.parametrize(
    "told",
    [
        ["b" * 19 + "g" + "b" * 19],
        ["b" * 19, "g", "b" * 19],
        ["b" * 10, "b" * 9 + "g" + "b" * 10, "b" * 9],
    ],
    ids=["in one batch", "in three", "across batches"],
)
async def test_bad_messages_with_a_good_one_among_them_are_all_buried(
    make_database: MakeDatabase, told: list[str]
) -> None:
    async with _loop(make_database, _Told(_batches(*told))) as (loop, engine):
        for _ in told:
            await loop.turn()
        assert await _stored(engine) == ([*range(19), *range(20, 39)], 39, 39)


@pytest.mark.parametrize(
    "last",
    ["b" * 20, "g" + "b" * 20 + "g", "p" + "bp" * 20 + "ggg"],
    ids=["alone", "among good ones", "with positions"],
)
async def test_twenty_bad_messages_in_a_row_end_the_process_and_nothing_of_their_batch_is_stored(
    make_database: MakeDatabase, last: str
) -> None:
    async with _loop(make_database, _Told(_batches("bg", last))) as (loop, engine):
        await loop.turn()
        with pytest.raises(StoppedItself, match=r"20 dead letters in a row.*bad by design"):
            await loop.turn()
        assert await _stored(engine) == ([0], 2, 2)


async def test_the_row_of_bad_messages_goes_on_from_batch_to_batch(make_database: MakeDatabase) -> None:
    async with _loop(make_database, _Told(_batches("g" + "b" * 12, "p", "b" * 7, "bg"))) as (loop, engine):
        for _ in range(3):
            await loop.turn()
        with pytest.raises(StoppedItself):
            await loop.turn()
        assert await _stored(engine) == ([*range(1, 13), *range(14, 21)], 20, 21)


async def test_messages_that_lie_ahead_and_do_not_come_for_a_minute_end_the_process(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(consume, "time", SimpleNamespace(monotonic=lambda: now, time=time.time))
    async with _loop(make_database, _Told(_batches("g"), ahead=3)) as (loop, _):
        now = 155.0
        await loop.turn()
        now = 214.0
        await loop.turn()
        now = 216.0
        with pytest.raises(StoppedItself, match="3 messages lie ahead"):
            await loop.turn()


async def test_a_topic_read_to_its_end_may_be_silent_for_ever(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(consume, "time", SimpleNamespace(monotonic=lambda: now, time=time.time))
    async with _loop(make_database, _Told([])) as (loop, _):
        for now in (100.0, 1000.0, 10_000.0):  # noqa: B007  it is what the clock says
            await loop.turn()
