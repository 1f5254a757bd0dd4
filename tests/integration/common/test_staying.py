"""A cluster or a topic that was replaced under the same name is noticed, also by who has nothing to send or read."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common.kafka import Away, NoSuchTopic, identify, make_topics
from libs.common.relay import RelaySettings, run_relay
from libs.common.staying import staying
from tests.integration.system.conftest import until
from tests.support.kafka import OwnTopic, own_topic
from tests.support.postgres import MakeDatabase


async def _delete(kafka: KafkaServer, topic: OwnTopic) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.delete_topics([topic.name])
    await admin.close()


async def _gone(kafka: KafkaServer, topic: OwnTopic) -> bool:
    try:
        await identify(kafka.bootstrap, [topic.name])
    except NoSuchTopic:
        return True
    return False


async def test_a_topic_made_anew_under_the_same_name_is_another(kafka: KafkaServer) -> None:
    topic, beats = own_topic("staying"), 0

    def beat() -> None:
        nonlocal beats
        beats += 1

    await make_topics(kafka.bootstrap, [topic])
    identity = await identify(kafka.bootstrap, [topic.name])
    async with staying(kafka.bootstrap, [topic.name], identity, beat, look_seconds=0.05) as turn:
        turn()
        assert beats == 1
        await _delete(kafka, topic)

        async def noticed() -> bool:
            try:
                turn()
            except Away:
                return True
            return False

        await until(noticed, "that the topic is gone is noticed")


async def test_a_relay_with_nothing_to_send_makes_a_lost_topic_again_and_fills_it(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    url, topic, stop = await make_database("visits"), own_topic("idle"), asyncio.Event()
    relaying = asyncio.ensure_future(
        run_relay(
            url,
            kafka.bootstrap,
            owner="visits",
            routes={"test.v1": topic},
            settings=RelaySettings(),
            registry=CollectorRegistry(),
            stop=stop,
            beat=lambda: None,
        )
    )

    async def there() -> bool:
        return not await _gone(kafka, topic)

    try:
        await until(there, "the relay has made its topic")
        first = await identify(kafka.bootstrap, [topic.name])
        await _delete(kafka, topic)
        await until(lambda: _gone(kafka, topic), "it is gone")
        await until(there, "the idle relay makes it again")
        assert await identify(kafka.bootstrap, [topic.name]) != first
    finally:
        stop.set()
        await relaying


@pytest.mark.parametrize("address", ["127.0.0.1:1"])
async def test_kafka_being_away_says_nothing(address: str) -> None:
    async with staying(address, [], "somewhere", look_seconds=0.01) as turn:
        for _ in range(20):
            await asyncio.sleep(0)
            turn()
