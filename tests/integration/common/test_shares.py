"""Replicas of a consumer divide its partitions: each is one's at a time, nothing is done twice, nobody's is left."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common import shares
from libs.common.consume import Follow, Handled, Meters
from libs.common.consume_shares import Sharing, run_shared_consumer
from libs.common.db import Connection, Engine, Unavailable, connect, open_engine, transaction
from libs.common.events import position_message
from libs.common.inbox import reached, schema
from libs.common.kafka import Incoming, Message, make_topics, open_producer
from libs.common.log import BEGINNING, Position
from libs.common.shares import Shares, open_shares
from tests.support.kafka import OwnTopic, own_topic
from tests.support.postgres import MakeDatabase

END_SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE application_name = $1 AND datname = current_database()"""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "LOOK_SECONDS", 0.05)


async def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)


async def _look(*everybody: Shares) -> list[set[int]]:
    for each in (*everybody, *everybody):
        each._looked_at = 0
        await each.look()
        await each.settle()
    return [each.mine for each in everybody]


async def test_parts_are_divided_evenly_and_come_back_when_somebody_goes(make_database: MakeDatabase) -> None:
    url = await make_database("")
    async with open_shares(url, "work", 4) as first:
        assert await _look(first) == [{0, 1, 2, 3}]
        async with open_shares(url, "work", 4) as second, open_shares(url, "other work", 4) as other:
            halves = await _look(first, second)
            assert sorted(map(len, halves)) == [2, 2]
            assert halves[0] | halves[1] == {0, 1, 2, 3}
            assert await _look(other) == [{0, 1, 2, 3}]
        await _until_alone(first)


async def _until_alone(who: Shares) -> None:
    """PostgreSQL lets go of a connection's locks a moment after it has ended."""
    async with asyncio.timeout(10):
        while True:
            if await _look(who) == [{0, 1, 2, 3}]:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("replicas", "expected"), [(3, [0, 2, 2]), (4, [1, 1, 1, 1]), (6, [0, 0, 1, 1, 1, 1])])
async def test_no_part_is_left_and_who_is_too_many_stands_by(
    make_database: MakeDatabase, replicas: int, expected: list[int]
) -> None:
    url = await make_database("")
    async with AsyncExitStack() as stack:
        everybody = [await stack.enter_async_context(open_shares(url, "work", 4)) for _ in range(replicas)]
        mine = await _look(*everybody)
    assert sorted(map(len, mine)) == expected
    assert sorted(part for parts in mine for part in parts) == [0, 1, 2, 3]


async def test_what_is_to_be_given_up_is_kept_until_the_work_on_it_has_ended(make_database: MakeDatabase) -> None:
    url = await make_database("")
    async with open_shares(url, "work", 2) as first, open_shares(url, "work", 2) as second:
        first._looked_at = 0
        await first.look()
        held = set(first.mine)
        assert await first.look() is False
        assert (await _look(second)) == [{0, 1} - held]


async def test_a_connection_that_is_ended_is_told_as_the_database_being_away(make_database: MakeDatabase) -> None:
    url = await make_database("")
    killer = await connect(url, application_name="killer")

    async def work() -> None:
        async with open_shares(url, "work", 2) as mine:
            await killer.fetch(END_SESSIONS, "share work")
            await _look(mine)

    with pytest.raises(Unavailable):
        await work()
    await killer.close()


@dataclass
class _Replica:
    """One process of the consumer; `seen` are the partition and the offset of everything it handled."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    meters: Meters = field(default_factory=lambda: Meters.on(CollectorRegistry()))
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, connection: Connection, messages: Sequence[Incoming]) -> Handled:
        await connection.executemany(
            "INSERT INTO effects VALUES ($1, $2)", [(message.partition, message.offset) for message in messages]
        )
        self.seen += [(message.partition, message.offset) for message in messages]
        return Handled(len(messages))

    def told(self) -> set[int]:
        """Give the partitions that it tells Prometheus of."""
        samples = next(iter(self.meters.behind.collect())).samples
        return {int(sample.labels["partition"]) for sample in samples}


@asynccontextmanager
async def _running(engine: Engine, url: str, kafka: KafkaServer, topic: OwnTopic) -> AsyncIterator[_Replica]:
    replica = _Replica()
    follow = Follow(engine, kafka.bootstrap, [topic], replica.handle, replica.meters, replica.stop, beat=lambda: None)
    task = asyncio.ensure_future(run_shared_consumer(follow, Sharing(url, "fold", by_partition=True)))
    try:
        yield replica
    finally:
        replica.stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)


async def _send(kafka: KafkaServer, topic: OwnTopic, each: int) -> None:
    now = int(time.time() * 1000)
    async with open_producer(kafka.bootstrap, timeout_seconds=10) as producer:
        message = Message(b"key", b"value", [("ce_type", b"thing.v1")], now)
        await producer.send({(topic.name, n): [message] * each for n in range(topic.partitions)})


async def test_two_replicas_share_the_partitions_and_one_takes_over_what_the_other_leaves(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    url, topic = await make_database(""), own_topic("shared", partitions=4)
    await make_topics(kafka.bootstrap, [topic])
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            for statement in (*schema(), "CREATE TABLE effects (partition integer, place bigint)"):
                await connection.execute(statement)
        async with _running(engine, url, kafka, topic) as first:
            await _until(lambda: first.told() == {0, 1, 2, 3})
            async with _running(engine, url, kafka, topic) as second:
                await _until(lambda: (len(first.told()), len(second.told())) == (2, 2))
                assert first.told() | second.told() == {0, 1, 2, 3}
                await _send(kafka, topic, 100)
                await _until(lambda: len(first.seen) + len(second.seen) == 400)
                assert Counter(partition for partition, _ in first.seen) == dict.fromkeys(first.told(), 200 // 2)
            assert second.told() == set()
            await _until(lambda: first.told() == {0, 1, 2, 3})
            await _send(kafka, topic, 50)
            await _until(lambda: len(first.seen) == 400)
        async with transaction(engine, readonly=True) as connection:
            stored = await connection.fetch("SELECT partition, place FROM effects")
    assert sorted(map(tuple, stored)) == sorted(first.seen + second.seen)
    assert len(set(map(tuple, stored))) == 600


async def test_a_partition_that_nobody_has_begun_with_still_holds_back_what_is_reached(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    """Replicas begin one after the other: the first must not speak for the partitions of the second."""
    url, topic, position = await make_database(""), own_topic("shared", partitions=2), Position(1, 7, 7)
    await make_topics(kafka.bootstrap, [topic])
    mark = position_message("test", position, caught_up=True)
    async with open_producer(kafka.bootstrap, timeout_seconds=10) as producer:
        await producer.send({(topic.name, n): [mark] for n in range(2)})
    replica = _Replica()
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            for statement in schema():
                await connection.execute(statement)
        follow = Follow(engine, kafka.bootstrap, [topic], replica.handle, replica.meters, replica.stop, lambda: None)

        async def handled(partition: int) -> bool:
            async with transaction(engine, readonly=True) as connection:
                next_ = await connection.fetchval("SELECT next FROM inbox WHERE partition = $1", partition)
                assert partition == 1 or (await reached(connection, topic.name) or BEGINNING) == BEGINNING
            return bool(next_)

        for partition in range(2):
            await asyncio.wait_for(follow.until(partial(handled, partition), {(topic.name, partition)}), 30)
        async with transaction(engine, readonly=True) as connection:
            assert await reached(connection, topic.name) == position
