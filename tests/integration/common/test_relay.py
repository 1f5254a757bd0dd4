"""The relay: everything committed arrives, in order, and the topic's last word on a record is the log's highest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaServer
from libs.common.db import open_engine, transaction
from libs.common.events import POSITION_TYPE
from libs.common.kafka import Incoming
from libs.common.log import Position, append
from libs.common.relay import RelaySettings, announce, run_relay
from tests.integration.common.test_log import Row, new_log
from tests.support.kafka import OwnTopic, own_topic, read_all
from tests.support.postgres import MakeDatabase

QUICK = RelaySettings(page_rows=100, send_timeout_seconds=1, lease_seconds=1)


@asynccontextmanager
async def _relaying(url: str, kafka: KafkaServer, topic: OwnTopic) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.ensure_future(
        run_relay(
            url,
            kafka.bootstrap,
            owner="test",
            routes={"thing.v1": topic},
            settings=QUICK,
            registry=CollectorRegistry(),
            stop=stop,
            beat=lambda: None,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def _until_sent(engine: AsyncEngine) -> None:
    """Wait until the relay's stored position is the log's end."""
    for _ in range(2000):
        async with transaction(engine) as connection:
            there = await connection.fetchval(
                """SELECT count(*) FROM log_position p WHERE NOT EXISTS (
                       SELECT FROM log WHERE (log.epoch, log.xid, log.seq) > (p.epoch, p.xid, p.seq))"""
            )
            if there:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("the relay did not reach the end of the log")


def _records(messages: list[Incoming]) -> list[Incoming]:
    return [message for message in messages if message.type != POSITION_TYPE]


async def test_every_row_arrives_once_with_the_attributes_of_its_event(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay", partitions=3)
    rows = [Row(uuid4(), 1, body=b'{"n": %d}' % n) for n in range(500)]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, rows, request_id="asked-1")
        async with _relaying(url, kafka, topic):
            await _until_sent(engine)
    messages = await read_all(kafka.bootstrap, topic)
    sent = {UUID(message.key.decode()): message for message in _records(messages)}
    assert {i: m.value for i, m in sent.items()} == {row.record_id: row.body for row in rows}
    assert len(_records(messages)) == len(rows)
    headers = sent[rows[0].record_id].headers
    assert (headers["ce_type"], headers["ce_source"], headers["ce_requestid"]) == (
        "thing.v1",
        "/tungnha/test",
        "asked-1",
    )
    marks = {m.partition: Position.parse(m.headers["ce_sequence"]) for m in messages if m.type == POSITION_TYPE}
    highest = max(Position.parse(m.headers["ce_sequence"]) for m in sent.values())
    assert marks == dict.fromkeys(range(3), highest), "every partition was told how far the log has been sent"


async def test_the_last_message_of_every_record_is_its_highest_revision(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    """A correction in a transaction older than the creation's is published last."""
    url, topic = await new_log(make_database), own_topic("relay")
    records = [uuid4() for _ in range(50)]
    async with open_engine(url, application_name="test") as engine, _relaying(url, kafka, topic):
        async with transaction(engine) as older:
            await older.execute("SELECT pg_current_xact_id()")
            async with transaction(engine) as younger:
                await append(younger, [Row(record, 1, body=b"1") for record in records])
            await append(older, [Row(record, 2, body=b"2") for record in records])
        await _until_sent(engine)
    last = {message.key: message.value for message in _records(await read_all(kafka.bootstrap, topic))}
    assert set(last.values()) == {b"2"}
    assert len(last) == len(records)


async def test_two_relays_take_turns_and_announcing_sends_everything_again(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay")
    rows = [Row(uuid4(), 1) for _ in range(20)]
    async with (
        open_engine(url, application_name="test") as engine,
        _relaying(url, kafka, topic),
        _relaying(url, kafka, topic),
    ):
        async with transaction(engine) as connection:
            await append(connection, rows)
        await _until_sent(engine)
        assert len(_records(await read_all(kafka.bootstrap, topic))) == len(rows)
        async with transaction(engine) as connection:
            await announce(connection)
        await _until_sent(engine)
    again = [UUID(message.key.decode()) for message in _records(await read_all(kafka.bootstrap, topic))]
    assert sorted(again) == sorted([row.record_id for row in rows] * 2)


async def test_another_cluster_or_topic_is_begun_at_the_beginning(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, first, second = await new_log(make_database), own_topic("relay"), own_topic("relay")
    rows = [Row(uuid4(), 1) for _ in range(20)]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, rows)
        for topic in (first, second):
            async with _relaying(url, kafka, topic):
                await _until_sent(engine)
                await asyncio.wait_for(_holds(kafka, topic, len(rows)), 20)


async def _holds(kafka: KafkaServer, topic: OwnTopic, count: int) -> None:
    while True:
        try:
            if len(_records(await read_all(kafka.bootstrap, topic))) == count:
                return
        except TimeoutError:
            continue
