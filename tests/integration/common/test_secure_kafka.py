"""Kafka over TLS: by certificate or by password; whoever may only read and write neither makes topics nor needs to."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from libs.common.kafka import (
    Address,
    Away,
    Message,
    TopicSpec,
    check_topics,
    identify,
    make_topics,
    open_consumer,
    open_producer,
)
from tests.support.certificates import Authority
from tests.support.kafka import OwnTopic, own_topic
from tests.support.secure_kafka import Right, SecureKafka, open_secure_kafka

NAME = "relay writer"


@pytest_asyncio.fixture(scope="module")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureKafka]:
    async with open_secure_kafka(tmp_path_factory.mktemp("secure"), ["writer", "reader"]) as kafka:
        yield kafka


async def _granted(secure: SecureKafka) -> OwnTopic:
    topic = own_topic("secure", partitions=2)
    await make_topics(secure.server.bootstrap, [topic])
    write = [Right("topic", topic.name, "Write"), Right("topic", topic.name, "Describe")]
    write += [Right("transactionalId", NAME, "Write"), Right("transactionalId", NAME, "Describe")]
    read = [Right("topic", topic.name, "Read"), Right("topic", topic.name, "Describe")]
    for form in ("CN=", ""):
        await secure.grant(f"{form}writer", write)
        await secure.grant(f"{form}reader", read)
    return topic


async def _send(address: Address, topic: OwnTopic) -> None:
    async with open_producer(address, timeout_seconds=10, name=NAME) as producer:
        message = Message(b"key", b"value", [], int(time.time() * 1000))
        await producer.send({(topic.name, n): [message] for n in range(topic.partitions)})


async def _read(address: Address, topic: TopicSpec) -> int:
    came = 0
    async with asyncio.timeout(20), open_consumer(address, [topic]) as consumer:
        while came < topic.partitions:
            came += sum(map(len, (await consumer.poll(wait_seconds=0.2, limit=10)).values()))
    return came


@pytest.mark.parametrize("form", ["by_certificate", "by_password"])
async def test_a_writer_and_a_reader_with_no_other_rights_do_all_that_relays_and_consumers_do(
    secure: SecureKafka, form: str
) -> None:
    topic, known = await _granted(secure), getattr(secure, form)
    await check_topics(known["writer"], [topic])
    assert await identify(known["writer"], [topic.name]) == await identify(secure.server.bootstrap, [topic.name])
    assert await identify(known["reader"], [topic.name]) == await identify(secure.server.bootstrap, [topic.name])
    await _send(known["writer"], topic)
    assert await _read(known["reader"], topic) == topic.partitions


@pytest.mark.parametrize("form", ["by_certificate", "by_password"])
async def test_a_reader_may_not_write_and_a_writer_may_not_read(secure: SecureKafka, form: str) -> None:
    topic, known = await _granted(secure), getattr(secure, form)
    with pytest.raises(Away, match="TransactionalIdAuthorizationFailed"):
        await _send(known["reader"], topic)
    await _send(known["writer"], topic)
    with pytest.raises(Away, match="TopicAuthorizationFailed"):
        await _read(known["writer"], topic)


async def test_a_writer_may_not_make_topics_and_waits_for_one_that_is_not_there(secure: SecureKafka) -> None:
    topic = own_topic("wanting")
    for right in ("Write", "Describe"):
        await secure.grant("CN=writer", [Right("topic", topic.name, right)])
    with pytest.raises(Away, match="TopicAuthorizationFailed"):
        await make_topics(secure.by_certificate["writer"], [topic])
    with pytest.raises(Away, match=topic.name):
        await check_topics(secure.by_certificate["writer"], [topic])
    await make_topics(secure.server.bootstrap, [topic])
    await check_topics(secure.by_certificate["writer"], [topic])
    with pytest.raises(ValueError, match="1 partitions, 3 are declared"):
        await check_topics(secure.by_certificate["writer"], [dataclasses.replace(topic, partitions=3)])


async def test_a_broker_that_nobody_known_vouches_for_is_away(secure: SecureKafka, tmp_path: Path) -> None:
    stranger = dataclasses.replace(secure.by_certificate["reader"], ca_file=Authority(tmp_path).file)
    with pytest.raises(Away):
        await identify(stranger, [])


async def test_a_client_without_a_certificate_or_with_a_wrong_password_is_turned_away(
    secure: SecureKafka, tmp_path: Path
) -> None:
    nameless = dataclasses.replace(secure.by_certificate["reader"], cert_file=None, key_file=None)
    with pytest.raises(Away):
        await identify(nameless, [])
    wrong = tmp_path / "password"
    wrong.write_text("something else\n")
    with pytest.raises(Away):
        await identify(dataclasses.replace(secure.by_password["reader"], password_file=wrong), [])
