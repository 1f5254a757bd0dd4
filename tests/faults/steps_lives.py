"""The lives of which every step may be the last: a writer of batches, a relay, a fold. Imported by the server alone."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import asyncpg
from prometheus_client import CollectorRegistry

from libs.common import consume, leader
from libs.common.consume import Meters, run_consumer
from libs.common.db import open_engine
from libs.common.relay import RelaySettings, run_relay
from libs.contracts.topics import RECORDS
from services.metrics.consumer import handle
from services.visits import events
from tests.faults.steps_work import rounds, send
from tests.support.kafka import OwnTopic
from tests.support.visits import open_visits

__all__ = ["fold", "relay", "write"]

Watcher: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LIVES = 5
CUTS = 5
IDLE_TURNS = 4
BATCH_MESSAGES = 10  # Few, so that a small world makes many passes.
WATCH_SECONDS = 0.005
AT_END = """SELECT (epoch, xid, seq) = (
                SELECT epoch, xid, seq FROM log ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1
            ) FROM log_position"""
END_SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1"""
HANDLED = f"SELECT coalesce(sum(next), 0)::bigint FROM inbox WHERE topic = '{RECORDS.name}'"
HOLD, RELEASE = (f"SELECT pg_advisory_{verb}(hashtextextended('relay visits', 0))" for verb in ("lock", "unlock"))


async def write(folder: Path, url: str, seed: int, disturbed: bool) -> None:
    """Send everything and note each answer at once; undisturbed, it is the client who did not hear the end."""
    notes = os.open(folder / ("answers" if disturbed else "answers.again"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with open_visits(url) as visits:
        for request in (request for each in rounds(seed) for request in each):
            answer = await send(visits, request)
            os.write(notes, answer.body + b"\n")


class _Turns:
    """Counts how often a loop has turned."""

    def __init__(self) -> None:
        self.count = 0

    def beat(self) -> None:
        self.count += 1


async def relay(folder: Path, url: str, bootstrap: str, topic: str, disturbed: bool) -> None:
    """Relay the log to its end; disturbed: several times, each time waiting for the lock and losing the session."""
    leader.STANDBY_SECONDS = 0.02
    settings = RelaySettings(
        page_rows=8,
        lease_seconds=0.2,
        send_timeout_seconds=0.4,
        announce_every_seconds=0.15 if disturbed else None,
    )
    for _ in range(LIVES if disturbed else 1):
        stop, turns = asyncio.Event(), _Turns()
        async with _beside(url, partial(_watch_relay, stop, turns, disturbed)):
            await run_relay(
                url,
                bootstrap,
                owner="visits",
                routes=dict.fromkeys(events.ROUTES, OwnTopic(topic, 2)),
                settings=settings,
                registry=CollectorRegistry(),
                stop=stop,
                beat=turns.beat,
            )


async def _watch_relay(stop: asyncio.Event, turns: _Turns, disturbed: bool, watcher: Watcher) -> None:
    if disturbed:
        await watcher.execute(HOLD)
        await _until(lambda: _has_turned(turns, 3))
        await watcher.execute(RELEASE)
        await _until(lambda: watcher.fetchval(AT_END))
        await watcher.execute(END_SESSIONS, "lead relay visits")
    await _until(lambda: watcher.fetchval(AT_END))
    enough = turns.count + IDLE_TURNS
    await _until(lambda: _has_turned(turns, enough))
    stop.set()


async def _has_turned(turns: _Turns, times: int) -> bool:
    return turns.count >= times


async def fold(folder: Path, url: str, bootstrap: str, messages: int, disturbed: bool) -> None:
    """Fold the topic to its end; disturbed: losing the session and being fenced off now and then."""
    consume.BATCH_MESSAGES = BATCH_MESSAGES
    stop = asyncio.Event()
    async with (
        open_engine(url, application_name="fold", pool_size=2) as engine,
        _beside(url, partial(_watch_fold, stop, messages, disturbed)),
    ):
        await run_consumer(
            engine, bootstrap, [RECORDS], handle, meters=Meters.on(CollectorRegistry()), stop=stop, beat=lambda: None
        )


async def _watch_fold(stop: asyncio.Event, messages: int, disturbed: bool, watcher: Watcher) -> None:
    for cut in range(CUTS if disturbed else 0):
        # A fold that has nothing more to do would not notice.
        wanted = messages * (cut + 1) // (2 * CUTS)
        await _until(partial(_has_handled, watcher, wanted))
        if cut % 2:
            await watcher.execute("UPDATE inbox SET next = greatest(next - 7, 0)")
        else:
            await watcher.execute(END_SESSIONS, "fold")
    await _until(lambda: _has_handled(watcher, messages))
    stop.set()


async def _has_handled(watcher: Watcher, messages: int) -> bool:
    handled: int = await watcher.fetchval(HANDLED)
    return handled >= messages


async def _until(holds: Callable[[], Awaitable[bool | None]]) -> None:
    """Poll; the alarm of the process is the deadline."""
    while True:
        if await holds():
            return
        await asyncio.sleep(WATCH_SECONDS)


@asynccontextmanager
async def _beside(url: str, watch: Callable[[Watcher], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Watch over a session of our own while the block runs, which ends because the watch tells it to."""
    watcher = await asyncpg.connect(url)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(watcher))
            yield
    finally:
        watcher.terminate()
