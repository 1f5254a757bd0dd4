"""The relay: reads the log in commit order, sends it to Kafka, moves its stored position once acknowledged."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as CounterMetric

from libs.common.announcing import announce
from libs.common.db import GONE, Unavailable
from libs.common.events import message_of, position_message
from libs.common.kafka import (
    Address,
    Away,
    Batch,
    Message,
    Producer,
    TopicSpec,
    check_topics,
    identify,
    make_topics,
    open_producer,
    partition_of,
)
from libs.common.leader import Leadership, NotLeading, lead
from libs.common.log import BEGINNING, Announced, Page, Position, oldest_behind, read
from libs.common.meters import CounterOf, GaugeOf
from libs.common.process import Patience
from libs.common.staying import staying
from libs.common.telemetry import get_logger
from libs.common.tracing import OFF, Span, Tracing

__all__ = ["RelaySettings", "run_relay"]

logger = get_logger(__name__)

TRACED_SECONDS = 3600.0

OLDEST = GaugeOf(
    "log_oldest_unpublished_seconds",
    "flowing",
    "relays",
    "Tuổi của dòng sổ lâu nhất chưa được Kafka xác nhận; 0 khi không còn dòng nào, và ở bản relay đang chờ thay. Lấy "
    "giá trị lớn nhất của mọi bản.",
    "Age of the oldest row of the log that Kafka has not acknowledged; 0 without one, and at a relay that stands by. "
    "Take the maximum over all replicas.",
)
PUBLISHED = CounterOf(
    "events_published_total",
    "flowing",
    "relays",
    "Sự kiện đã được Kafka xác nhận, theo loại sự kiện.",
    "Events acknowledged by Kafka, by type of event.",
    ("type",),
)
FAILURES = CounterOf(
    "relay_failures_total",
    "flowing",
    "relays",
    "Số lần relay bỏ kết nối tới Kafka và bắt đầu lại từ vị trí đã ghi.",
    "Times the relay dropped its producer and began again from its stored position.",
)


@dataclass(frozen=True)
class RelaySettings:
    """Units are seconds and rows."""

    page_rows: int = 2000
    poll_seconds: float = 0.005
    idle_poll_seconds: float = 0.05
    awake_seconds: float = 2
    position_every_seconds: float = 0.02
    send_timeout_seconds: float = 3
    lease_seconds: float = 1
    # A producer's term: well below the day after which Kafka forgets who wrote to a partition. Each tells all of them
    # the position, in a message of the present time: a state's is as old as its row.
    term_seconds: float = 6 * 3600
    announce_every_seconds: float | None = None
    replication: int = 1
    make_topics: bool = True  # Else somebody else does, and the relay waits for them.
    tracing: Tracing = OFF


@dataclass
class _Oldest:
    """When the oldest row that is not yet acknowledged was appended, in seconds since 1970; None without one."""

    appended_at: float | None = None

    def age(self) -> float:
        """Give its age at this moment, which grows by itself while nothing can be sent."""
        return 0.0 if self.appended_at is None else max(0.0, time.time() - self.appended_at)


@dataclass(frozen=True)
class RelayMeters:
    """What the relay tells Prometheus."""

    published: CounterMetric
    oldest: _Oldest
    failures: CounterMetric

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "RelayMeters":
        """Register the relay's metrics."""
        oldest = _Oldest()
        OLDEST.on(registry).set_function(oldest.age)
        return cls(PUBLISHED.on(registry), oldest, FAILURES.on(registry))


_Messages = defaultdict[tuple[str, int], list[Message]]
_Mark = tuple[Position, bool]
"""How far the log has been sent, and whether that was its end."""
_NOTHING: _Mark = (BEGINNING, False)


@dataclass(frozen=True)
class _Ready:
    """A page, packed; with the mark that its batches carry at their ends, if they do."""

    page: Page
    batches: Sequence[Batch]
    mark: _Mark | None
    spans: Sequence[Span] = ()


class _Run:
    """One leadership with one producer: ends with any error, to begin again from the stored position."""

    def __init__(
        self,
        owner: str,
        routes: Mapping[str, TopicSpec],
        settings: RelaySettings,
        meters: RelayMeters,
        leadership: Leadership,
    ) -> None:
        self.owner = owner
        self.settings = settings
        self.topics = list({topic.name: topic for topic in routes.values()}.values())
        self._routes = routes
        self._meters = meters
        self._leadership = leadership
        self._connection = leadership.connection
        self._position = BEGINNING
        self._marked: _Mark = _NOTHING
        self._marked_at = self._sent_at = self._reloaded_at = 0.0
        self._announced_at = time.monotonic()

    async def look(self) -> None:
        """Note what waits to be sent, before Kafka is asked for anything: it may be away."""
        self._meters.oldest.appended_at = await oldest_behind(self._connection, await self._stored() or BEGINNING)
        self._leadership.prove()

    async def take_over(self, target: str) -> None:
        """Find the position, which is good for `target` only.

        What a leader that did not say goodbye may still have under way is waited out first.
        """
        row = await self._connection.fetchrow(
            """INSERT INTO log_position (relay, target, epoch, xid, seq, released) VALUES ($1, $2, 0, '0', 0, true)
               ON CONFLICT (relay) DO UPDATE SET relay = excluded.relay
               RETURNING target, epoch, xid::text::bigint AS xid, seq, released""",
            self.owner,
            target,
        )
        assert row is not None
        if not row["released"]:
            await asyncio.sleep(self.settings.lease_seconds + self.settings.send_timeout_seconds)
            await self._connection.fetchval("SELECT 1")
        self._leadership.prove()
        if row["target"] == target:
            self._position = Position(row["epoch"], row["xid"], row["seq"])
        await self._connection.execute(
            "UPDATE log_position SET target = $2, released = false, epoch = $3, xid = $4::text::xid8, seq = $5"
            " WHERE relay = $1",
            self.owner,
            target,
            self._position.epoch,
            str(self._position.xid),
            self._position.seq,
        )

    async def release(self) -> None:
        """Say goodbye: nothing is under way, the next leader need not wait."""
        await self._connection.execute("UPDATE log_position SET released = true WHERE relay = $1", self.owner)

    async def run(self, producer: Producer, stop: asyncio.Event, beat: Callable[[], None]) -> None:
        """Send until told to stop or the producer's term is over; raises Away, Unavailable or NotLeading."""
        self._marked, begun = _NOTHING, time.monotonic()
        ready = await self._next(producer, self._position)
        while not stop.is_set() and time.monotonic() - begun < self.settings.term_seconds:
            beat()
            if ready.page.rows:
                ready = await self._send(producer, ready)
                continue
            self._meters.oldest.appended_at = None
            await self._mark(producer)
            await self._rest()
            ready = await self._next(producer, self._position)
        if not ready.page.rows:
            await self._mark(producer)

    async def _rest(self) -> None:
        """Wait for rows, shortly while some have come lately; now and then see whether the position was set back."""
        settings, now = self.settings, time.monotonic()
        awake = now - self._sent_at < settings.awake_seconds
        await asyncio.sleep(settings.poll_seconds if awake else settings.idle_poll_seconds)
        if now - self._reloaded_at >= settings.idle_poll_seconds:
            await self._announce_if_due()
            await self._reload()

    async def _next(self, producer: Producer, after: Position) -> _Ready:
        """Read the page behind a position and pack it."""
        page = await read(self._connection, after, self.settings.page_rows)
        self._leadership.prove()
        messages: _Messages = defaultdict(list)
        spans = self._spans(page.announced)
        for state in page.announced:
            topic = self._routes[state.type]
            partition = partition_of(state.partition_key.bytes, topic.partitions)
            sending = spans.get((state.traceparent, topic.name)) if spans else None
            trace = sending.traceparent if sending is not None else None
            messages[topic.name, partition].append(message_of(state, self.owner, trace))
        mark = None
        if page.rows and time.monotonic() - self._marked_at >= self.settings.position_every_seconds:
            mark = (page.reached, page.rows < self.settings.page_rows)
            self._add_marks(messages, mark)
        return _Ready(page, producer.pack(messages), mark, tuple(spans.values()))

    def _spans(self, announced: Sequence[Announced]) -> dict[tuple[str | None, str], Span]:
        """Begin a span for each traced request whose rows are sent, and topic: from here until Kafka has them."""
        if self.settings.tracing.recorder is None:
            return {}
        # A row sent again long after is no part of its request any more.
        since = time.time() - TRACED_SECONDS
        told = Counter(
            (state.traceparent, self._routes[state.type].name)
            for state in announced
            if state.traceparent is not None and state.appended_at > since
        )
        spans = {place: self.settings.tracing.sent(*place, messages) for place, messages in told.items()}
        return {place: span for place, span in spans.items() if span is not None}

    async def _deliver(self, producer: Producer, ready: _Ready) -> None:
        error: str | None = None
        try:
            await producer.deliver(ready.batches)
        except BaseException as ended:
            error = type(ended).__name__
            raise
        finally:
            for span in ready.spans:
                span.end(error)

    async def _send(self, producer: Producer, ready: _Ready) -> _Ready:
        """Send a page while the next is read and packed, then move the position; gives the next page."""
        page = ready.page
        if page.announced:
            self._meters.oldest.appended_at = min(map(attrgetter("appended_at"), page.announced))
        self._leadership.check()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(producer, ready))
            following = group.create_task(self._next(producer, page.reached))
        self._sent_at = time.monotonic()
        if ready.mark is not None:
            self._marked, self._marked_at = ready.mark, self._sent_at
        for type_, count in Counter(map(attrgetter("type"), page.announced)).items():
            self._meters.published.labels(type_).inc(count)
        if await self._move(page.reached):
            return following.result()
        return await self._next(producer, self._position)

    def _add_marks(self, messages: _Messages, mark: _Mark) -> None:
        message = position_message(self.owner, mark[0], caught_up=mark[1])
        for topic in self.topics:
            for partition in range(topic.partitions):
                messages[topic.name, partition].append(message)

    async def _mark(self, producer: Producer) -> None:
        """Tell every partition the position reached, and that it is the log's end, if that has not been told yet."""
        mark = (self._position, True)
        if self._marked == mark or self._position == BEGINNING:
            return
        messages: _Messages = defaultdict(list)
        self._add_marks(messages, mark)
        batches = producer.pack(messages)
        self._leadership.check()
        await producer.deliver(batches)
        self._marked, self._marked_at = mark, time.monotonic()

    async def _move(self, reached: Position) -> bool:
        """Store the position; false where somebody set it back meanwhile, which is then followed."""
        # Its commit is not waited for: a position that a crash takes back only makes rows be sent again.
        moved = await self._connection.fetchval(
            """UPDATE log_position SET epoch = $5, xid = $6::text::xid8, seq = $7
               FROM set_config('synchronous_commit', 'off', true)
               WHERE relay = $1 AND (epoch, xid, seq) = ($2, $3::text::xid8, $4) RETURNING true""",
            self.owner,
            self._position.epoch,
            str(self._position.xid),
            self._position.seq,
            reached.epoch,
            str(reached.xid),
            reached.seq,
        )
        # The read beside the send may have answered long ago: a slow send must not end the leadership.
        self._leadership.prove()
        if moved:
            self._position = reached
        else:
            await self._reload()
        return bool(moved)

    async def _reload(self) -> None:
        stored = await self._stored()
        assert stored is not None
        self._position, self._reloaded_at = stored, time.monotonic()

    async def _stored(self) -> Position | None:
        row = await self._connection.fetchrow(
            "SELECT epoch, xid::text::bigint AS xid, seq FROM log_position WHERE relay = $1", self.owner
        )
        return Position(row["epoch"], row["xid"], row["seq"]) if row else None

    async def _announce_if_due(self) -> None:
        every = self.settings.announce_every_seconds
        if every is not None and time.monotonic() - self._announced_at >= every:
            await announce(self._connection)
            self._announced_at = time.monotonic()


async def run_relay(
    url: str,
    address: Address,
    *,
    owner: str,
    routes: Mapping[str, TopicSpec],
    settings: RelaySettings,
    registry: CollectorRegistry,
    stop: asyncio.Event,
    beat: Callable[[], None],
) -> None:
    """Make the owner's topics, lead, and relay until told to stop.

    `routes` gives the topic of each event type. PostgreSQL or Kafka being away is waited out; any other error is
    raised. `beat` is called on every turn of the loop.
    """
    meters, patience = RelayMeters.on(registry), Patience()

    def stand_by() -> None:
        meters.oldest.appended_at = None  # The leader's to tell; noted here, it would grow for ever.
        beat()

    while not stop.is_set():
        beat()
        try:
            async with lead(
                url, f"relay {owner}", lease_seconds=settings.lease_seconds, stop=stop, beat=stand_by
            ) as leadership:
                if leadership is not None:
                    await _relay(address, _Run(owner, routes, settings, meters, leadership), stop, beat, patience)
        except* (Away, NotLeading, Unavailable, *GONE) as errors:
            # The producer is gone with its block, its outcome unknown: the stored position tells where to resume.
            if any(isinstance(error, ValueError) for error in errors.exceptions):
                raise  # Bad arguments to a statement are a mistake of ours, which no retry mends.
            meters.failures.inc()
            logger.warning("relay.interrupted", owner=owner, error=[repr(e) for e in errors.exceptions])
            await patience.wait()


async def _relay(
    address: Address, run: _Run, stop: asyncio.Event, beat: Callable[[], None], patience: Patience
) -> None:
    """Relay as long as this replica leads and nothing goes wrong."""
    await run.look()
    if run.settings.make_topics:
        await make_topics(address, run.topics, replication=run.settings.replication)
    else:
        await check_topics(address, run.topics)
    names = [topic.name for topic in run.topics]
    await run.take_over(target := await identify(address, names))
    logger.info("relay.leading", owner=run.owner)
    name, timeout_seconds = f"relay {run.owner}", run.settings.send_timeout_seconds
    async with staying(address, names, target, beat) as turn:
        while not stop.is_set():
            # Opened under the lock, and before the first page is read: so producers follow each other as leaders do,
            # and what an earlier one still has under way lies before what is sent now, or is refused.
            async with open_producer(address, timeout_seconds=timeout_seconds, name=name) as producer:
                patience.succeeded()
                await run.run(producer, stop, turn)
    await run.release()
