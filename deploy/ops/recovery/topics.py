"""The topics of an owner: how far its log was told in them, and emptied by being made anew."""

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from libs.common.kafka import Address, Away, open_consumer
from libs.common.kafka_access import client_options
from libs.common.log import Position
from libs.contracts.topics import TOPICS, Topic

__all__ = ["delete_topics", "newest_epoch", "present", "topics_of"]

TAIL = 1000
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.2


def topics_of(owner: str) -> list[Topic]:
    """Give the topics that only one service writes to."""
    return [topic for topic in TOPICS if topic.owner == owner]


async def _admin(address: Address) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(**client_options(address), request_timeout_ms=10_000)
    try:
        await asyncio.wait_for(admin.start(), 15)
    except (KafkaError, OSError, TimeoutError) as error:
        await admin.close()
        raise Away(str(error) or type(error).__name__) from error
    return admin


async def present(address: Address, topics: Sequence[Topic]) -> list[Topic]:
    """Give those topics that the cluster has; raises Away."""
    admin = await _admin(address)
    try:
        names = set(await admin.list_topics())
    except (KafkaError, OSError) as error:
        raise Away(str(error) or type(error).__name__) from error
    finally:
        await admin.close()
    return [topic for topic in topics if topic.name in names]


async def newest_epoch(address: Address, topics: Sequence[Topic]) -> int:
    """Give the highest epoch that the ends of some topics tell of, 0 without any; raises Away.

    The relay tells every partition how far it has come, last of all: a place in the newest epoch that it sent.
    """
    newest = 0
    if not topics:
        return newest
    async with open_consumer(address, topics) as consumer:
        ends = await consumer.ends()
        left = {place for place, end in ends.items() if end > 0}
        for topic, partition in left:
            consumer.seek(topic, partition, max(0, ends[topic, partition] - TAIL))
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        while left:
            for place, messages in (await consumer.poll(wait_seconds=0.5, limit=5000)).items():
                told = [m.headers["ce_sequence"] for m in messages if "ce_sequence" in m.headers]
                newest = max([newest, *(Position.parse(text).epoch for text in told)])
                if messages[-1].offset + 1 >= ends[place]:
                    left.discard(place)
            if asyncio.get_running_loop().time() > deadline:
                raise Away(f"the ends of {sorted(left)} did not come in {TIMEOUT_SECONDS:.0f} s")
    return newest


async def delete_topics(address: Address, topics: Sequence[Topic]) -> None:
    """Delete topics and wait until they are gone; their relay makes them again, with other ids. Raises Away."""
    admin = await _admin(address)
    names = {topic.name for topic in topics}
    try:
        answer = await admin.delete_topics(sorted(names))
        for name, code, *_ in answer.topic_error_codes:
            error = for_code(code)
            if code and error is not UnknownTopicOrPartitionError:
                raise Away(f"{name}: {error.__name__}")
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        while left := names & set(await admin.list_topics()):
            if asyncio.get_running_loop().time() > deadline:
                raise Away(f"still there after {TIMEOUT_SECONDS:.0f} s: {', '.join(sorted(left))}")
            await asyncio.sleep(POLL_SECONDS)
    except (KafkaError, OSError) as error:
        raise Away(str(error) or type(error).__name__) from error
    finally:
        await admin.close()
