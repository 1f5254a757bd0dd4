"""Cancellation at any moment leaves no transaction behind for whoever takes the connection next."""

import asyncio

import pytest

from deploy.local.kafka import KafkaServer
from libs.common.db import Engine, Unavailable, open_engine, transaction
from libs.common.kafka import open_consumer
from tests.support.kafka import own_topic
from tests.support.postgres import MakeDatabase


async def _read(engine: Engine) -> None:
    while True:
        async with transaction(engine, readonly=True) as connection:
            await connection.fetch("SELECT generate_series(1, 20)")


async def test_the_next_transaction_never_runs_inside_a_cancelled_one(make_database: MakeDatabase) -> None:
    async with open_engine(await make_database(""), application_name="test", pool_size=1) as engine:
        async with transaction(engine) as connection:
            await connection.execute("CREATE TABLE written (n integer)")
        for n in range(150):
            reading = asyncio.ensure_future(_read(engine))
            await asyncio.sleep(0.002 + n % 40 * 0.0001)
            reading.cancel()
            await asyncio.wait([reading])
            async with transaction(engine) as connection:
                await connection.execute("INSERT INTO written VALUES ($1)", n)
        async with transaction(engine, readonly=True) as connection:
            assert await connection.fetchval("SELECT count(*) FROM written") == 150


async def test_what_the_driver_gives_up_by_itself_is_unavailable_and_not_a_cancellation(
    make_database: MakeDatabase,
) -> None:
    async with open_engine(await make_database(""), application_name="test", pool_size=1) as engine:
        with pytest.raises(Unavailable):
            async with transaction(engine):
                # As asyncpg does where a connection ends in the middle of a COPY: nobody cancelled this task.
                raise asyncio.CancelledError
        async with transaction(engine, readonly=True) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_task_that_is_cancelled_within_a_transaction_is_cancelled(make_database: MakeDatabase) -> None:
    async with open_engine(await make_database(""), application_name="test", pool_size=1) as engine:
        inside = asyncio.Event()

        async def wait() -> None:
            async with transaction(engine):
                inside.set()
                await asyncio.Event().wait()

        waiting = asyncio.ensure_future(wait())
        await inside.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()


async def test_a_consumer_is_closed_whole_while_it_waits_to_ask_an_absent_broker_again(kafka: KafkaServer) -> None:
    clients = []

    async def read() -> None:
        async with open_consumer(kafka.bootstrap, [own_topic("cancelled")]) as opened:
            clients.append(opened._consumer._client)
            # As it stands after a fetch that failed: cancelled in its pause, it ends cancelled.
            opened._consumer._fetcher._pending_tasks.add(asyncio.ensure_future(asyncio.sleep(60)))
            raise ConnectionResetError("what the reader had to say")

    with pytest.raises(ConnectionResetError, match="what the reader had to say"):
        await read()
    assert [client._sync_task for client in clients] == [None]
