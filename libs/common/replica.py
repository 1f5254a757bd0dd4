"""A process's own picture of compacted topics: read from the beginning at start, followed for ever after.

What one transaction of the owner wrote is taken together: nobody who reads the picture between two awaits ever sees a
part of it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry

from libs.common.events import POSITION_TYPE, told_by
from libs.common.kafka import Address, Away, Consumer, Incoming, TopicSpec, identify, open_consumer
from libs.common.log import BEGINNING, Position
from libs.common.meters import CounterOf, GaugeOf
from libs.common.process import Patience
from libs.common.reason import reason_of
from libs.common.staging import Staging
from libs.common.staying import staying
from libs.common.telemetry import get_logger

__all__ = ["Apply", "Replica"]

logger = get_logger(__name__)

EVENTS = CounterOf(
    "replica_events_total",
    "right",
    "apis, consumers",
    "Sự kiện danh mục mà tiến trình đã nhận vào bản sao của mình: `applied`, hoặc `unprocessable` (phiên bản này không "
    "đọc được).",
    "Events of the registry taken into this process's picture: `applied`, or `unprocessable` (this version cannot read "
    "them).",
    ("topic", "outcome"),
)
READY = GaugeOf(
    "replica_ready",
    "flowing",
    "apis, consumers",
    "1 khi mọi chủ đề danh mục đã được đọc hết một lần; trước đó tiến trình chưa nhận việc.",
    "1 once every topic of the registry has been read to its end; before that the process is not ready.",
)

Apply = Callable[[bytes, Position], None]
"""Takes a state and its position in the owner's log; passes over what is not newer; raises ValueError if not valid."""


APPLIED_AT_ONCE = 500  # While nobody reads the picture yet, others get their turn after so many.


class Replica:
    """Applies each event to the handler of its type; other types are passed over. The topics are of one owner."""

    def __init__(
        self,
        address: Address,
        topics: Sequence[TopicSpec],
        handlers: Mapping[str, Apply],
        registry: CollectorRegistry,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = address
        self._topics = topics
        self._handlers = handlers
        self._changed = changed
        self._staging: Staging[Incoming] = Staging([])
        self.ready = asyncio.Event()
        self._applied = EVENTS.on(registry)
        self._is_ready = READY.on(registry)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topics until told to stop; Kafka being away is waited out."""
        patience = Patience()
        while not stop.is_set():
            try:
                names = [topic.name for topic in self._topics]
                async with (
                    staying(self._address, names, await identify(self._address, names)) as turn,
                    open_consumer(self._address, self._topics) as consumer,
                ):
                    await self._follow(consumer, stop, patience, turn)
            except Away as error:
                logger.warning("replica.interrupted", error=str(error))
                await patience.wait()

    async def until_ready(self, stop: asyncio.Event) -> None:
        """Wait until every topic has been read to its end, or the process is to stop."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.ready, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _follow(
        self, consumer: Consumer, stop: asyncio.Event, patience: Patience, turn: Callable[[], None]
    ) -> None:
        # Ready means: all that its owner had to say has been read, once. A topic just made is at its end at once and
        # yet says nothing; so each partition is read until its owner has said there that it has sent everything.
        ends = await consumer.ends()
        unread, untold = set(ends), set(ends)
        # Read again after an interruption, what had come whole before need not be waited for.
        self._staging = Staging(ends, self._staging.sealed)
        while not stop.is_set():
            turn()
            came = await consumer.poll(wait_seconds=0.2, limit=5000)
            for place, messages in came.items():
                if any([self._stage(message) for message in messages]):
                    untold.discard(place)
                if messages[-1].offset + 1 >= ends[place]:
                    unread.discard(place)
            if came:
                patience.succeeded()
            if whole := self._staging.take():
                await self._apply_all(whole)
                self._changed()
            if not (unread or untold or self.ready.is_set()):
                self.ready.set()
                self._is_ready.set(1)
                logger.info("replica.ready")

    def _stage(self, message: Incoming) -> bool:
        """Keep a state back until all of its transaction has come; says whether the owner has told that it has."""
        place = message.topic, message.partition
        try:
            if message.type == POSITION_TYPE:
                position, caught_up = told_by(message.value)
                self._staging.mark(place, position, caught_up=caught_up)
                return caught_up
            if message.type in self._handlers:
                self._staging.add(place, _position(message), message)
        except ValueError as error:
            self._unprocessable(message, error)
        return False

    async def _apply_all(self, messages: Sequence[Incoming]) -> None:
        for n, message in enumerate(messages, 1):
            self._apply(message)
            if n % APPLIED_AT_ONCE == 0 and not self.ready.is_set():
                await asyncio.sleep(0)

    def _apply(self, message: Incoming) -> None:
        try:
            self._handlers[message.type](message.value, _position(message))
        except ValueError as error:
            self._unprocessable(message, error)
            return
        self._applied.labels(message.topic, "applied").inc()

    def _unprocessable(self, message: Incoming, error: ValueError) -> None:
        # One state that this version cannot read must not keep the process from all others.
        self._applied.labels(message.topic, "unprocessable").inc()
        logger.error(
            "replica.unprocessable",
            topic=message.topic,
            offset=message.offset,
            type=message.type,
            error=reason_of(error),
        )


def _position(message: Incoming) -> Position:
    sequence = message.headers.get("ce_sequence")
    return Position.parse(sequence) if sequence else BEGINNING
