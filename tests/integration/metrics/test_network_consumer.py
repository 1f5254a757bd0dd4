"""The network's topics on a real Kafka, read again from the beginning into an empty database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common.consume import Meters, run_consumer
from libs.common.db import transaction
from libs.common.events import position_message
from libs.common.inbox import reached
from libs.common.kafka import Message, make_topics, open_producer
from libs.common.log import Position
from libs.contracts.model import Contract
from libs.contracts.topics import type_of
from services.metrics.consumer import handle_network
from tests.support.kafka import OwnTopic, own_topic
from tests.support.metrics import OTHER_WARD, WARD, a_picture
from tests.support.networks import Network, a_member, a_team, denominator, open_network
from tests.support.postgres import MakeDatabase

END = Position(1, 950, 1)


def a_message(state: Contract) -> Message:
    """Give it a key of its own and a date of today, or Kafka would compact all but the last away."""
    headers = [("ce_type", type_of(type(state)).encode())]
    value = state.model_dump_json(by_alias=True).encode()
    return Message(uuid4().bytes, value, headers, time.time_ns() // 1_000_000)


async def produce(kafka: KafkaServer, told: dict[OwnTopic, list[Contract]]) -> None:
    await make_topics(kafka.bootstrap, list(told))
    messages = {
        (topic.name, 0): [*map(a_message, states), position_message("registry", END, caught_up=True)]
        for topic, states in told.items()
    }
    async with open_producer(kafka.bootstrap, timeout_seconds=10) as producer:
        await producer.send(messages)


@asynccontextmanager
async def consuming(kafka: KafkaServer, topics: list[OwnTopic], network: Network) -> AsyncIterator[None]:
    running = asyncio.ensure_future(
        run_consumer(
            network.metrics.engine,
            kafka.bootstrap,
            topics,
            handle_network,
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


async def answers(network: Network, topics: list[OwnTopic]) -> list[Any]:
    async with asyncio.timeout(30):
        while True:
            async with transaction(network.metrics.engine, readonly=True) as connection:
                position = await reached(connection, *(topic.name for topic in topics))
            if position is not None and position >= END:
                break
            await asyncio.sleep(0.02)
    told = [
        await network.get(f"on={day}&group_by=unit:commune&indicators=NET-01,NET-02,NET-06")
        for day in ("2023-06-01", "2024-06-01")
    ]
    return [(answer["rows"], answer["total"]) for answer in told]


async def test_the_topics_read_again_into_an_empty_database_give_the_same_network(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    told: dict[OwnTopic, list[Contract]] = {
        own_topic("members", 1): [
            a_member(str(n), str(n % 40), {"team": str(n % 7), "joined_on": date(2024, 1, 1)}, revision=revision)
            for n in range(3000)
            for revision in ([1, 2] if n % 9 == 0 else [1])
        ],
        own_topic("teams", 1): [a_team(str(n), WARD if n % 3 else OTHER_WARD) for n in range(40)],
        own_topic("denominators", 1): [denominator("d", WARD, "population_total", date(2022, 1, 1), 1000)],
    }
    await produce(kafka, told)
    topics, found = list(told), []
    for _ in range(2):
        async with open_network(await make_database("metrics"), a_picture()) as network:
            async with consuming(kafka, topics, network):
                await asyncio.sleep(0.2)
            async with consuming(kafka, topics, network):
                found.append(await answers(network, topics))
    assert found[0] == found[1]
    assert [total["figures"]["NET-02"]["value"] for _, total in found[0]] == [3000, 3000]
