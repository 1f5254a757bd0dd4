"""One leads; another waits its turn, and gets it when the first one's session ends, however it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import asyncpg
import pytest

from libs.common import leader
from libs.common.db import Connection, Unavailable, connect
from libs.common.leader import Leadership, NotLeading, lead
from tests.support.postgres import MakeDatabase


class _Replica:
    """Leads as soon as it can, until let go."""

    def __init__(self, url: str, name: str = "things") -> None:
        self.waits = asyncio.Event()
        self.stop = asyncio.Event()
        self.led: asyncio.Future[Leadership | None] = asyncio.get_running_loop().create_future()
        self.let_go = asyncio.Event()
        self._running = asyncio.ensure_future(self._lead(url, name))

    async def _lead(self, url: str, name: str) -> None:
        async with lead(url, name, lease_seconds=1, stop=self.stop, beat=self.waits.set) as leadership:
            self.led.set_result(leadership)
            if leadership is not None:
                await self.let_go.wait()

    async def until_led(self) -> Leadership | None:
        return await asyncio.wait_for(asyncio.shield(self.led), 10)

    async def end(self) -> None:
        self.let_go.set()
        await asyncio.wait_for(self._running, 10)


@asynccontextmanager
async def _two(make_database: MakeDatabase) -> AsyncIterator[tuple[str, Leadership, _Replica, _Replica]]:
    """The first leads, the second waits."""
    url = await make_database("")
    first = _Replica(url)
    leading = await first.until_led()
    assert leading is not None
    second = _Replica(url)
    await asyncio.wait_for(second.waits.wait(), 10)
    assert not second.led.done()
    yield url, leading, first, second
    await second.end()


async def test_a_second_one_waits_and_leads_when_the_first_one_lets_go(make_database: MakeDatabase) -> None:
    async with _two(make_database) as (_, _, first, second):
        await first.end()
        assert await second.until_led() is not None


async def test_a_second_one_leads_when_the_first_ones_session_is_ended_from_outside(
    make_database: MakeDatabase,
) -> None:
    async with _two(make_database) as (url, leading, first, second):
        outside = await connect(url, application_name="test")
        await outside.execute("SELECT pg_terminate_backend($1)", leading.connection.get_server_pid())
        await outside.close()
        assert await second.until_led() is not None
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await leading.connection.fetchval("SELECT 1")
        await first.end()


async def test_whoever_is_told_to_stop_while_waiting_does_not_lead(make_database: MakeDatabase) -> None:
    async with _two(make_database) as (_, _, first, second):
        second.stop.set()
        assert await second.until_led() is None
        await first.end()


async def test_two_names_have_a_leader_each(make_database: MakeDatabase) -> None:
    url = await make_database("")
    both = [_Replica(url, name) for name in ("things", "others")]
    for replica in both:
        assert await replica.until_led() is not None
        await replica.end()


async def _act_on_an_ended_session(url: str, outside: Connection) -> None:
    async with lead(url, "things", lease_seconds=1, stop=asyncio.Event(), beat=lambda: None) as leading:
        assert leading is not None
        await outside.execute("SELECT pg_terminate_backend($1)", leading.connection.get_server_pid())
        await leading.connection.fetchval("SELECT 1")


async def test_what_a_leader_does_on_its_ended_session_is_postgresql_being_away(make_database: MakeDatabase) -> None:
    url = await make_database("")
    outside = await connect(url, application_name="test")
    with pytest.raises(Unavailable):
        await _act_on_an_ended_session(url, outside)
    await outside.close()


async def test_the_right_to_act_ends_with_the_lease_unless_it_is_proven_anew(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(leader, "time", SimpleNamespace(monotonic=lambda: now))
    replica = _Replica(await make_database(""))
    leading = await replica.until_led()
    assert leading is not None
    now = 101.0
    leading.check()
    leading.prove()
    now = 102.0
    leading.check()
    now = 102.1
    with pytest.raises(NotLeading):
        leading.check()
    await replica.end()
