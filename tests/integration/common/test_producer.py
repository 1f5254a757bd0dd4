"""What a producer does with messages whose sending failed."""

import asyncio
import os
import signal
import time

import pytest

from deploy.local.kafka import KafkaServer
from libs.common.kafka import Away, Message, make_topics, open_producer
from tests.support.kafka import OwnTopic, own_topic, read_all


def _message(key: bytes, size: int = 10) -> Message:
    return Message(key, b"x" * size, [], int(time.time() * 1000))


async def _send_while_kafka_stands_still(kafka: KafkaServer, topic: OwnTopic) -> None:
    """Fail to send two batches; the broker answers again while the producer is being closed."""
    async with open_producer(kafka.bootstrap, timeout_seconds=2) as producer:
        await producer.send({(topic.name, 0): [_message(b"opening")]})
        os.kill(kafka.pid, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(3, os.kill, kafka.pid, signal.SIGCONT)
        # Too large to be one batch: the second waits in this process while the first is on its way.
        await producer.send({(topic.name, 0): [_message(b"first", 600_000), _message(b"second", 600_000)]})


async def test_once_a_send_has_failed_nothing_that_waited_behind_it_is_sent(kafka: KafkaServer) -> None:
    topic = own_topic("failed")
    await make_topics(kafka.bootstrap, [topic])
    try:
        with pytest.raises(Away):
            await _send_while_kafka_stands_still(kafka, topic)
    finally:
        os.kill(kafka.pid, signal.SIGCONT)
    async with open_producer(kafka.bootstrap, timeout_seconds=10) as producer:
        await producer.send({(topic.name, 0): [_message(b"last")]})
    assert b"second" not in [message.key for message in await read_all(kafka.bootstrap, topic)]


async def test_of_producers_of_one_name_only_the_last_to_be_opened_can_write_behind_its_own_messages(
    kafka: KafkaServer,
) -> None:
    topic = own_topic("named", partitions=2)
    await make_topics(kafka.bootstrap, [topic])
    async with (
        open_producer(kafka.bootstrap, timeout_seconds=10, name=topic.name) as first,
        open_producer(kafka.bootstrap, timeout_seconds=10, name=topic.name) as last,
    ):
        await first.send({(topic.name, n): [_message(b"first")] for n in range(2)})
        await last.send({(topic.name, 0): [_message(b"last")]})
        # Where the last has not written yet, what comes late lies before what it will write.
        await first.send({(topic.name, 1): [_message(b"late")]})
        with pytest.raises(Away):
            await first.send({(topic.name, 0): [_message(b"late")]})
    found = {(m.partition, m.key) for m in await read_all(kafka.bootstrap, topic)}
    assert found == {(0, b"first"), (0, b"last"), (1, b"first"), (1, b"late")}
