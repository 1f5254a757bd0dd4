"""What a producer does with messages whose sending failed."""

import asyncio
import os
import signal

import pytest

from deploy.local.kafka import KafkaServer
from libs.common.kafka import Away, Message, make_topics, open_producer
from tests.support.kafka import OwnTopic, own_topic, read_all


def _message(key: bytes, size: int = 10) -> Message:
    return Message(key, b"x" * size, [], 1)


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
