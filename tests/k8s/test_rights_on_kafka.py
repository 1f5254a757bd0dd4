"""On a real broker over TLS, each service's KafkaUser may do what the service does, and nothing of anybody else's."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.k8s.generate import SERVICES
from libs.common.kafka import (
    Address,
    Away,
    Message,
    check_topics,
    identify,
    make_topics,
    open_consumer,
    open_producer,
)
from libs.contracts.topics import TOPICS, Topic
from tests.k8s.kustomize import render
from tests.k8s.model import find
from tests.support.kafka import own_topic
from tests.support.secure_kafka import Right, SecureKafka, open_secure_kafka

OWNERS = sorted({topic.owner for topic in TOPICS})


@pytest_asyncio.fixture(scope="module")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureKafka]:
    users = {each["metadata"]["name"]: each["spec"] for each in find(render("province"), "KafkaUser")}
    assert set(users) == {f"kafka-{service}" for service in SERVICES}
    async with open_secure_kafka(tmp_path_factory.mktemp("rights"), sorted(users)) as secure:
        await make_topics(secure.server.bootstrap, TOPICS)
        for name, spec in users.items():
            assert spec["authentication"] == {"type": "tls"}
            await secure.grant(
                f"CN={name}",
                [
                    Right(acl["resource"]["type"], acl["resource"]["name"], operation, acl["resource"]["patternType"])
                    for acl in spec["authorization"]["acls"]
                    for operation in acl["operations"]
                ],
            )
        for owner in OWNERS:
            await _relay(secure.by_certificate[f"kafka-{owner}"], owner, [t for t in TOPICS if t.owner == owner])
        yield secure


async def _relay(address: Address, owner: str, topics: list[Topic]) -> None:
    """Do what a relay does: see that its topics are there, and send to each as the only one of its name."""
    await check_topics(address, topics)
    await _send(address, topics, f"relay {owner}")


async def _send(address: Address, topics: list[Topic], name: str | None) -> None:
    message = Message(b"key", b"value", [], int(time.time() * 1000))
    async with open_producer(address, timeout_seconds=10, name=name) as producer:
        await producer.send({(topic.name, n): [message] for topic in topics for n in range(topic.partitions)})


async def _follow(address: Address, topic: Topic) -> None:
    """Do what consumers and replicas do: read from the beginning."""
    async with open_consumer(address, [topic]) as consumer:
        assert min((await consumer.ends()).values()) > 0
        while not await consumer.poll(wait_seconds=0.2, limit=10):
            pass


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_what_it_is_a_reader_of_and_nothing_else(kafka: SecureKafka, service: str) -> None:
    address = kafka.by_certificate[f"kafka-{service}"]
    for topic in TOPICS:
        if service in topic.readers:
            await _follow(address, topic)
        elif topic.owner == service:
            with pytest.raises(Away, match="TopicAuthorizationFailed"):
                await _follow(address, topic)
        else:  # It is there, and this user cannot even see it.
            with pytest.raises(Away, match=topic.name):
                await identify(address, [topic.name])


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_send_what_is_anothers_to_send(kafka: SecureKafka, service: str) -> None:
    address = kafka.by_certificate[f"kafka-{service}"]
    for owner in OWNERS:
        if owner != service:
            with pytest.raises(Away, match="TransactionalIdAuthorizationFailed"):
                await _send(address, [], f"relay {owner}")
    for topic in TOPICS:
        if topic.owner != service:
            with pytest.raises(Away, match=r"(Topic|Cluster)AuthorizationFailed"):  # The latter: may write nowhere.
                await _send(address, [topic], None)


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_but_strimzi_makes_topics(kafka: SecureKafka, service: str) -> None:
    with pytest.raises(Away, match="TopicAuthorizationFailed"):
        await make_topics(kafka.by_certificate[f"kafka-{service}"], [own_topic("new")])
