"""The consumer's loop: a batch of one partition goes to one use case in one transaction that also moves the offset."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import Connection, Unavailable, transaction
from libs.common.events import POSITION_TYPE
from libs.common.inbox import Fenced, Unprocessable, bury, move, resume
from libs.common.kafka import Away, Consumer, Incoming, TopicSpec, identify, open_consumer
from libs.common.log import Position
from libs.common.process import Patience
from libs.common.telemetry import get_logger

__all__ = ["Handled", "Handler", "StoppedItself", "run_consumer"]

logger = get_logger(__name__)

POLL_SECONDS = 0.05
BATCH_MESSAGES = 5000
STALL_SECONDS = 60.0
MAX_DEAD_IN_A_ROW = 20


class StoppedItself(Exception):
    """Something is wrong with this process rather than with a message: its supervisor must restart it."""


@dataclass(frozen=True)
class Handled:
    """What a use case made of a batch; every message that is not dead counts as handled."""

    events: int
    dead: Sequence[Unprocessable] = ()


Handler = Callable[[Connection, Sequence[Incoming]], Awaitable[Handled]]
"""Handles a partition's messages within the transaction; must give the same result for a message seen before."""


@dataclass(frozen=True)
class _Meters:
    handled: Counter
    behind: Gauge
    age: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "_Meters":
        return cls(
            Counter("events_handled", "Events handled, by outcome", ["outcome"], registry=registry),
            Gauge("consumer_behind_events", "Messages known to lie ahead", ["partition"], registry=registry),
            Gauge("event_age_seconds", "Age of the newest event handled when it was handled", registry=registry),
        )


class _Loop:
    def __init__(self, engine: AsyncEngine, consumer: Consumer, handle: Handler, source: str, meters: _Meters) -> None:
        self._engine = engine
        self._consumer = consumer
        self._handle = handle
        self._source = source
        self._meters = meters
        self._next: dict[tuple[str, int], int] = {}
        self._dead_in_a_row = 0
        self._progress_at = time.monotonic()

    async def start(self) -> None:
        """Seek to what the database says."""
        ends = await self._consumer.ends()
        async with transaction(self._engine) as connection:
            self._next = await resume(connection, self._source, ends)
        for (topic, partition), offset in self._next.items():
            self._consumer.seek(topic, partition, offset)

    async def turn(self) -> None:
        """Handle what has come, partition by partition."""
        came = await self._consumer.poll(wait_seconds=POLL_SECONDS, limit=BATCH_MESSAGES)
        for place, messages in came.items():
            await self._handle_one(place, messages)
        self._watch(bool(came))

    async def _handle_one(self, place: tuple[str, int], messages: Sequence[Incoming]) -> None:
        following = messages[-1].offset + 1
        states = [message for message in messages if message.type != POSITION_TYPE]
        async with transaction(self._engine) as connection:
            await move(connection, place, self._next[place], following, _position(messages))
            handled = await self._handle(connection, states) if states else Handled(0)
            dead_in_a_row = self._dead_after(states, handled.dead)
            if handled.dead:
                await bury(connection, self._source, handled.dead)
        self._next[place] = following
        self._dead_in_a_row = dead_in_a_row
        self._count(handled, messages[-1])

    def _dead_after(self, states: Sequence[Incoming], letters: Sequence[Unprocessable]) -> int:
        """Count the dead letters in a row, on from the batches before, in the order of the messages.

        Raises StoppedItself where they are too many, while the transaction that would bury them is still open.
        """
        reasons = {letter.message.offset: letter.reason for letter in letters}
        in_a_row = self._dead_in_a_row
        for message in states:
            in_a_row = in_a_row + 1 if message.offset in reasons else 0
            if in_a_row >= MAX_DEAD_IN_A_ROW:
                last = f"the last at {message.topic}[{message.partition}]@{message.offset}: {reasons[message.offset]}"
                raise StoppedItself(f"{in_a_row} dead letters in a row, then it is us, not them; {last}")
        return in_a_row

    def _count(self, handled: Handled, last: Incoming) -> None:
        self._meters.handled.labels("handled").inc(handled.events)
        self._meters.handled.labels("dead").inc(len(handled.dead))
        self._meters.age.set(max(0.0, time.time() - last.timestamp_ms / 1000))
        for letter in handled.dead:
            logger.error("consumer.dead_letter", offset=letter.message.offset, reason=letter.reason)

    def _watch(self, progress: bool) -> None:
        """Notice aiokafka standing still without a word (its issues 1154, 847)."""
        behind = 0
        for (topic, partition), offset in self._next.items():
            ahead = self._consumer.behind(topic, partition, offset)
            self._meters.behind.labels(str(partition)).set(ahead)
            behind += ahead
        if progress or not behind:
            self._progress_at = time.monotonic()
        elif time.monotonic() - self._progress_at > STALL_SECONDS:
            raise StoppedItself(f"{behind} messages lie ahead and none has come for {STALL_SECONDS:.0f} s")


def _position(messages: Sequence[Incoming]) -> Position | None:
    """Give the highest position among the relay's marks, which need not come in order."""
    marks = [m.headers["ce_sequence"] for m in messages if m.type == POSITION_TYPE and "ce_sequence" in m.headers]
    return max(map(Position.parse, marks), default=None)


async def run_consumer(
    engine: AsyncEngine,
    bootstrap: str,
    topic: TopicSpec,
    handle: Handler,
    *,
    registry: CollectorRegistry,
    stop: asyncio.Event,
    beat: Callable[[], None],
) -> None:
    """Handle a topic until told to stop.

    PostgreSQL or Kafka being away, and another consumer's fence, are waited out: the loop begins again from what the
    database says. Any other error is raised with the offset unmoved.
    """
    meters, patience = _Meters.on(registry), Patience()
    while not stop.is_set():
        beat()
        try:
            source = await identify(bootstrap, [topic.name])
            async with open_consumer(bootstrap, [topic]) as consumer:
                loop = _Loop(engine, consumer, handle, source, meters)
                await loop.start()
                logger.info("consumer.following", topic=topic.name)
                while not stop.is_set():
                    beat()
                    await loop.turn()
                    patience.succeeded()
        except (Away, Fenced, Unavailable) as error:
            logger.warning("consumer.interrupted", topic=topic.name, error=repr(error))
            await patience.wait()
