"""The consumer's loop: bad messages are buried one by one, but many in a row, or standing still, ends the process."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from libs.common import consume
from libs.common.consume import FEW_MESSAGES, Backlog, Handled, Handler, Meters, Pace, StoppedItself, _Loop
from libs.common.db import Connection, Engine, Unavailable, open_engine, transaction
from libs.common.events import POSITION_TYPE
from libs.common.inbox import Unprocessable, schema
from libs.common.kafka import Consumer, Incoming
from libs.common.tracing import OFF, Parent, Tracing
from tests.support.postgres import MakeDatabase
from tests.support.spans import KeptSpans

PLACE, OTHER = ("things", 0), ("things", 1)


class _Told(Consumer):
    """Gives the batches it was made with, one a turn; `ahead` messages are known to lie behind them."""

    def __init__(self, batches: Sequence[Sequence[Incoming]], ahead: int = 0) -> None:
        self._batches = list(batches)
        self._ahead = ahead

    def seek(self, topic: str, partition: int, offset: int) -> None:
        assert ((topic, partition) in (PLACE, OTHER), offset) == (True, 0)

    async def ends(self) -> dict[tuple[str, int], int]:
        return dict.fromkeys([PLACE, *(OTHER for batch in self._batches for m in batch if m.partition)], 1000)

    def behind(self, topic: str, partition: int, offset: int) -> int:
        return self._ahead

    async def poll(self, *, wait_seconds: float, limit: int) -> dict[tuple[str, int], list[Incoming]]:
        came: dict[tuple[str, int], list[Incoming]] = {}
        for message in self._batches.pop(0) if self._batches else ():
            came.setdefault((message.topic, message.partition), []).append(message)
        return came


def _batches(*told: str) -> list[list[Incoming]]:
    """Make batches: in each, `b` is a bad message, `g` a good one, `p` a position of the relay's."""
    batches: list[list[Incoming]] = []
    offset = 0
    for letters in told:
        batches.append([_message(offset + n, letter) for n, letter in enumerate(letters)])
        offset += len(letters)
    return batches


def _message(offset: int, letter: str, place: tuple[str, int] = PLACE, traceparent: str = "") -> Incoming:
    headers: Mapping[str, str] = {"ce_type": POSITION_TYPE if letter == "p" else "thing.v1"}
    if traceparent:
        headers = {**headers, "traceparent": traceparent}
    return Incoming(*place, offset, b"", letter.encode(), headers, 0)


def _both(count: int) -> list[Incoming]:
    """Make good messages of both partitions."""
    return [_message(offset, "g", place) for place in (PLACE, OTHER) for offset in range(count)]


async def _handle(connection: Connection, messages: Sequence[Incoming]) -> Handled:
    assert all(message.type == "thing.v1" for message in messages)
    await connection.execute("INSERT INTO effects VALUES ($1)", len(messages))
    dead = [Unprocessable(message, "bad by design") for message in messages if message.value == b"b"]
    return Handled(len(messages) - len(dead), dead)


@asynccontextmanager
async def _database(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with open_engine(await make_database(""), application_name="test") as engine:
        async with transaction(engine) as connection:
            for statement in (*schema(), "CREATE TABLE effects (messages integer)"):
                await connection.execute(statement)
        yield engine


@asynccontextmanager
async def _begun(
    engine: Engine,
    consumer: Consumer,
    handle: Handler = _handle,
    pace: Pace | None = None,
    tracing: Tracing = OFF,
) -> AsyncIterator[_Loop]:
    meters = Meters.on(CollectorRegistry(), tracing)
    async with aclosing(_Loop(engine, consumer, handle, "here", meters, pace or Pace(), Backlog())) as loop:
        await loop.start()
        yield loop


@asynccontextmanager
async def _loop(make_database: MakeDatabase, consumer: Consumer) -> AsyncIterator[tuple[_Loop, Engine]]:
    async with _database(make_database) as engine, _begun(engine, consumer) as loop:
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


async def _offsets(engine: Engine) -> list[int]:
    async with transaction(engine, readonly=True) as connection:
        return [row["next"] for row in await connection.fetch("SELECT next FROM inbox ORDER BY partition")]


async def _effects(engine: Engine) -> list[int]:
    """Give the sizes of the batches that are stored."""
    async with transaction(engine, readonly=True) as connection:
        return [row["messages"] for row in await connection.fetch("SELECT messages FROM effects ORDER BY 1")]


async def test_the_little_that_has_come_from_several_partitions_is_one_batch(make_database: MakeDatabase) -> None:
    async with _loop(make_database, _Told([_both(3)])) as (loop, engine):
        await loop.turn()
        assert (await _effects(engine), await _offsets(engine)) == ([6], [3, 3])


class _Steady(Pace):
    """Two messages a batch, however busy the machine is: a batch of one leaves a pair that are handled together."""

    def __init__(self) -> None:
        super().__init__()
        self.messages = 2

    def took(self, messages: int, seconds: float) -> None:
        pass


async def test_two_partitions_are_handled_at_the_same_time_and_each_in_order(make_database: MakeDatabase) -> None:
    seen: dict[int, list[int]] = {0: [], 1: []}
    together = asyncio.Barrier(2)

    async def handle(connection: Connection, messages: Sequence[Incoming]) -> Handled:
        seen[messages[0].partition] += [message.offset for message in messages]
        async with asyncio.timeout(10):
            await together.wait()
        return await _handle(connection, messages)

    async with _database(make_database) as engine, _begun(engine, _Told([_both(6)]), handle, _Steady()) as loop:
        while await _offsets(engine) != [6, 6]:
            await loop.turn()
        assert sum(await _effects(engine)) == 12
    assert seen == {0: [*range(6)], 1: [*range(6)]}


async def test_where_one_batch_fails_the_other_under_way_leaves_nothing_behind(make_database: MakeDatabase) -> None:
    handled = asyncio.Event()

    async def handle(connection: Connection, messages: Sequence[Incoming]) -> Handled:
        if messages[0].partition == 0:
            await handled.wait()
            raise Unavailable("by design")
        await _handle(connection, messages)
        handled.set()
        await asyncio.Event().wait()
        raise AssertionError("it is given up")

    pace = Pace()
    pace.messages = 4
    async with _database(make_database) as engine:
        async with _begun(engine, _Told([_both(4)]), handle, pace) as loop:
            with pytest.raises(Unavailable):
                await loop.turn()
        assert (await _effects(engine), await _offsets(engine)) == ([], [0, 0])
        async with _begun(engine, _Told([_both(4)]), _handle, pace) as loop:
            while await _offsets(engine) != [4, 4]:
                await loop.turn()
        assert sum(await _effects(engine)) == 8


async def test_a_batch_that_is_too_large_for_its_time_is_tried_again_in_halves(make_database: MakeDatabase) -> None:
    async def handle(connection: Connection, messages: Sequence[Incoming]) -> Handled:
        # What PostgreSQL's transaction_timeout does to a batch that takes too long.
        if len(messages) > 3:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return await _handle(connection, messages)

    pace = Pace()
    (messages,) = _batches("g" * 20)
    async with _database(make_database) as engine, asyncio.timeout(30):
        while (done := sum(await _effects(engine))) < 20:
            async with _begun(engine, _Resumed([messages[done:]]), handle, pace) as loop:
                with suppress(Unavailable):
                    while sum(await _effects(engine)) < 20:
                        await loop.turn()
        assert max(await _effects(engine)) <= 3
        assert await _offsets(engine) == [20]


class _Resumed(_Told):
    """Is sought to wherever the database says."""

    def seek(self, topic: str, partition: int, offset: int) -> None:
        assert (topic, partition) == PLACE


def test_slow_batches_become_smaller_but_not_tiny_and_quick_full_ones_larger_again() -> None:
    pace = Pace()
    most = pace.messages
    for _ in range(20):
        pace.took(pace.messages, 1.0)
    assert pace.messages == FEW_MESSAGES
    pace.took(10, 0.01)
    assert pace.messages == FEW_MESSAGES
    for _ in range(20):
        pace.took(pace.messages, 0.01)
    assert pace.messages == most
    for _ in range(20):
        pace.failed(pace.messages)
    pace.took(1, 1.0)
    assert pace.messages == 1


async def test_a_batch_of_fifty_handled_in_one_transaction_is_linked_to_the_traced_among_them(
    make_database: MakeDatabase,
) -> None:
    kept = KeptSpans()
    traced = [_message(n, "g", traceparent=f"00-{n + 1:032x}-{n + 1:016x}-01") for n in range(0, 50, 2)]
    others = [
        _message(n, "g", traceparent=f"00-{n + 1:032x}-{n + 1:016x}-00" if n % 4 == 1 else "") for n in range(1, 50, 2)
    ]
    batch = sorted([*traced, *others], key=lambda message: message.offset)
    async with (
        _database(make_database) as engine,
        _begun(engine, _Told([batch, [_message(50, "g")]]), tracing=Tracing(kept)) as loop,
    ):
        await loop.turn()
        assert await _stored(engine) == ([], 50, 50)
        await loop.turn()
        assert await _stored(engine) == ([], 51, 51)
    handled, within = kept.spans
    assert (handled.name, handled.kind, handled.parent, handled.ended) == ("handle", "consumer", None, 1)
    assert handled.links == [Parent(n + 1, n + 1) for n in range(0, 50, 2)]
    assert handled.attributes == {"messaging.destination.name": "things", "messaging.batch.message_count": 50}
    assert (within.name, within.parent) == ("transaction", handled.place)
