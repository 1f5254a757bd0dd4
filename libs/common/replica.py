"""A process's own picture of compacted topics: read from the beginning at start, followed for ever after."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from libs.common.events import POSITION_TYPE, is_caught_up
from libs.common.kafka import Away, Consumer, Incoming, TopicSpec, open_consumer
from libs.common.log import BEGINNING, Position
from libs.common.process import Patience
from libs.common.telemetry import get_logger

__all__ = ["Apply", "Replica"]

logger = get_logger(__name__)

Apply = Callable[[bytes, Position], None]
"""Takes a state and its position in the owner's log; passes over what is not newer; raises ValueError if not valid."""


class Replica:
    """Applies each event to the handler of its type; other types are passed over."""

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[TopicSpec],
        handlers: Mapping[str, Apply],
        registry: CollectorRegistry,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._handlers = handlers
        self._changed = changed
        self.ready = asyncio.Event()
        self._applied = Counter(
            "replica_events", "Events applied to this process's picture", ["topic", "outcome"], registry=registry
        )
        self._is_ready = Gauge("replica_ready", "1 once every topic has been read to its end", registry=registry)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topics until told to stop; Kafka being away is waited out."""
        patience = Patience()
        while not stop.is_set():
            try:
                async with open_consumer(self._bootstrap, self._topics) as consumer:
                    await self._follow(consumer, stop, patience)
            except Away as error:
                logger.warning("replica.interrupted", error=str(error))
                await patience.wait()

    async def until_ready(self, stop: asyncio.Event) -> None:
        """Wait until every topic has been read to its end, or the process is to stop."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.ready, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _follow(self, consumer: Consumer, stop: asyncio.Event, patience: Patience) -> None:
        # Ready means: all that its owner had to say has been read, once. A topic just made is at its end at once and
        # yet says nothing; so each partition is read until its owner has said there that it has sent everything.
        ends = await consumer.ends()
        unread, untold = set(ends), set(ends)
        while not stop.is_set():
            came = await consumer.poll(wait_seconds=0.2, limit=5000)
            for place, messages in came.items():
                for message in messages:
                    self._apply(message)
                if any(m.type == POSITION_TYPE and is_caught_up(m.value) for m in messages):
                    untold.discard(place)
                if messages[-1].offset + 1 >= ends[place]:
                    unread.discard(place)
            if came:
                patience.succeeded()
                self._changed()
            if not (unread or untold or self.ready.is_set()):
                self.ready.set()
                self._is_ready.set(1)
                logger.info("replica.ready")

    def _apply(self, message: Incoming) -> None:
        handler = self._handlers.get(message.type)
        if handler is None:
            return
        try:
            sequence = message.headers.get("ce_sequence")
            handler(message.value, Position.parse(sequence) if sequence else BEGINNING)
        except ValueError as error:
            # One state that this version cannot read must not keep the process from all others.
            self._applied.labels(message.topic, "unprocessable").inc()
            logger.error(
                "replica.unprocessable", topic=message.topic, offset=message.offset, type=message.type, error=str(error)
            )
            return
        self._applied.labels(message.topic, "applied").inc()
