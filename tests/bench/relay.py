"""P3: the relay, from the log to what Kafka has acknowledged, beside a plain send loop of the same bytes."""

import asyncio
import gc
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from libs.common.db import connect
from libs.common.events import message_of
from libs.common.kafka import Message, make_topics, partition_of
from libs.common.log import BEGINNING, TABLE, read
from libs.common.relay import RelaySettings, run_relay
from libs.contracts.records import RecordV1
from libs.contracts.topics import RECORDS
from services.visits import events
from tests.bench.bench import Bench
from tests.bench.cpu import Meter
from tests.bench.figures import Figure
from tests.bench.floors import send_batches
from tests.bench.rounds import interleaved, ratios
from tests.support.kafka import OwnTopic, own_topic

__all__ = ["run"]

ROWS = 60_000
ROWS_A_TRANSACTION = 500
TEAMS = 300
SEED = 7
Queues = dict[int, list[Message]]


async def run(bench: Bench) -> list[Figure]:
    """Relay the same log into a new topic in every round."""
    url = await bench.database("visits")
    await _fill(url)
    place = _Place(url, (await bench.kafka()).bootstrap, await _queues(url))
    parts = {"us": os.getpid(), "PostgreSQL": (await bench.postgres()).pid, "Kafka": (await bench.kafka()).pid}
    # As in every process of ours, with what the floor is to send kept out of the collector's sight.
    gc.collect()
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(20_000, 20, 50)
    floor, ours = _Way(place.floor, parts), _Way(place.relay, parts)
    taken = await interleaved(bench.rounds, floor=floor, ours=ours)
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    note = f"share of a core: {ours.shares}; floor: {floor.shares}"
    bench.say(f"P3: {note}")
    return [
        Figure("P3", "ratio", "ratio", ratios(taken["ours"], taken["floor"]), at_least=0.45, aim=0.60, note=note),
        Figure("P3", "relay", "rows/s", tuple(taken["ours"])),
        Figure("P3", "floor", "rows/s", tuple(taken["floor"])),
        Figure("P3", "relay_cpu", "CPU µs/row", tuple(ours.cpu[1:])),
        Figure("P3", "floor_cpu", "CPU µs/row", tuple(floor.cpu[1:])),
    ]


@dataclass
class _Way:
    """One of the two, with what it used of the processors: `cpu` is this process's, its start and end included."""

    seconds: Callable[[], Awaitable[float]]
    parts: Mapping[str, int]
    shares: str = ""
    cpu: list[float] = field(default_factory=list)

    async def __call__(self) -> float:
        """Give rows a second."""
        meter, before = Meter(self.parts), time.process_time()
        seconds = await self.seconds()
        self.cpu.append((time.process_time() - before) / ROWS * 1e6)
        self.shares = meter.read().told()
        return ROWS / seconds


@dataclass
class _Clock:
    """Runs from when the relay has its first page in hand until all it sent is acknowledged."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    begun: float = 0.0
    ended: float = 0.0

    def beat(self) -> None:
        """Note a turn of the relay's loop."""
        sent = self.registry.get_sample_value("events_published_total", {"type": events.RECORD_TYPE}) or 0
        if not sent:
            self.begun = time.perf_counter()
        elif sent >= ROWS and not self.ended:
            self.ended = time.perf_counter()
            self.stop.set()


@dataclass(frozen=True)
class _Place:
    """The log, the broker, and the messages that the log makes."""

    url: str
    bootstrap: str
    queues: Queues

    async def floor(self) -> float:
        """Give the seconds that sending alone takes."""
        async with _new_topic(self.bootstrap) as topic:
            return await send_batches(self.bootstrap, topic.name, self.queues)

    async def relay(self) -> float:
        """Give the seconds that the relay takes; a new topic makes it begin at the log's beginning."""
        clock = _Clock()
        async with _new_topic(self.bootstrap) as topic:
            await run_relay(
                self.url,
                self.bootstrap,
                owner="visits",
                routes=dict.fromkeys(events.ROUTES, topic),
                settings=RelaySettings(),
                registry=clock.registry,
                stop=clock.stop,
                beat=clock.beat,
            )
        return clock.ended - clock.begun


@asynccontextmanager
async def _new_topic(bootstrap: str) -> AsyncIterator[OwnTopic]:
    """Make a topic like that of the records, and delete it afterwards."""
    topic = own_topic("bench.records", RECORDS.partitions)
    await make_topics(bootstrap, [topic])
    yield topic
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic.name])
    finally:
        await admin.close()


async def _fill(url: str) -> None:
    """Put visits into the log, in transactions as large as a bulk request's."""
    chance = random.Random(SEED)  # noqa: S311 - for the same bytes in every run, not for secrets
    teams = [UUID(int=chance.getrandbits(128), version=4) for _ in range(TEAMS)]
    connection = await connect(url, application_name="bench fill")
    epoch = await connection.fetchval("SELECT epoch FROM log_epoch")
    for _ in range(0, ROWS, ROWS_A_TRANSACTION):
        rows = [_visit(chance, chance.choice(teams), epoch) for _ in range(ROWS_A_TRANSACTION)]
        await connection.copy_records_to_table(TABLE, columns=list(rows[0]), records=[tuple(r.values()) for r in rows])
    await connection.execute(f"ANALYZE {TABLE}")
    await connection.close()


def _visit(chance: random.Random, team: UUID, epoch: int) -> dict[str, Any]:
    """Make a row of the log: a visit of three lines, two of them with a person."""
    now = datetime.now(UTC)
    record = RecordV1.model_validate(
        {
            "record_id": UUID(int=chance.getrandbits(128), version=4),
            "revision": 1,
            "edition": 0,
            "kind": "visit",
            "state": "recorded",
            "reporter": {"kind": "team", "id": team},
            "unit_id": UUID(int=29905, version=4),
            "day": now.date(),
            "occurred_at": now,
            "received_at": now,
            "channel": "door_to_door",
            "recorded_by": "m-1",
            "household": _pseudonym(chance),
            "consent": {"text": "v1", "at": now, "how": "oral"},
            "lines": [_line(chance, number) for number in (1, 2, 3)],
        }
    )
    return {
        "record_id": record.record_id,
        "revision": 1,
        "epoch": epoch,
        "type": events.RECORD_TYPE,
        "partition_key": team,
        "kind": "visit",
        "state": "recorded",
        "received_at": now,
        "request_id": "bench",
        "body": record.model_dump_json(exclude_none=True),
    }


def _line(chance: random.Random, number: int) -> dict[str, Any]:
    line = {"line": number, "measure": "FLD-07", "platform": "e-dongthap", "quantity": 1}
    person = {"level": 1, "national_id": _pseudonym(chance), "phone": _pseudonym(chance)}
    return {**line, "person": person} if number < 3 else line


def _pseudonym(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"


async def _queues(url: str) -> Queues:
    """Make every message of the log, by partition."""
    queues: Queues = defaultdict(list)
    connection = await connect(url, application_name="bench read")
    page = await read(connection, BEGINNING, 2000)
    while page.rows:
        for state in page.announced:
            queues[partition_of(state.partition_key.bytes, RECORDS.partitions)].append(message_of(state, "visits"))
        page = await read(connection, page.reached, 2000)
    await connection.close()
    return queues
