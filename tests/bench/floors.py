"""The floors: each is the least work that any implementation has to do, in a few lines."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date

import asyncpg
from aiokafka import AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import Connection
from libs.common.kafka import BATCH_BYTES, Message, TopicSpec, make_topics, open_consumer, open_producer

__all__ = ["bare_route", "copy_binary", "count_distinct", "produce_consume", "send_batches"]


async def send_batches(bootstrap: str, topic: str, queues: Mapping[int, Sequence[Message]]) -> float:
    """Give the seconds from the first to the last acknowledgement of ready messages, by partition.

    The client's own batches, as large as the broker takes, appended to by its C code, one in flight a partition and
    the next one being filled: a relay sends these bytes too, and has to find and make them first.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=4 * BATCH_BYTES,
        linger_ms=0,
    )

    async def send(partition: int, messages: Sequence[Message]) -> None:
        acknowledged = []
        batch = producer.create_batch()
        for message in messages:
            row = {"timestamp": message.timestamp_ms, "key": message.key, "value": message.value}
            if batch.append(**row, headers=message.headers) is None:
                acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(**row, headers=message.headers)
        acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acknowledged)

    await producer.start()
    try:
        begun = time.perf_counter()
        await asyncio.gather(*(send(partition, messages) for partition, messages in queues.items()))
        return time.perf_counter() - begun
    finally:
        await producer.stop()


def bare_route(answers: Mapping[str, bytes]) -> Starlette:
    """Make an application that gives ready bytes by address, and 304 to whoever has them.

    No token, no look at the data, nobody behind it: an answer of the same framework and server cannot cost less.
    """

    async def read(request: Request) -> Response:
        target = f"{request.scope['path']}?{request.scope['query_string'].decode()}"
        headers = {"etag": '"bare"'}
        if request.headers.get("if-none-match") == '"bare"':
            return Response(None, 304, headers)
        return Response(answers[target], 200, headers, "application/json")

    async def ready(_: Request) -> Response:
        return Response()

    return Starlette(routes=[Route("/v1/metrics", read), Route("/health/ready", ready)])


async def produce_consume(
    bootstrap: str, topic: TopicSpec, *, count: int = 60, every_seconds: float = 0.05
) -> list[float]:
    """Give the seconds from handing 50 messages of 1 kB to the client until a waiting consumer has the last.

    Two hops over the same broker with nothing to look up, to write or to decide: no chain over Kafka is quicker.
    """
    took = []
    await make_topics(bootstrap, [topic])
    messages = [Message(b"key", b"x" * 1000, [], 0)] * 50
    async with open_consumer(bootstrap, [topic]) as consumer, open_producer(bootstrap, timeout_seconds=5) as producer:
        for _ in range(count):
            begun, left = time.perf_counter(), len(messages)
            sending = asyncio.ensure_future(producer.send({(topic.name, 0): messages}))
            while left > 0:
                left -= sum(map(len, (await consumer.poll(wait_seconds=1, limit=1000)).values()))
            took.append(time.perf_counter() - begun)
            await sending
            await asyncio.sleep(every_seconds)
    return took


async def copy_binary(
    connections: Sequence[Connection], table: str, columns: Sequence[str], parts: Sequence[bytes]
) -> None:
    """Copy rows that are in PostgreSQL's binary form already, one COPY and one commit for each connection.

    Nothing is parsed, checked or compared, no statement is planned, no row is answered for: the table, its indexes and
    one flush of the log are all that is left, and whatever stores these rows has to do that.
    """

    async def copy(connection: Connection, part: bytes) -> None:
        async def whole() -> AsyncIterator[bytes]:
            yield part

        await connection.copy_to_table(table, source=whole(), format="binary", columns=list(columns))

    await asyncio.gather(*(copy(connection, part) for connection, part in zip(connections, parts, strict=True)))


async def count_distinct(connection: Connection, first: date, last: date) -> tuple[float, list[asyncpg.Record]]:
    """Give the seconds and the rows of a province's months and measures, by the plain SQL that one would write first.

    Not a floor but a peer: lượt and people straight from the live facts of teams, in memory enough to sort.
    """
    await connection.execute("SET work_mem = '256MB'")
    begun = time.perf_counter()
    rows = await connection.fetch(
        """SELECT code AS measure, to_char(day, 'YYYY-MM') AS month, sum(quantity)::bigint AS luot,
               count(DISTINCT person) AS nguoi
           FROM facts JOIN codes ON number = measure
           WHERE fold_out IS NULL AND reporter_kind = 0 AND day BETWEEN $1 AND $2
           GROUP BY code, month""",
        first,
        last,
    )
    return time.perf_counter() - begun, rows
