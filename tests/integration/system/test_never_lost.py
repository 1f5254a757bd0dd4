"""Whatever is killed while work is in flight, the numbers are those of the undisturbed run."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local.kafka import open_kafka
from libs.common.db import Connection, connect, open_engine, transaction
from libs.common.kafka import Incoming, Message, make_topics, open_producer
from libs.contracts.records import RecordV1
from libs.contracts.topics import RECORDS, type_of
from services.metrics.consumer import handle
from tests.integration.system.conftest import UNKNOWN_TEAMS, World, fill, until
from tests.support.counting import counted, expected
from tests.support.kafka import CACHE, OwnTopic, read_all
from tests.support.postgres import MakeDatabase

pytestmark = pytest.mark.timeout(240)
RECORD = type_of(RecordV1)
TOPIC = OwnTopic(RECORDS.name, RECORDS.partitions)


@asynccontextmanager
async def _holding(url: str, table: str) -> AsyncIterator[Connection]:
    """Hold a table, so that whoever wants to write to it stands still with its work begun.

    Not a row: its lock would take a transaction id, and an open one holds every relay of the cluster back.
    """
    connection = await connect(url, application_name="test lock")
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL transaction_timeout = 0")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield connection
    finally:
        await connection.close()


async def _waits_for_a_lock(url: str, table: str) -> bool:
    connection = await connect(url, application_name="test watcher")
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE '%' || $1 || '%'",
            table,
        )
        return bool(found)
    finally:
        await connection.close()


async def _equal(world: World, metrics_url: str | None = None) -> None:
    wanted, found = await expected(world.visits_url), await counted(metrics_url or world.metrics_url)
    assert wanted.facts
    assert any(synced for synced, _ in wanted.progress.values())
    assert any(held for _, held in wanted.progress.values())
    assert found.facts == wanted.facts
    assert not {key[-1] for key in found.quantity} & set(UNKNOWN_TEAMS), "a held visit is counted"
    for part in ("quantity", "unknown", "people", "households", "progress"):
        assert dict(getattr(found, part)) == dict(getattr(wanted, part)), part


async def test_a_relay_killed_between_sending_and_moving_on_loses_nothing(world: World) -> None:
    await fill(world.visits, 12)
    relay = world.relay()
    await world.supervisor.start(world.consumer())
    await world.supervisor.start(relay)
    await until(lambda: _reached_end(world), "the relay is at the end")
    await fill(world.visits, 6, seed=2)
    # Stopped from moving its position, the relay has sent rows that it has not moved past.
    async with _holding(world.visits_url, "log_position"):
        before = await world.relayed()
        await fill(world.visits, 6, seed=3)
        await until(lambda: _waits_for_a_lock(world.visits_url, "UPDATE log_position"), "the relay wants to move on")
        sent = [m for m in await read_all(world.kafka.bootstrap, TOPIC) if "ce_sequence" in m.headers]
        await world.supervisor.kill("relay")
        assert await world.relayed() == before
        assert max(_sequence(m) for m in sent) > (before.epoch, before.xid, before.seq), "nothing was in flight"
    await world.supervisor.restart("relay")
    await world.until_folded()
    await _equal(world)


def _sequence(message: Incoming) -> tuple[int, ...]:
    return tuple(int(part) for part in message.headers["ce_sequence"].split("."))


async def _reached_end(world: World) -> bool:
    return await world.relayed() >= await world.log_end()


async def test_a_consumer_killed_in_the_middle_of_a_fold_loses_nothing(world: World) -> None:
    await fill(world.visits, 10)
    await world.supervisor.start(world.relay())
    # The revision is raised last: held there, a fold has written everything and committed nothing.
    async with _holding(world.metrics_url, "data_revision"):
        await world.supervisor.start(world.consumer())
        await until(lambda: _waits_for_a_lock(world.metrics_url, "data_revision"), "a fold is at its end")
        await world.supervisor.kill("consumer")
        assert not (await counted(world.metrics_url)).facts, "the fold was committed before the kill"
    await world.supervisor.restart("consumer")
    await world.until_folded()
    await _equal(world)


async def test_kafka_killed_while_rows_come_in_delays_the_numbers_and_changes_none(world: World) -> None:
    await world.supervisor.start(world.relay(), world.consumer())
    writing = asyncio.ensure_future(fill(world.visits, 16))
    await until(lambda: _some_but_not_all(world), "some rows are relayed and some are not")
    await world.kafka.kill()
    assert await world.relayed() < await world.log_end(), "nothing was in flight"
    await writing
    await world.kafka.restart()
    await world.until_folded()
    await _equal(world)


async def _some_but_not_all(world: World) -> bool:
    relayed = await world.relayed()
    return relayed.seq > 0 and relayed < await world.log_end()


async def test_the_topic_read_again_into_an_empty_database_gives_the_same_numbers(
    world: World, make_database: MakeDatabase
) -> None:
    await fill(world.visits, 8)
    await world.supervisor.start(world.relay(), world.consumer())
    await world.until_folded()
    await _equal(world)
    anew = await make_database("metrics")
    await world.supervisor.stop()
    await world.supervisor.start(world.consumer(anew))
    await world.until_folded(anew)
    await _equal(world, anew)


async def test_every_message_twice_and_in_reverse_gives_the_same_numbers(
    world: World, make_database: MakeDatabase
) -> None:
    await fill(world.visits, 8)
    await world.supervisor.start(world.relay())
    await until(lambda: _reached_end(world), "everything is sent")
    messages = await read_all(world.kafka.bootstrap, TOPIC)
    straight, reversed_twice = await make_database("metrics"), await make_database("metrics")
    await _fold(straight, messages)
    await _fold(reversed_twice, [m for message in reversed(messages) for m in (message, message)])
    await _fold(reversed_twice, messages)
    await _equal(world, straight)
    await _equal(world, reversed_twice)


async def test_every_message_sent_twice_and_in_reverse_through_kafka_gives_the_same_numbers(
    world: World, make_database: MakeDatabase, tmp_path: Path
) -> None:
    await world.supervisor.start(world.relay())
    await fill(world.visits, 8)
    await until(lambda: _reached_end(world), "everything is sent")
    messages = await read_all(world.kafka.bootstrap, TOPIC)
    assert max(Counter(m.key for m in messages if m.type == RECORD).values()) > 1, "no record came in two revisions"
    anew = await make_database("metrics")
    async with open_kafka(tmp_path / "second" / "kafka", CACHE, say=lambda _: None) as second:
        await make_topics(second.bootstrap, [RECORDS])
        queues = _twice_in_reverse(messages)
        async with open_producer(second.bootstrap, timeout_seconds=30) as producer:
            await producer.send(queues)
        await world.supervisor.start(world.consumer(anew, second))
        sent = sum(map(len, queues.values()))
        await until(lambda: _has_handled(anew, sent), "the doubled topic is folded")
        await _equal(world, anew)
        await world.supervisor.stop()


def _twice_in_reverse(messages: Sequence[Incoming]) -> Mapping[tuple[str, int], Sequence[Message]]:
    queues: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
    for came in reversed(messages):
        headers = [(name, value.encode()) for name, value in came.headers.items()]
        queues[came.topic, came.partition] += 2 * [Message(came.key, came.value, headers, came.timestamp_ms)]
    return queues


async def _has_handled(metrics_url: str, messages: int) -> bool:
    """Say whether so many messages are behind the stored offsets: marks in reverse tell of the end at the beginning."""
    connection = await connect(metrics_url, application_name="test watcher")
    try:
        return bool(
            await connection.fetchval("SELECT sum(next) = $1 FROM inbox WHERE topic = $2", messages, RECORDS.name)
        )
    finally:
        await connection.close()


async def _fold(url: str, messages: Sequence[Incoming], size: int = 300) -> None:
    async with open_engine(url, application_name="test fold") as engine:
        for begin in range(0, len(messages), size):
            async with transaction(engine) as connection:
                await handle(connection, messages[begin : begin + size])
