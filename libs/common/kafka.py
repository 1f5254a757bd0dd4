"""Kafka behind a thin port: identify, make topics, produce batches, consume by manual assignment."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.partitioner import murmur2

from libs.common.kafka_access import Address, client_options
from libs.common.kafka_identity import METADATA_V12

__all__ = [
    "Address",
    "Away",
    "Batch",
    "Consumer",
    "Headers",
    "Incoming",
    "Message",
    "NoSuchTopic",
    "Producer",
    "TopicSpec",
    "check_topics",
    "identify",
    "make_topics",
    "open_consumer",
    "open_producer",
    "partition_of",
]

BATCH_BYTES = 900_000  # Below the broker's message.max.bytes of 1 MiB, so that a full batch is never refused.


class Away(Exception):
    """Kafka cannot be reached or did not answer in time; what was under way has an unknown outcome."""


class NoSuchTopic(Away):
    """Kafka answers and does not know a topic."""


class TopicSpec(Protocol):
    """What is asked of a topic's declaration."""

    @property
    def name(self) -> str:
        """The topic's name."""

    @property
    def partitions(self) -> int:
        """Fixed for the topic's life."""

    def config(self) -> dict[str, str]:
        """Give the broker's settings."""


class Message(NamedTuple):
    """A message to send; `timestamp_ms` is milliseconds since 1970."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp_ms: int


class Batch(NamedTuple):
    """Messages of one partition in the broker's form; made by `Producer.pack`, good for one sending."""

    topic: str
    partition: int
    builder: Any


class Headers(Mapping[str, str]):
    """A message's headers as they came; few are ever read, so each is decoded only then."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Sequence[tuple[str, bytes]]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        for key, value in self._raw:
            if key == name:
                return value.decode(errors="replace")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._raw))

    def __len__(self) -> int:
        return len(dict(self._raw))


class Incoming(NamedTuple):
    """A message as it came; `type` is its CloudEvents type, empty if it has none."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Mapping[str, str]
    timestamp_ms: int

    @property
    def type(self) -> str:
        return self.headers.get("ce_type", "")


@lru_cache(maxsize=65536)
def partition_of(key: bytes, partitions: int) -> int:
    """Choose a partition as Kafka's default partitioner does."""
    return cast(int, (murmur2(key) & 0x7FFFFFFF) % partitions)


async def _start(client: Any, seconds: float) -> None:
    try:
        await asyncio.wait_for(client.start(), seconds)
    except (KafkaError, OSError, TimeoutError) as error:
        await _stop(client)
        raise Away(str(error) or type(error).__name__) from error


async def _stop(client: Any, seconds: float = 5) -> None:
    # aiokafka's stop can hang for ever when the brokers are gone (its issue 659).
    try:
        await asyncio.wait_for(client.stop() if hasattr(client, "stop") else client.close(), seconds)
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        # Nobody cancelled this: aiokafka awaits a fetch that it has cancelled itself, where that was waiting to ask an
        # absent broker again. It has then not come to closing what it holds.
        if (inner := getattr(client, "_client", None)) is not None:
            await _stop(inner, seconds)
    except (KafkaError, OSError, TimeoutError):
        return


async def make_topics(address: Address, topics: Sequence[TopicSpec], *, replication: int = 1) -> None:
    """Make the topics that are missing; raises ValueError where one has other partitions than declared."""
    async with _open_admin(address) as admin:
        wanted = [NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.config()) for topic in topics]
        answer = await admin.create_topics(wanted)
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(name)
        await _compare(admin, topics)


async def check_topics(address: Address, topics: Sequence[TopicSpec]) -> None:
    """See that the topics, which somebody else makes, are as declared.

    Raises Away for one that is not there yet, ValueError where one has other partitions than declared.
    """
    async with _open_admin(address) as admin:
        if missing := await _compare(admin, topics):
            raise Away(f"no such topic, and KAFKA_MAKE_TOPICS is false: {', '.join(missing)}")


@asynccontextmanager
async def _open_admin(address: Address) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(address), request_timeout_ms=10_000)
    await _start(admin, 15)
    try:
        yield admin
    except (KafkaError, OSError) as error:
        raise Away(str(error) or type(error).__name__) from error
    finally:
        await _stop(admin)


async def _compare(admin: AIOKafkaAdminClient, topics: Sequence[TopicSpec]) -> list[str]:
    """Give the names of those that are not known; raises ValueError where one has other partitions than declared."""
    described = {row["topic"]: row for row in await admin.describe_topics([topic.name for topic in topics])}
    missing = []
    for topic in topics:
        found = len(described[topic.name]["partitions"])
        if not found:
            missing.append(topic.name)
        elif found != topic.partitions:
            raise ValueError(f"{topic.name} has {found} partitions, {topic.partitions} are declared")
    return missing


async def identify(address: Address, topics: Sequence[str]) -> str:
    """Name the cluster and the topics by their ids: positions are valid only for this very place.

    Raises Away when Kafka does not answer, NoSuchTopic when it does not know one, which may only just have been made.
    """
    client = AIOKafkaClient(**client_options(address), request_timeout_ms=5_000)
    try:
        await asyncio.wait_for(client.bootstrap(), 10)
        answer = await client.send(client.get_random_node(), METADATA_V12(topics))
        ids = {row[1]: row[2] for row in answer.topics if row[0] == 0}
        if missing := set(topics) - ids.keys():
            raise NoSuchTopic(f"no such topic: {', '.join(sorted(missing))}")
        return "/".join([answer.cluster_id, *(ids[name].hex() for name in sorted(topics))])
    except (KafkaError, OSError, TimeoutError) as error:
        raise Away(str(error) or type(error).__name__) from error
    finally:
        await _stop(client)


class Producer:
    """Sends batches; after any error it is to be dropped, for aiokafka's idempotent one may be stuck."""

    def __init__(self, producer: AIOKafkaProducer, timeout_seconds: float) -> None:
        self._producer = producer
        self._timeout_seconds = timeout_seconds

    def pack(self, messages: Mapping[tuple[str, int], Sequence[Message]]) -> list[Batch]:
        """Make batches in order per partition, which costs more than sending them; raises ValueError for a giant."""
        batches = []
        for (topic, partition), queue in messages.items():
            builder = self._producer.create_batch()
            for message in queue:
                if self._append(builder, message):
                    continue
                batches.append(Batch(topic, partition, builder))
                builder = self._producer.create_batch()
                if not self._append(builder, message):
                    raise ValueError(f"a message of {len(message.value)} bytes is larger than a batch may be")
            batches.append(Batch(topic, partition, builder))
        return batches

    async def send(self, messages: Mapping[tuple[str, int], Sequence[Message]]) -> None:
        """Pack and deliver."""
        await self.deliver(self.pack(messages))

    async def deliver(self, batches: Sequence[Batch]) -> None:
        """Send all, in order per partition, and wait until every one is acknowledged.

        Raises Away on any error or when the time is over; the outcome is then unknown.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                futures = [
                    await self._producer.send_batch(batch.builder, batch.topic, partition=batch.partition)
                    for batch in batches
                ]
                await asyncio.gather(*futures)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error

    @staticmethod
    def _append(builder: Any, message: Message) -> bool:
        key, value, headers, timestamp_ms = message
        return builder.append(key=key, value=value, timestamp=timestamp_ms, headers=headers) is not None


@asynccontextmanager
async def open_producer(
    address: Address, *, timeout_seconds: float, name: str | None = None
) -> AsyncIterator[Producer]:
    """Open an idempotent producer that waits for all replicas; raises Away.

    Where one of a `name` has written to a partition, Kafka refuses there what those opened before it still send: it
    is Away to them. It forgets who wrote to a partition a day after the newest timestamp of the last batch, and a
    name a week after it was last opened.
    """
    producer = AIOKafkaProducer(
        **client_options(address),
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=4 * BATCH_BYTES,
        request_timeout_ms=int(timeout_seconds * 1000),
        linger_ms=0,
        transactional_id=name,
    )
    await _start(producer, 15)
    # Kafka has now counted the name's epoch up, and compares epochs in every batch, whether or not it is part of a
    # transaction. None is ever begun: it would cost two more requests and a marker in each partition for every page.
    producer._txn_manager.transactional_id = None
    try:
        yield Producer(producer, timeout_seconds)
    except BaseException:
        # Its stop would first send what is left, by now perhaps behind the newer states of another leader.
        producer._sender.sender_task.cancel()
        raise
    finally:
        await _stop(producer)


class Consumer:
    """Reads all partitions of some topics from given offsets, without a consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions

    @property
    def partitions(self) -> Sequence[tuple[str, int]]:
        """Every (topic, partition) read."""
        return [(p.topic, p.partition) for p in self._partitions]

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from an offset."""
        self._consumer.seek(TopicPartition(topic, partition), offset)

    async def ends(self) -> dict[tuple[str, int], int]:
        """Give the offset behind the last message of each partition; raises Away."""
        try:
            ends = await asyncio.wait_for(self._consumer.end_offsets(list(self._partitions)), 15)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error
        return {(p.topic, p.partition): end for p, end in ends.items()}

    async def seek_to_time(self, at_ms: int) -> dict[tuple[str, int], int]:
        """Go on, in each partition, from its first message of a moment or later; gives the offsets, raises Away."""
        try:
            ends = await asyncio.wait_for(self._consumer.end_offsets(list(self._partitions)), 15)
            asked = dict.fromkeys(self._partitions, at_ms)
            found = await asyncio.wait_for(self._consumer.offsets_for_times(asked), 15)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error
        offsets = {p: found[p].offset if found.get(p) is not None else end for p, end in ends.items()}
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)
        return {(p.topic, p.partition): offset for p, offset in offsets.items()}

    def behind(self, topic: str, partition: int, offset: int) -> int:
        """Count the messages known to lie at or behind an offset, 0 while nothing is known."""
        return max(0, (self._consumer.highwater(TopicPartition(topic, partition)) or 0) - offset)

    async def poll(self, *, wait_seconds: float, limit: int) -> dict[tuple[str, int], list[Incoming]]:
        """Give what has come, in order per partition; raises Away."""
        try:
            came = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=limit)
        except (KafkaError, OSError) as error:
            raise Away(str(error) or type(error).__name__) from error
        return {
            (partition.topic, partition.partition): [_incoming(record) for record in records]
            for partition, records in came.items()
        }


def _incoming(record: Any) -> Incoming:
    return Incoming(
        record.topic,
        record.partition,
        record.offset,
        record.key or b"",
        record.value or b"",
        Headers(record.headers),
        record.timestamp,
    )


@asynccontextmanager
async def open_consumer(
    address: Address, topics: Sequence[TopicSpec], places: Set[tuple[str, int]] | None = None
) -> AsyncIterator[Consumer]:
    """Open a consumer at the beginning of every partition of the topics, or of these places; raises Away."""
    consumer = AIOKafkaConsumer(
        **client_options(address),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # The broker answers as soon as there is anything: this only says how often nothing is said. Not longer, for a
        # partition whose messages were taken late is asked for again only once the question under way is answered.
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        request_timeout_ms=10_000,
        check_crcs=True,
    )
    await _start(consumer, 15)
    try:
        declared = [TopicPartition(topic.name, n) for topic in topics for n in range(topic.partitions)]
        partitions = [each for each in declared if places is None or (each.topic, each.partition) in places]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        yield Consumer(consumer, partitions)
    finally:
        await _stop(consumer)
