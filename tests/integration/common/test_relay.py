"""The relay: everything committed arrives, in order, and the topic's last word on a record is the log's highest."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaServer
from deploy.local.ports import free_port
from libs.common.announcing import announce
from libs.common.db import connect, open_engine, transaction
from libs.common.events import POSITION_KEY, POSITION_TYPE, told_by
from libs.common.kafka import Batch, Incoming, Message, Producer
from libs.common.leader import lead
from libs.common.log import Position, append
from libs.common.relay import RelayMeters, RelaySettings, _Run, run_relay
from libs.common.tracing import Tracing
from tests.integration.common.test_log import Row, new_log, raise_epoch
from tests.support.kafka import OwnTopic, own_topic, read_all
from tests.support.postgres import MakeDatabase
from tests.support.spans import KeptSpans

QUICK = RelaySettings(page_rows=100, send_timeout_seconds=1, lease_seconds=1)


@asynccontextmanager
async def _relaying(
    url: str,
    kafka: KafkaServer | str,
    topic: OwnTopic,
    registry: CollectorRegistry | None = None,
    settings: RelaySettings = QUICK,
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.ensure_future(
        run_relay(
            url,
            kafka if isinstance(kafka, str) else kafka.bootstrap,
            owner="test",
            routes={"thing.v1": topic},
            settings=settings,
            registry=registry or CollectorRegistry(),
            stop=stop,
            beat=lambda: None,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def _until_sent(engine: AsyncEngine) -> None:
    """Wait until the relay's stored position is the log's end."""
    for _ in range(2000):
        async with transaction(engine) as connection:
            there = await connection.fetchval(
                """SELECT count(*) FROM log_position p WHERE NOT EXISTS (
                       SELECT FROM log WHERE (log.epoch, log.xid, log.seq) > (p.epoch, p.xid, p.seq))"""
            )
            if there:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("the relay did not reach the end of the log")


def _records(messages: list[Incoming]) -> list[Incoming]:
    return [message for message in messages if message.type != POSITION_TYPE]


async def test_every_row_arrives_once_with_the_attributes_of_its_event(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay", partitions=3)
    rows = [Row(uuid4(), 1, body=b'{"n": %d}' % n) for n in range(500)]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, rows, request_id="asked-1")
        async with _relaying(url, kafka, topic):
            await _until_sent(engine)
    messages = await read_all(kafka.bootstrap, topic)
    sent = {UUID(message.key.decode()): message for message in _records(messages)}
    assert {i: m.value for i, m in sent.items()} == {row.record_id: row.body for row in rows}
    assert len(_records(messages)) == len(rows)
    headers = sent[rows[0].record_id].headers
    assert (headers["ce_type"], headers["ce_source"], headers["ce_requestid"]) == (
        "thing.v1",
        "/tungnha/test",
        "asked-1",
    )
    marks = {m.partition: Position.parse(m.headers["ce_sequence"]) for m in messages if m.type == POSITION_TYPE}
    highest = max(Position.parse(m.headers["ce_sequence"]) for m in sent.values())
    assert marks == dict.fromkeys(range(3), highest), "every partition was told how far the log has been sent"


async def test_rows_of_a_traced_request_carry_its_trace_on_unless_they_are_sent_again_long_after(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay")
    requests, sent = KeptSpans(), KeptSpans()
    traced, quiet, old = ([Row(uuid4(), 1) for _ in range(5)] for _ in range(3))
    async with open_engine(url, application_name="test") as engine:
        for rows, of in ((traced, f"00-{7:032x}-{9:016x}-01"), (quiet, None), (old, f"00-{8:032x}-{9:016x}-01")):
            with Tracing(requests).batch("request", [of]):
                async with transaction(engine) as connection:
                    await append(connection, rows)
        async with transaction(engine) as connection:
            await connection.execute(
                "UPDATE log SET appended_at = now() - interval '2 hours' WHERE record_id = ANY($1)",
                [row.record_id for row in old],
            )
        async with _relaying(url, kafka, topic, settings=replace(QUICK, tracing=Tracing(sent))):
            await _until_sent(engine)
    appended = next(span for span in requests.spans if span.name == "append")
    [sending] = sent.spans
    assert (sending.name, sending.kind, sending.parent) == ("send", "producer", appended.place)
    assert (sending.attributes["messaging.batch.message_count"], sending.ended, sending.error) == (5, 1, None)
    told = {
        UUID(m.key.decode()): m.headers.get("traceparent") for m in _records(await read_all(kafka.bootstrap, topic))
    }
    carried = f"00-{sending.place.trace_id:032x}-{sending.place.span_id:016x}-01"
    assert told == {row.record_id: carried if row in traced else None for row in (*traced, *quiet, *old)}


async def test_the_last_message_of_every_record_is_its_highest_revision(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    """A correction in a transaction older than the creation's is published last."""
    url, topic = await new_log(make_database), own_topic("relay")
    records = [uuid4() for _ in range(50)]
    async with open_engine(url, application_name="test") as engine, _relaying(url, kafka, topic):
        async with transaction(engine) as older:
            await older.execute("SELECT pg_current_xact_id()")
            async with transaction(engine) as younger:
                await append(younger, [Row(record, 1, body=b"1") for record in records])
            await append(older, [Row(record, 2, body=b"2") for record in records])
        await _until_sent(engine)
    last = {message.key: message.value for message in _records(await read_all(kafka.bootstrap, topic))}
    assert set(last.values()) == {b"2"}
    assert len(last) == len(records)


async def test_two_relays_take_turns_and_announcing_sends_everything_again(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay")
    rows = [Row(uuid4(), 1) for _ in range(20)]
    async with (
        open_engine(url, application_name="test") as engine,
        _relaying(url, kafka, topic),
        _relaying(url, kafka, topic),
    ):
        async with transaction(engine) as connection:
            await append(connection, rows)
        await _until_sent(engine)
        assert len(_records(await read_all(kafka.bootstrap, topic))) == len(rows)
        async with transaction(engine) as connection:
            await announce(connection)
        await _until_sent(engine)
    again = [UUID(message.key.decode()) for message in _records(await read_all(kafka.bootstrap, topic))]
    assert sorted(again) == sorted([row.record_id for row in rows] * 2)


async def test_another_cluster_or_topic_is_begun_at_the_beginning(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, first, second = await new_log(make_database), own_topic("relay"), own_topic("relay")
    rows = [Row(uuid4(), 1) for _ in range(20)]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, rows)
        for topic in (first, second):
            async with _relaying(url, kafka, topic):
                await _until_sent(engine)
                await asyncio.wait_for(_holds(kafka, topic, len(rows)), 20)


async def _holds(kafka: KafkaServer, topic: OwnTopic, count: int) -> None:
    while True:
        try:
            if len(_records(await read_all(kafka.bootstrap, topic))) == count:
                return
        except TimeoutError:
            continue


def _unpublished_seconds(registry: CollectorRegistry) -> float:
    return registry.get_sample_value("log_oldest_unpublished_seconds") or 0.0


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to pass")


async def test_while_kafka_is_away_the_age_of_the_oldest_unpublished_row_grows(make_database: MakeDatabase) -> None:
    url, registry = await new_log(make_database), CollectorRegistry()
    nowhere = f"127.0.0.1:{free_port()}"
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, [Row(uuid4(), 1)])
            await connection.execute("UPDATE log SET appended_at = now() - interval '100 s'")
            await append(connection, [Row(uuid4(), 1)])
        async with _relaying(url, nowhere, own_topic("relay"), registry):
            await _until(lambda: _unpublished_seconds(registry) > 100)
            since = _unpublished_seconds(registry)
            await _until(lambda: _unpublished_seconds(registry) > since + 0.5)
    assert _unpublished_seconds(registry) < 200


async def test_while_kafka_is_away_only_what_lies_behind_the_position_is_unpublished(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic, registry = await new_log(make_database), own_topic("relay"), CollectorRegistry()
    nowhere = f"127.0.0.1:{free_port()}"
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, [Row(uuid4(), 1)])
            await connection.execute("UPDATE log SET appended_at = now() - interval '100 s'")
        async with _relaying(url, kafka, topic):
            await _until_sent(engine)
        async with _relaying(url, nowhere, topic, registry):
            await _until(lambda: bool(registry.get_sample_value("relay_failures_total")))
            assert _unpublished_seconds(registry) == 0
            async with transaction(engine) as connection:
                await append(connection, [Row(uuid4(), 1)])
            await _until(lambda: _unpublished_seconds(registry) > 0.5)
            assert _unpublished_seconds(registry) < 100


async def test_once_everything_is_published_or_another_relay_leads_nothing_is_unpublished(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay")
    nowhere, registries = f"127.0.0.1:{free_port()}", [CollectorRegistry(), CollectorRegistry()]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, [Row(uuid4(), 1)])
        async with _relaying(url, nowhere, topic, registries[0]):
            await _until(lambda: _unpublished_seconds(registries[0]) > 0)
            # Each try ends the one's leadership, so the other comes to lead, and keeps it.
            async with _relaying(url, kafka, topic, registries[1]):
                await _until_sent(engine)
                await _until(lambda: not any(map(_unpublished_seconds, registries)))


class _Slow(Producer):
    """Takes its time to send, at the `held`th sending until its gate is open."""

    def __init__(self, seconds: float = 0, *, held: int = 0) -> None:
        self._seconds = seconds
        self._held = held
        self.gate = asyncio.Event()
        self.begun = 0
        self.sent: list[bytes] = []
        self.told: tuple[Position, bool] | None = None

    def pack(self, messages: Mapping[tuple[str, int], Sequence[Message]]) -> list[Batch]:
        return [Batch(*place, queue) for place, queue in messages.items()]

    async def deliver(self, batches: Sequence[Batch]) -> None:
        self.begun += 1
        await asyncio.sleep(self._seconds)
        if self.begun == self._held:
            await self.gate.wait()
        for message in (message for batch in batches for message in batch.builder):
            if message.key == POSITION_KEY:
                self.told = told_by(message.value)
            else:
                self.sent.append(message.value)


@asynccontextmanager
async def _sending_slowly(url: str, rows: Sequence[Row], producer: _Slow, lease_seconds: float) -> AsyncIterator[None]:
    """Relay these rows one by one; what happens meanwhile happens while one of them is being sent."""
    stop, topic = asyncio.Event(), own_topic("relay")
    settings = RelaySettings(page_rows=1, lease_seconds=lease_seconds)
    connection = await connect(url, application_name="test")
    async with connection.transaction():
        await append(connection, rows)
    await connection.close()
    async with lead(url, "slow", lease_seconds=lease_seconds, stop=stop, beat=lambda: None) as leadership:
        assert leadership is not None
        run = _Run("test", {"thing.v1": topic}, settings, RelayMeters.on(CollectorRegistry()), leadership)
        await run.take_over("somewhere")
        running = asyncio.ensure_future(run.run(producer, stop, lambda: None))
        yield
        stop.set()
        await running


async def test_a_send_that_outlasts_the_lease_does_not_end_the_leadership(make_database: MakeDatabase) -> None:
    """The answer to the statement that moves the position is a proof as good as any."""
    url, producer = await new_log(make_database), _Slow(0.4)
    rows = [Row(uuid4(), 1, body=b"%d" % n) for n in range(3)]
    async with _sending_slowly(url, rows, producer, lease_seconds=0.2):
        await _until(lambda: len(producer.sent) == 3)
    assert sorted(producer.sent) == [b"0", b"1", b"2"]


async def test_announced_while_a_page_is_sent_and_the_next_is_ready_everything_is_sent_again(
    make_database: MakeDatabase,
) -> None:
    url, producer = await new_log(make_database), _Slow(held=2)
    rows = sorted((Row(uuid4(), 1, body=b"%d" % n) for n in range(3)), key=lambda row: row.record_id)
    bodies = [row.body for row in rows]
    async with open_engine(url, application_name="test") as engine, _sending_slowly(url, rows, producer, 1):
        await _until(lambda: producer.begun == 2)
        async with transaction(engine) as connection:
            await announce(connection)
            end = await connection.fetchval(
                "SELECT epoch || '.' || xid || '.' || max(seq) FROM log GROUP BY epoch, xid"
            )
        producer.gate.set()
        await _until(lambda: producer.told == (Position.parse(end), True))
    assert producer.sent == bodies[:2] + bodies


async def test_rows_of_a_raised_epoch_are_published_after_those_of_the_old_one(
    make_database: MakeDatabase, kafka: KafkaServer
) -> None:
    url, topic = await new_log(make_database), own_topic("relay")
    old, new = [Row(uuid4(), 1, body=b"1") for _ in range(20)], [Row(uuid4(), 1, body=b"2") for _ in range(20)]
    async with open_engine(url, application_name="test") as engine, _relaying(url, kafka, topic):
        async with transaction(engine) as connection:
            await append(connection, old)
        await raise_epoch(engine)
        async with transaction(engine) as connection:
            await append(connection, new)
        await _until_sent(engine)
    sent = _records(await read_all(kafka.bootstrap, topic))
    assert {message.key.decode() for message in sent} == {str(row.record_id) for row in old + new}
    assert [Position.parse(m.headers["ce_sequence"]).epoch for m in sent if m.value == b"2"] == [2] * len(new)
    assert [message.value for message in sent][-len(new) :] == [b"2"] * len(new)
