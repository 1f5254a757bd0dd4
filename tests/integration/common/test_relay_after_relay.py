"""Relays one after the other: what one that was stopped still has under way never becomes the topic's last word."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common.db import open_engine, transaction
from libs.common.events import POSITION_TYPE
from libs.common.kafka import Batch, Message, Producer, identify, make_topics, open_producer
from libs.common.leader import lead
from libs.common.log import append
from libs.common.relay import RelayMeters, _Run
from tests.integration.common.test_log import Row, new_log
from tests.integration.common.test_relay import QUICK, _records, _relaying, _until, _until_sent
from tests.support.kafka import OwnTopic, own_topic, read_all
from tests.support.postgres import MakeDatabase


class _Stopped(Producer):
    """Stands still right before its bytes leave, until its gate is open."""

    def __init__(self, producer: Producer) -> None:
        self._real = producer
        self.gate = asyncio.Event()
        self.packed = 0

    def pack(self, messages: Mapping[tuple[str, int], Sequence[Message]]) -> list[Batch]:
        self.packed += 1
        return self._real.pack(messages)

    async def deliver(self, batches: Sequence[Batch]) -> None:
        await self.gate.wait()
        await self._real.deliver(batches)


@asynccontextmanager
async def _stopped_relay(url: str, kafka: KafkaServer, topic: OwnTopic) -> AsyncIterator[None]:
    """Lead, and stop in the middle of a send; the bytes leave at the block's end, when another relay leads."""
    await make_topics(kafka.bootstrap, [topic])
    stop, nothing = asyncio.Event(), CollectorRegistry()
    async with (
        lead(url, "relay test", lease_seconds=QUICK.lease_seconds, stop=stop, beat=lambda: None) as leadership,
        open_producer(kafka.bootstrap, timeout_seconds=5, name="relay test") as producer,
    ):
        assert leadership is not None
        stopped = _Stopped(producer)
        run = _Run("test", {"thing.v1": topic}, QUICK, RelayMeters.on(nothing), leadership)
        await run.take_over(await identify(kafka.bootstrap, [topic.name]))
        running = asyncio.ensure_future(run.run(stopped, stop, lambda: None))
        # The page to send is packed, and so is the one read beside the send: nothing else is under way.
        await _until(lambda: stopped.packed == 2)
        leadership.connection.terminate()
        yield
        stopped.gate.set()
        await asyncio.wait([running])
        assert running.exception() is not None, "it was told that it does not lead"


@pytest.mark.parametrize("take_overs", [1, 2])
async def test_a_relay_that_goes_on_after_others_took_over_leaves_no_old_state_behind_newer_ones(
    make_database: MakeDatabase, kafka: KafkaServer, take_overs: int
) -> None:
    url, topic = await new_log(make_database), own_topic("relay", partitions=3)
    records = [uuid4() for _ in range(50)]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, [Row(record, 1, body=b"1") for record in records])
        async with _stopped_relay(url, kafka, topic):
            async with transaction(engine) as connection:
                await append(connection, [Row(record, 2, body=b"2") for record in records])
            for _ in range(take_overs):
                async with _relaying(url, kafka, topic):
                    await _until_sent(engine)
    last = {message.key: message.value for message in _records(await read_all(kafka.bootstrap, topic))}
    assert set(last.values()) == {b"2"}
    assert len(last) == len(records)


async def test_each_term_tells_every_partition_lest_kafka_forget_who_leads(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay", partitions=3)
    rows = [Row(uuid4(), 1) for _ in range(20)]
    settings = replace(QUICK, term_seconds=0.2)
    async with open_engine(url, application_name="test") as engine, _relaying(url, kafka, topic, settings=settings):
        for part in (rows[:10], rows[10:]):
            async with transaction(engine) as connection:
                await append(connection, part)
            await _until_sent(engine)
            told = await _marks(kafka, topic)
            await asyncio.wait_for(_are_told(kafka, topic, told), 20)
    sent = [UUID(message.key.decode()) for message in _records(await read_all(kafka.bootstrap, topic))]
    assert sorted(sent) == sorted(row.record_id for row in rows)


async def _are_told(kafka: KafkaServer, topic: OwnTopic, before: int) -> None:
    """Wait until every partition has been told its position twice more, though nothing was appended."""
    while await _marks(kafka, topic) < before + 2 * topic.partitions:
        continue


async def _marks(kafka: KafkaServer, topic: OwnTopic) -> int:
    """Count the position messages."""
    return sum(message.type == POSITION_TYPE for message in await read_all(kafka.bootstrap, topic))
