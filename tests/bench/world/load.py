"""Loading: a partition's year goes through the fold itself, in the transactions in which the consumer would fold it."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from uuid import UUID

from libs.common.consume import BATCH_MESSAGES
from libs.common.db import Engine, connect, open_engine, transaction
from libs.common.events import message_of
from libs.common.inbox import Move, move, resume
from libs.common.kafka import Incoming, Message, partition_of
from libs.common.log import Announced, Position
from libs.common.process import calm_collector
from services.metrics.consumer import handle
from tests.bench.world.draws import Told
from tests.bench.world.field import PARTITIONS, Field

__all__ = ["SOURCE", "batches", "begin", "by_partition", "fold", "load_partition", "messages_of"]


TOPIC = SOURCE = "world"  # Not that of the records: a consumer over a copy begins a topic of its own.
POSITION = Position(1, 1, 1)


def by_partition(arrived: Iterable[Told], partitions: int = PARTITIONS) -> list[list[Told]]:
    """Part what arrives as the relay does."""
    parted: list[list[Told]] = [[] for _ in range(partitions)]
    for told in arrived:
        parted[partition_of(told.reporter, partitions)].append(told)
    return parted


def batches(arriving: Iterable[Told]) -> Iterator[list[Told]]:
    """Cut into the batches of a consumer that has some catching up to do."""
    source = iter(arriving)
    while batch := list(islice(source, BATCH_MESSAGES)):
        yield batch


def messages_of(arrived: Sequence[Told]) -> list[Message]:
    """Make the messages that the relay would send."""
    return [
        message_of(
            Announced(
                record_id=UUID(told.record),
                revision=told.revision,
                edition=0,
                position=POSITION,
                type=told.type,
                partition_key=UUID(bytes=told.reporter),
                request_id="",
                appended_at=told.received.timestamp(),
                body=told.body,
            ),
            "visits",
        )
        for told in arrived
    ]


async def begin(url: str, partition: int) -> int:
    """Give how many messages of a partition have been folded."""
    place = (TOPIC, partition)
    connection = await connect(url, application_name="world")
    found = await resume(connection, SOURCE, {place: 2**62})
    await connection.close()
    return found[place]


async def fold(engine: Engine, partition: int, done: int, batch: Sequence[Told]) -> int:
    """Fold a batch in the transaction that moves the partition's offset, as the consumer does; gives the new offset."""
    place, following = (TOPIC, partition), done + len(batch)
    messages = [
        Incoming(*place, done + n, told.record.encode(), told.body, {"ce_type": told.type}, 0)
        for n, told in enumerate(batch)
    ]
    async with transaction(engine) as connection:
        await move(connection, {place: Move(done, following, POSITION)})
        handled = await handle(connection, messages)
    if handled.dead:
        raise ValueError(f"the world made a record that cannot be read: {handled.dead[0].reason}")
    return following


def load_partition(url: str, facts: int, partition: int) -> None:
    """Fold a partition's whole year, from where an earlier try came to; for a process of its own."""
    calm_collector()
    asyncio.run(_load(url, facts, partition))


async def _load(url: str, facts: int, partition: int) -> None:
    done = await begin(url, partition)
    year = chain.from_iterable(Field(facts).year(partition))
    async with open_engine(url, application_name="world", pool_size=1, transaction_timeout_seconds=60) as engine:
        for batch in batches(islice(year, done, None)):
            done = await fold(engine, partition, done, batch)
