"""A replica shows what one transaction of the owner wrote all at once, however the relay cuts it into pages."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common.announcing import announce
from libs.common.db import Engine, open_engine, transaction
from libs.common.events import message_of
from libs.common.kafka import open_producer
from libs.common.log import Position, append, read
from libs.common.replica import Replica
from tests.integration.common.test_log import Row, new_log
from tests.integration.common.test_relay import _relaying, _until_sent
from tests.support.kafka import OwnTopic, own_topic
from tests.support.postgres import MakeDatabase

IDS = [uuid4() for _ in range(1500)]


class Shown:
    """The newest state of each record, and every mixture of states that was ever to be seen."""

    def __init__(self) -> None:
        self.states: dict[bytes, bytes] = {}
        self.seen: list[tuple[int, frozenset[bytes]]] = []

    def apply(self, body: bytes, _: Position) -> None:
        number, state = body.strip(b'"').split(b":")
        self.states[number] = state

    async def watch(self) -> None:
        while True:
            now = len(self.states), frozenset(self.states.values())
            if not self.seen or self.seen[-1] != now:
                self.seen.append(now)
            await asyncio.sleep(0)


async def write(engine: Engine, revision: int) -> None:
    """Give every record its next state in one transaction, in a few statements."""
    async with transaction(engine) as connection:
        for begin in range(0, len(IDS), 500):
            numbered = list(enumerate(IDS))[begin : begin + 500]
            await append(connection, [Row(i, revision, body=b'"%d:%d"' % (n, revision)) for n, i in numbered])


@asynccontextmanager
async def following(kafka: KafkaServer, topic: OwnTopic) -> AsyncIterator[tuple[Shown, Replica]]:
    shown, stop = Shown(), asyncio.Event()
    replica = Replica(kafka.bootstrap, [topic], {"thing.v1": shown.apply}, CollectorRegistry())
    tasks = [asyncio.ensure_future(replica.run(stop)), asyncio.ensure_future(shown.watch())]
    try:
        yield shown, replica
    finally:
        stop.set()
        await asyncio.wait_for(tasks[0], 10)
        tasks[1].cancel()


async def until(true: Callable[[], bool]) -> float:
    """Wait for something; gives the seconds that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < 20
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def test_a_transaction_of_many_pages_and_partitions_shows_at_once(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("replica", partitions=3)
    async with open_engine(url, application_name="test") as engine, _relaying(url, kafka, topic):
        await write(engine, 1)
        await _until_sent(engine)
        async with following(kafka, topic) as (shown, replica):
            await asyncio.wait_for(replica.ready.wait(), 20)
            assert len(shown.states) == len(IDS)
            shown.seen.clear()
            for revision in (2, 3):
                await write(engine, revision)
                state = b"%d" % revision
                assert await until(lambda state=state: set(shown.states.values()) == {state}) < 2  # type: ignore[misc]
            async with transaction(engine) as connection:
                await announce(connection)
            await _until_sent(engine)
            # Two at once: the relay sends only the second's states, some of them in the place of the first's.
            await asyncio.gather(write(engine, 4), write(engine, 5))
            await until(lambda: set(shown.states.values()) == {b"5"})
    assert all(count == len(IDS) and len(states) == 1 for count, states in shown.seen)


async def test_a_replica_that_starts_in_the_midst_of_a_transaction_shows_none_of_it_until_the_rest_comes(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("replica")
    async with open_engine(url, application_name="test") as engine:
        async with _relaying(url, kafka, topic):
            await write(engine, 1)
            await _until_sent(engine)
            await asyncio.sleep(0.2)
        await write(engine, 2)
        await send_a_part(url, kafka, topic)
        async with following(kafka, topic) as (shown, replica):
            await asyncio.wait_for(replica.ready.wait(), 20)
            assert set(shown.states.values()) == {b"1"}
            shown.seen.clear()
            async with _relaying(url, kafka, topic):
                await until(lambda: set(shown.states.values()) == {b"2"})
    assert all(len(states) == 1 for _, states in shown.seen)


async def send_a_part(url: str, kafka: KafkaServer, topic: OwnTopic) -> None:
    """Send a page of what has not been sent, as a relay does that then dies."""
    async with open_engine(url, application_name="test") as engine, transaction(engine) as connection:
        row = await connection.fetchrow("SELECT epoch, xid::text::bigint AS xid, seq FROM log_position")
        assert row is not None
        page = await read(connection, Position(*row), 100)
    messages = [message_of(state, "test") for state in page.announced]
    async with open_producer(kafka.bootstrap, timeout_seconds=5) as producer:
        await producer.send({(topic.name, 0): messages})
