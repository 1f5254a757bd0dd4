"""The day of a province as Prometheus sees it, on a real Kafka and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from libs.common.consume import Backlog
from libs.common.events import position_message
from libs.common.kafka import Message, make_topics, open_producer
from libs.common.log import Position
from libs.contracts.model import Contract
from libs.contracts.topics import type_of
from services.metrics.consumer.today import TodayReader
from services.metrics.domain.keys import NO_KEYS
from services.metrics.domain.today import Figures, Today
from services.metrics.use_cases.campaign import Campaign
from services.metrics.use_cases.keep_rollups import RollupPace, keep_rollups
from tests.support.kafka import OwnTopic, own_topic
from tests.support.metrics import BANK, TEAMS, Metrics, a_line, a_record, open_metrics, person, progress
from tests.support.postgres import MakeDatabase

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # 10:00 of the 22nd in Vietnam.
EARLIER = NOW - timedelta(hours=11)  # 23:00 of the 21st.
SMALLEST = 2


def message(state: Contract, at: datetime) -> Message:
    headers = [("ce_type", type_of(type(state)).encode())]
    return Message(str(state).encode(), state.model_dump_json().encode(), headers, int(at.timestamp() * 1000))


async def send(kafka: KafkaServer, topic: OwnTopic, *messages: Message) -> None:
    mark = position_message("visits", Position(1, 50, 1), caught_up=True)
    async with open_producer(kafka.bootstrap, timeout_seconds=10) as producer:
        await producer.send({(topic.name, 0): [*messages, mark]})


def told(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    [family] = [family for family in registry.collect() if family.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def rows_of(reader: TodayReader) -> int:
    into: Figures = {}
    for _ in reader.today.slices(lambda _: "", into):
        pass
    return sum(part.rows for part in into.values())


@asynccontextmanager
async def running(run: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(run(asyncio.Event()))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def a_reader(kafka: KafkaServer, topic: OwnTopic, clock: Callable[[], datetime]) -> TodayReader:
    return TodayReader(kafka.bootstrap, [topic], Today(), NO_KEYS, Backlog(), clock)


def a_campaign(
    metrics: Metrics, reader: TodayReader, clock: Callable[[], datetime]
) -> tuple[Campaign, CollectorRegistry]:
    registry = CollectorRegistry()
    units = metrics.picture.units
    return Campaign(
        metrics.engine, registry, units, reader.today, lambda: reader.whole, clock, smallest_shown=SMALLEST
    ), registry


async def test_what_was_received_today_is_told_however_old_the_work_is(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    topic = own_topic("today")
    await make_topics(kafka.bootstrap, [topic])
    yesterday = a_record(1, a_line(1, person=person(phone="an")), received_at=EARLIER)
    rows = [
        a_record(2, a_line(1, quantity=3, person=person(phone="an")), received_at=NOW),
        a_record(3, a_line(1, person=person(phone="an")), a_line(2, person=person(phone="binh")), received_at=NOW),
        a_record(4, a_line(1, measure="FLD-08", person=person(phone="an")), reporter=TEAMS[1], received_at=NOW),
        a_record(5, a_line(1), reporter=BANK, received_at=NOW),
    ]
    await send(kafka, topic, message(yesterday, EARLIER), *(message(row, NOW) for row in rows))
    reader = a_reader(kafka, topic, lambda: NOW)
    async with open_metrics(await make_database("metrics")) as metrics, running(reader.run):
        campaign, registry = a_campaign(metrics, reader, lambda: NOW)
        await until(lambda: reader.whole)
        await campaign.look()
        assert told(registry, "campaign_rows_today") == {("87",): 4}
        assert told(registry, "campaign_teams_today") == {("87",): 2}
        assert told(registry, "campaign_turns_today") == {("87", "FLD-07"): 6, ("87", "FLD-08"): 1}
        # One person of FLD-08 is fewer than are shown: there is no series, not a 0.
        assert told(registry, "campaign_people_today") == {("87", "FLD-07"): 2}
        void = a_record(2, revision=2, received_at=NOW)
        await send(kafka, topic, message(void, NOW))
        await until(lambda: rows_of(reader) == 3)


async def test_at_midnight_in_vietnam_the_day_begins_anew_and_what_is_not_known_is_not_told(
    kafka: KafkaServer, make_database: MakeDatabase
) -> None:
    topic, clock = own_topic("midnight"), [NOW]
    await make_topics(kafka.bootstrap, [topic])
    await send(kafka, topic, message(a_record(1, a_line(1), received_at=NOW), NOW))
    reader = a_reader(kafka, topic, lambda: clock[0])
    async with open_metrics(await make_database("metrics")) as metrics:
        campaign, registry = a_campaign(metrics, reader, lambda: clock[0])
        await campaign.look()
        assert told(registry, "campaign_rows_today") == {}  # Not known yet, so not 0.
        async with running(reader.run):
            await until(lambda: reader.whole)
        await campaign.look()
        assert told(registry, "campaign_rows_today") == {("87",): 1}
        reader.whole = False  # Kafka went away.
        await campaign.look()
        assert told(registry, "campaign_rows_today") == {("87",): 1}
        clock[0] = NOW + timedelta(hours=14)  # 00:00 of the 23rd.
        await campaign.look()
        assert told(registry, "campaign_rows_today") == {}  # Yesterday's are not today's.
        reader.whole = True
        await campaign.look()
        assert told(registry, "campaign_rows_today") == {}


async def test_a_province_is_complete_until_the_least_that_its_reporters_have_said(make_database: MakeDatabase) -> None:
    url = await make_database("metrics")
    async with open_metrics(url) as metrics:
        await metrics.fold(a_record(1, a_line(1)), a_record(2, a_line(1), reporter=TEAMS[1]))
        registry, stop = CollectorRegistry(), asyncio.Event()
        pace = RollupPace(entries=1, seconds=0, look_seconds=0.01, rest=0)
        keeping = asyncio.ensure_future(
            keep_rollups(metrics.engine, url, metrics.picture.units, pace, Backlog(), registry, stop)
        )
        async with asyncio.timeout(30):
            while True:
                if await metrics.fetch("SELECT FROM rollups WHERE level = 2 AND measure = ''"):
                    break
                await asyncio.sleep(0.02)
        stop.set()
        await keeping
        reader = a_reader_of_nothing()
        campaign, told_at = a_campaign(metrics, reader, lambda: NOW)
        await metrics.fold(progress(1, TEAMS[0], device="a", synced_through=(NOW - timedelta(hours=2)).isoformat()))
        await campaign.look()
        assert told(told_at, "complete_through_age_seconds") == {}  # The other team has never said.
        await metrics.fold(progress(2, TEAMS[1], device="b", synced_through=(NOW - timedelta(hours=5)).isoformat()))
        await campaign.look()
        assert told(told_at, "complete_through_age_seconds") == {("87",): pytest.approx(5 * 3600)}
        # Now that the province is known, nothing received today is 0, of rows and teams; people stay untold.
        await campaign.look()
        assert told(told_at, "campaign_rows_today") == told(told_at, "campaign_teams_today") == {("87",): 0}
        assert told(told_at, "campaign_people_today") == {}


def a_reader_of_nothing() -> TodayReader:
    reader = TodayReader("127.0.0.1:1", [], Today(), NO_KEYS, Backlog(), lambda: NOW)
    reader.whole = True
    return reader
