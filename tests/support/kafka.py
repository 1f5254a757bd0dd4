"""A real Kafka for the session; tests keep apart by topics of their own."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from deploy.local.kafka import KafkaServer, open_kafka
from libs.common.kafka import Incoming, TopicSpec, open_consumer
from tests.support.quick_kafka import ensure_quick_start

__all__ = ["OwnTopic", "kafka", "lose_everything", "own_topic", "read_all"]

CACHE = Path(__file__).parents[2] / ".local" / "cache"


@dataclass(frozen=True)
class OwnTopic:
    """A topic of one test's own."""

    name: str
    partitions: int = 1

    def config(self) -> dict[str, str]:
        """Give the broker's settings."""
        return {"cleanup.policy": "compact"}


def own_topic(name: str, partitions: int = 1) -> OwnTopic:
    """Declare a topic that nobody else uses."""
    return OwnTopic(f"{name}.{uuid.uuid4().hex[:8]}", partitions)


@pytest_asyncio.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    """A broker of this session's own."""
    await ensure_quick_start(CACHE)
    async with open_kafka(tmp_path_factory.mktemp("kafka") / "data", CACHE, say=lambda _: None) as server:
        yield server


async def read_all(bootstrap: str, topic: OwnTopic) -> list[Incoming]:
    """Give every message that is in a topic now, in order within each partition."""
    found: list[Incoming] = []
    async with open_consumer(bootstrap, [topic]) as consumer:
        left = {place for place, end in (await consumer.ends()).items() if end > 0}
        ends = await consumer.ends()
        while left:
            for place, messages in (await consumer.poll(wait_seconds=0.5, limit=5000)).items():
                found += messages
                if messages[-1].offset + 1 >= ends[place]:
                    left.discard(place)
    return found


async def lose_everything(bootstrap: str, topic: TopicSpec) -> None:
    """Have the broker forget every message that a topic holds now."""
    async with open_consumer(bootstrap, [topic]) as consumer:
        ends = await consumer.ends()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        # A topic that is compacted lets nobody delete.
        policy = {"cleanup.policy": "delete"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, policy)])
        await admin.delete_records({TopicPartition(*place): RecordsToDelete(end) for place, end in ends.items()})
    finally:
        await admin.close()
