"""The metrics service as real processes over a copy of a world, on a Kafka that knows what the registry would tell."""

import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.ports import free_port
from deploy.local.supervisor import Service, Supervisor, open_supervisor
from libs.common.kafka import identify, make_topics, open_producer
from libs.contracts.topics import RECORDS, Topic
from services.metrics import __main__ as metrics
from services.metrics import wiring
from tests.bench.world.draws import Told
from tests.bench.world.land import Registry
from tests.bench.world.load import by_partition, messages_of

__all__ = ["CONSUMER", "Stage", "open_stage"]

CONSUMER, API = "metrics-consumer", "metrics-api"
SENT_AT_ONCE = 5000


@dataclass(frozen=True)
class Stage:
    """Kafka, and how to start processes beside it."""

    kafka: KafkaServer
    registry: Registry
    log_dir: Path

    @asynccontextmanager
    async def processes(self) -> AsyncIterator[Supervisor]:
        """Give what starts processes, and stops them at the end."""
        async with open_supervisor(self.log_dir) as supervisor:
            yield supervisor

    def consumer(self, url: str, topic: Topic = RECORDS) -> Service:
        """Declare the real consumer; with another topic than the contract's, that is all that is changed of it."""
        words = ["-m", "services.metrics", "consumer"]
        if topic != RECORDS:
            words = ["-m", "tests.bench.world.processes", topic.name, str(topic.partitions)]
        port = free_port()
        return Service(CONSUMER, words, port, {**self._environment(url), "METRICS_CONSUMER_PORT": str(port)})

    def api(self, url: str, name: str = API) -> Service:
        """Declare the real API."""
        port = free_port()
        return Service(
            name, ["-m", "services.metrics", "api"], port, {**self._environment(url), "METRICS_PORT": str(port)}
        )

    def _environment(self, url: str) -> Mapping[str, str]:
        return {"DATABASE_URL_METRICS": url, "KAFKA_BOOTSTRAP": self.kafka.bootstrap, "LOG_LEVEL": "warning"}

    async def fill(self, arrived: Sequence[Told], topic: Topic = RECORDS) -> dict[int, int]:
        """Send what has arrived to a topic, which is made; gives the offset behind the last message by partition."""
        await make_topics(self.kafka.bootstrap, [topic])
        await identify(self.kafka.bootstrap, [topic.name])
        parted = [messages_of(each) for each in by_partition(arrived, topic.partitions)]
        async with open_producer(self.kafka.bootstrap, timeout_seconds=60) as producer:
            for at in range(0, max(map(len, parted)), SENT_AT_ONCE):
                await producer.send({(topic.name, n): each[at : at + SENT_AT_ONCE] for n, each in enumerate(parted)})
        return {n: len(each) for n, each in enumerate(parted)}


@asynccontextmanager
async def open_stage(folder: Path, cache: Path) -> AsyncIterator[Stage]:
    """Open a Kafka of its own in a folder that is emptied first: what others do with the same topics is kept apart."""
    shutil.rmtree(folder, ignore_errors=True)
    async with open_kafka(folder / "kafka", cache, say=lambda _: None) as kafka:
        registry = Registry()
        await registry.tell(kafka.bootstrap)
        yield Stage(kafka, registry, folder / "log")


def main(name: str, partitions: str) -> int:
    """Run the consumer with another topic's declaration."""
    with patch.object(wiring, "RECORDS", replace(RECORDS, name=name, partitions=int(partitions))):
        return metrics.main(["consumer"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
