"""The consumer on a real Kafka and PostgreSQL: read again from the beginning, it arrives at the same facts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common.consume import Meters, run_consumer
from libs.common.db import transaction
from libs.common.events import position_message
from libs.common.inbox import reached
from libs.common.kafka import Message, make_topics, open_producer
from libs.common.log import Position
from libs.contracts.records import RecordV1
from libs.contracts.topics import type_of
from services.metrics.consumer import handle
from tests.support.kafka import OwnTopic, own_topic
from tests.support.metrics import TEAMS, Metrics, a_line, a_record, open_metrics, person
from tests.support.postgres import MakeDatabase

END = Position(1, 50, 1)
SUMS = """
    SELECT day, reporter_id, sum(quantity)::int, sum(unknown)::int, count(*) FROM named_cells
    WHERE quantity > 0 GROUP BY 1, 2 ORDER BY 1, 2
"""


def a_message(record: RecordV1) -> Message:
    headers = [("ce_type", type_of(RecordV1).encode())]
    return Message(str(record.record_id).encode(), record.model_dump_json().encode(), headers, 0)


async def produce(kafka: KafkaServer, topic: OwnTopic, records: Sequence[RecordV1]) -> None:
    """Send records by their reporter's partition, and how far that is."""
    await make_topics(kafka.bootstrap, [topic])
    messages: dict[tuple[str, int], list[Message]] = {(topic.name, n): [] for n in range(topic.partitions)}
    for record in records:
        messages[topic.name, record.reporter.id.int % topic.partitions].append(a_message(record))
    for queue in messages.values():
        queue.append(position_message("visits", END, caught_up=True))
    async with open_producer(kafka.bootstrap, timeout_seconds=10) as producer:
        await producer.send(messages)


@asynccontextmanager
async def consuming(kafka: KafkaServer, topic: OwnTopic, metrics: Metrics) -> AsyncIterator[None]:
    running = asyncio.ensure_future(
        run_consumer(
            metrics.engine,
            kafka.bootstrap,
            [topic],
            handle,
            meters=Meters.on(CollectorRegistry()),
            stop=asyncio.Event(),
            beat=lambda: None,
        )
    )
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until_counted(metrics: Metrics, topic: OwnTopic) -> list[tuple[Any, ...]]:
    async with asyncio.timeout(30):
        while True:
            async with transaction(metrics.engine, readonly=True) as connection:
                position = await reached(connection, topic.name)
            if position is not None and position >= END:
                return await metrics.fetch(SUMS)
            await asyncio.sleep(0.02)


async def test_the_topic_read_again_into_an_empty_database_gives_the_same_numbers(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    topic = own_topic("records", 2)
    records = [
        a_record(
            number,
            *(a_line(line, person=person(phone=str(number % 50)) if line % 2 else None) for line in range(1, 4)),
            reporter=TEAMS[number % 3],
            day=f"2025-05-{number % 20 + 1:02}",
            revision=revision,
        )
        for number in range(1, 1500)
        for revision in ([1, 2] if number % 10 == 0 else [1])
    ]
    voids = [a_record(number, revision=3, reporter=TEAMS[number % 3]) for number in range(1, 1500, 7)]
    await produce(kafka, topic, [*records, *voids])
    found = []
    for _ in range(2):
        async with open_metrics(await make_database("metrics")) as metrics:
            async with consuming(kafka, topic, metrics):
                with suppress(TimeoutError):
                    await asyncio.wait_for(until_counted(metrics, topic), 0.3)
            async with consuming(kafka, topic, metrics):
                found.append(await until_counted(metrics, topic))
    voided = len(voids)
    assert sum(row[2] for row in found[0]) == 3 * (1499 - voided)
    assert found[0] == found[1]
