"""Waiting for a position to be counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from libs.common.db import Unavailable
from libs.common.log import Position
from libs.common.problem import Problem
from services.metrics.use_cases.counted import Counted, position_of


class Log:
    """A log that is counted as the test says; remembers how often it was asked."""

    def __init__(self) -> None:
        self.reached: Position | None = None
        self.away = False
        self.asked = 0
        self.opened = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Callable[[], Awaitable[Position | None]]]:
        self.opened += 1
        yield self.read

    async def read(self) -> Position | None:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        return self.reached


async def test_many_who_wait_ask_no_more_often_than_one() -> None:
    log, stop = Log(), asyncio.Event()
    counted = Counted(log.open)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(counted.run(stop))
        waiting = [tasks.create_task(counted.wait(Position(1, n, 0), 5)) for n in range(1, 41)]
        await asyncio.sleep(0.05)
        assert log.asked <= 6
        log.reached = Position(1, 20, 0)
        await asyncio.gather(*waiting[:20])
        assert not any(task.done() for task in waiting[20:])
        log.reached = Position(2, 0, 0)
        await asyncio.gather(*waiting)
        assert log.opened == 1
        asked = log.asked
        await asyncio.sleep(0.05)
        assert log.asked <= asked + 1
        stop.set()


async def test_a_position_that_was_seen_needs_no_poll() -> None:
    log, stop = Log(), asyncio.Event()
    counted = Counted(log.open)
    log.reached = Position(1, 2, 3)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(counted.run(stop))
        await counted.wait(Position(1, 2, 3), 5)
        stop.set()
    asked = log.asked
    await counted.wait(Position(1, 2, 2), 0.01)
    assert log.asked == asked


async def test_a_wait_ends_with_a_time_to_ask_again() -> None:
    with pytest.raises(Problem) as late:
        await Counted(Log().open).wait(Position(1, 1, 1), 0.01)
    assert (late.value.code, late.value.headers) == ("not_counted_yet", {"retry-after": "1"})
    assert late.value.params["position"] == "visits:1.1.1"


async def test_postgresql_being_away_is_waited_out() -> None:
    log, stop = Log(), asyncio.Event()
    log.away, log.reached = True, Position(1, 1, 1)
    counted = Counted(log.open)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(counted.run(stop))
        waiting = tasks.create_task(counted.wait(Position(1, 1, 1), 5))
        await asyncio.sleep(0.02)
        log.away = False
        await waiting
        stop.set()


@pytest.mark.parametrize("text", ["", "1.2.3", "visits:", "visits:1.2", "visits:01.2.3", "visits:1.2.x", "me:1.2.3"])
def test_only_a_position_of_the_visits_is_taken(text: str) -> None:
    with pytest.raises(Problem) as refused:
        position_of(text)
    assert refused.value.code == "bad_position"


def test_a_position_is_read_as_it_was_given() -> None:
    assert position_of("visits:1.90840.3") == Position(1, 90840, 3)
