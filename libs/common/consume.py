"""The consumer's loop: a batch goes to one use case in one transaction that also moves its partitions' offsets."""

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import Connection, Unavailable, transaction
from libs.common.events import POSITION_TYPE
from libs.common.inbox import Fenced, Move, Unprocessable, bury, move, reserve, resume
from libs.common.kafka import Address, Away, Consumer, Incoming, TopicSpec, identify, open_consumer
from libs.common.log import Position
from libs.common.meters import CounterOf, GaugeOf
from libs.common.process import Patience
from libs.common.staying import staying
from libs.common.telemetry import get_logger
from libs.common.tracing import HEADER as TRACEPARENT
from libs.common.tracing import OFF, Tracing

__all__ = ["Backlog", "Follow", "Handled", "Handler", "Meters", "Place", "StoppedItself", "run_consumer"]

logger = get_logger(__name__)

CONSUMER = "metrics consumer"
HANDLED = CounterOf(
    "events_handled_total",
    "flowing",
    CONSUMER,
    "Sự kiện đã xử lý, theo chủ đề Kafka và kết quả: `handled`, hoặc `dead` (để riêng vì không đọc được).",
    "Events handled, by topic and outcome: `handled`, or `dead` (put aside, for they could not be read).",
    ("topic", "outcome"),
)
BEHIND = GaugeOf(
    "consumer_behind_events",
    "flowing",
    CONSUMER,
    "Số tin nhắn đã biết là còn ở phía trước vị trí đã xử lý.",
    "Messages known to lie ahead of the position handled.",
    ("topic", "partition"),
)
AGE = GaugeOf(
    "event_age_seconds",
    "flowing",
    CONSUMER,
    "Tuổi của sự kiện mới nhất vào lúc nó được xử lý; không đổi khi không có gì đến.",
    "Age of the newest event when it was handled; unchanged while none comes.",
    ("topic",),
)

POLL_SECONDS = 0.05
WAITING_MESSAGES = 5000  # Read and not yet handled, at most.
BATCH_SECONDS = 0.2
BATCH_MESSAGES = 2000
FEW_MESSAGES = 500  # Fewer are not quicker in proportion: on a machine that is too slow they would only cost more.
LANES = 2  # While PostgreSQL works on one batch, this process reads the next.
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
"""Handles messages, in order within each partition, within the transaction.

Must give the same result for a message seen before, and bear another batch of other partitions beside it.
"""

OnHandled = Callable[[Handled, float], None]
"""Is told what became of a batch with events in it, and how many seconds that took, its commit included."""

Place = tuple[str, int]
Batch = Mapping[Place, Sequence[Incoming]]


class Pace:
    """How many messages a batch may have: fewer after one that was slow or failed, more again after quick ones."""

    def __init__(self) -> None:
        self.messages = BATCH_MESSAGES

    def took(self, messages: int, seconds: float) -> None:
        """Note a batch that was handled."""
        if seconds > BATCH_SECONDS:
            self.messages = min(self.messages, max(FEW_MESSAGES, messages // 2))
        elif seconds < BATCH_SECONDS / 2 and messages >= self.messages:
            self.messages = min(BATCH_MESSAGES, self.messages * 2)

    def failed(self, messages: int) -> None:
        """Note a batch that was not: perhaps it was larger than its time."""
        self.messages = max(1, min(self.messages, messages) // 2)


@dataclass
class Backlog:
    """How many messages are known to lie ahead, for whatever should wait while there are many."""

    messages: int = 0


@dataclass(frozen=True)
class Meters:
    """What the loops of a process tell of themselves, each by its topics."""

    handled: Counter
    behind: Gauge
    age: Gauge
    each_batch: OnHandled = lambda _handled, _seconds: None
    tracing: Tracing = OFF

    @classmethod
    def on(cls, registry: CollectorRegistry, tracing: Tracing = OFF) -> "Meters":
        """Make them in a registry: once for all loops of a process."""
        return cls(HANDLED.on(registry), BEHIND.on(registry), AGE.on(registry), tracing=tracing)

    def count(self, states: Sequence[Incoming], dead: Sequence[Unprocessable]) -> None:
        """Count what became of a batch's events, each at its topic."""
        events = Counts(message.topic for message in states)
        letters = Counts(letter.message.topic for letter in dead)
        for topic, number in events.items():
            self.handled.labels(topic, "handled").inc(number - letters[topic])
            self.handled.labels(topic, "dead").inc(letters[topic])


class _Loop:
    def __init__(
        self,
        engine: AsyncEngine,
        consumer: Consumer,
        handle: Handler,
        source: str,
        meters: Meters,
        pace: Pace,
        backlog: Backlog,
    ) -> None:
        self._engine = engine
        self._consumer = consumer
        self._handle = handle
        self._source = source
        self._meters = meters
        self._pace = pace
        self._backlog = backlog
        self._next: dict[Place, int] = {}
        self._dead_in_a_row: dict[Place, int] = {}
        self._waiting: dict[Place, list[Incoming]] = {}
        self._under_way: dict[asyncio.Future[None], Batch] = {}
        self._progress_at = time.monotonic()

    async def start(self, others: Sequence[Place] = ()) -> None:
        """Seek to what the database says; of the partitions that are others' to handle it shall know, too."""
        ends = await self._consumer.ends()
        async with transaction(self._engine) as connection:
            await reserve(connection, self._source, others)
            self._next = await resume(connection, self._source, ends)
        for (topic, partition), offset in self._next.items():
            self._consumer.seek(topic, partition, offset)

    async def turn(self) -> None:
        """Take in what has come, and wait until some of what is under way has been handled."""
        room = WAITING_MESSAGES - sum(map(len, self._waiting.values()))
        if room > 0:
            busy = bool(self._waiting or self._under_way)
            came = await self._consumer.poll(wait_seconds=0 if busy else POLL_SECONDS, limit=room)
            for place, messages in came.items():
                self._waiting.setdefault(place, []).extend(messages)
        self._begin()
        self._watch(progress=await self._some_handled())

    async def finish(self) -> None:
        """Wait for what is under way, and begin nothing more."""
        while await self._some_handled():
            pass

    async def aclose(self) -> None:
        """Give up what is under way; its transactions are rolled back."""
        for batch in self._under_way:
            batch.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._under_way.clear()

    def _begin(self) -> None:
        """Begin batches while lanes are free; a partition has one at a time, so that its messages keep their order."""
        while len(self._under_way) < LANES and (batch := self._next_batch()):
            self._under_way[asyncio.ensure_future(self._handle_one(batch))] = batch

    def _next_batch(self) -> Batch:
        """Take from one partition after the other, in turn; where little waits, all of it is one batch."""
        busy = set(chain.from_iterable(self._under_way.values()))
        batch: dict[Place, Sequence[Incoming]] = {}
        room = self._pace.messages
        for place in [place for place in self._waiting if place not in busy]:
            queue = self._waiting.pop(place)
            batch[place] = queue[:room]
            if queue[room:]:
                self._waiting[place] = queue[room:]  # Behind the others.
            room -= len(batch[place])
            if room <= 0:
                break
        return batch

    async def _some_handled(self) -> bool:
        """Wait for the first batch under way to end; says whether there was one, raises what it raised."""
        if not self._under_way:
            return False
        done, _ = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        for batch in done:
            del self._under_way[batch]
        for error in [batch.exception() for batch in done]:
            if error is not None:
                raise error
        return True

    async def _handle_one(self, batch: Batch) -> None:
        size, began = sum(map(len, batch.values())), time.monotonic()
        moves = {
            place: Move(self._next[place], messages[-1].offset + 1, _position(messages))
            for place, messages in batch.items()
        }
        states = [m for messages in batch.values() for m in messages if m.type != POSITION_TYPE]
        traced = (message.headers.get(TRACEPARENT) for message in states)
        try:
            with self._meters.tracing.batch(
                "handle", traced, topic=" ".join({t: t for t, _ in batch}), messages=len(states)
            ):
                async with transaction(self._engine) as connection:
                    await move(connection, moves)
                    handled = await self._handle(connection, states) if states else Handled(0)
                    dead_in_a_row = self._dead_after(states, handled.dead)
                    if handled.dead:
                        await bury(connection, self._source, handled.dead)
        except Unavailable:
            self._pace.failed(size)
            raise
        self._pace.took(size, time.monotonic() - began)
        self._next |= {place: told.following for place, told in moves.items()}
        self._dead_in_a_row |= dead_in_a_row
        if states:
            self._meters.each_batch(handled, time.monotonic() - began)
        self._count(states, handled.dead, batch)

    def _dead_after(self, states: Sequence[Incoming], letters: Sequence[Unprocessable]) -> dict[Place, int]:
        """Count each partition's dead letters in a row, on from the batches before, in the order of the messages.

        Raises StoppedItself where they are too many, while the transaction that would bury them is still open.
        """
        reasons = {_address(letter.message): letter.reason for letter in letters}
        counted: dict[Place, int] = {}
        for message in states:
            address = topic, partition, offset = _address(message)
            before = counted.get((topic, partition), self._dead_in_a_row.get((topic, partition), 0))
            counted[topic, partition] = in_a_row = before + 1 if address in reasons else 0
            if in_a_row >= MAX_DEAD_IN_A_ROW:
                last = f"the last at {topic}[{partition}]@{offset}: {reasons[address]}"
                raise StoppedItself(f"{in_a_row} dead letters in a row, then it is us, not them; {last}")
        return counted

    def _count(self, states: Sequence[Incoming], dead: Sequence[Unprocessable], batch: Batch) -> None:
        self._meters.count(states, dead)
        newest: dict[str, int] = {}
        for (topic, _), messages in batch.items():
            newest[topic] = max(messages[-1].timestamp_ms, newest.get(topic, 0))
        for topic, at_ms in newest.items():
            self._meters.age.labels(topic).set(max(0.0, time.time() - at_ms / 1000))
        for letter in dead:
            logger.error("consumer.dead_letter", offset=letter.message.offset, reason=letter.reason)

    def _watch(self, *, progress: bool) -> None:
        """Notice aiokafka standing still without a word (its issues 1154, 847)."""
        behind = 0
        for (topic, partition), offset in self._next.items():
            ahead = self._consumer.behind(topic, partition, offset)
            self._meters.behind.labels(topic, str(partition)).set(ahead)
            behind += ahead
        self._backlog.messages = behind
        if progress or not behind:
            self._progress_at = time.monotonic()
        elif time.monotonic() - self._progress_at > STALL_SECONDS:
            raise StoppedItself(f"{behind} messages lie ahead and none has come for {STALL_SECONDS:.0f} s")


def _address(message: Incoming) -> tuple[str, int, int]:
    return message.topic, message.partition, message.offset


def _position(messages: Sequence[Incoming]) -> Position | None:
    """Give the highest position among the relay's marks, which need not come in order."""
    marks = [m.headers["ce_sequence"] for m in messages if m.type == POSITION_TYPE and "ce_sequence" in m.headers]
    return max(map(Position.parse, marks), default=None)


@dataclass(frozen=True)
class Follow:
    """Topics, what handles them, and what is kept from one connection to the next; `backlog` is kept as it is."""

    engine: AsyncEngine
    address: Address
    topics: Sequence[TopicSpec]
    handle: Handler
    meters: Meters
    stop: asyncio.Event
    beat: Callable[[], None]
    backlog: Backlog = field(default_factory=Backlog)
    patience: Patience = field(default_factory=Patience)
    pace: Pace = field(default_factory=Pace)

    async def patiently(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Do one turn after the other until told to stop.

        PostgreSQL or Kafka being away, and another consumer's fence, are waited out: the next turn begins from what the
        database says. Any other error is raised with the offset unmoved.
        """
        while not self.stop.is_set():
            self.beat()
            try:
                await turn()
            except (Away, Fenced, Unavailable) as error:
                topics = [topic.name for topic in self.topics]
                logger.warning("consumer.interrupted", topics=topics, error=repr(error))
                await self.patience.wait()

    async def until(self, over: Callable[[], Awaitable[bool]], places: Set[Place] | None = None) -> None:
        """Follow some places, by default all, until it is over or time to stop; what was begun is finished."""
        names = [topic.name for topic in self.topics]
        source = await identify(self.address, names)
        async with (
            staying(self.address, names, source, self.beat) as turn,
            open_consumer(self.address, self.topics, places) as consumer,
            aclosing(_Loop(self.engine, consumer, self.handle, source, self.meters, self.pace, self.backlog)) as loop,
        ):
            every = [(topic.name, partition) for topic in self.topics for partition in range(topic.partitions)]
            await loop.start(every)
            logger.info("consumer.following", topics=names, places="all" if places is None else sorted(places))
            while not (self.stop.is_set() or await over()):
                turn()
                await loop.turn()
                self.patience.succeeded()
            await loop.finish()


async def run_consumer(
    engine: AsyncEngine,
    address: Address,
    topics: Sequence[TopicSpec],
    handle: Handler,
    *,
    meters: Meters,
    stop: asyncio.Event,
    beat: Callable[[], None],
    backlog: Backlog | None = None,
) -> None:
    """Handle all of some topics until told to stop.

    There must be one such consumer: several would each read everything, and take it out of each other's hands.
    """

    async def never() -> bool:
        return False

    follow = Follow(engine, address, topics, handle, meters, stop, beat, backlog or Backlog())
    await follow.patiently(lambda: follow.until(never))
