"""Where a life is lived, a database and a topic of its own, and what must be true after a death and another life."""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from deploy.local.postgres import PostgresServer
from libs.common.db import connect, migrate
from libs.common.events import POSITION_TYPE
from libs.common.kafka import Message, open_producer
from libs.common.relay import RelaySettings, run_relay
from libs.contracts.topics import RECORDS
from services.visits import events
from tests.faults.steps_work import disagreement, rounds, send
from tests.support.counting import State, counted, expected
from tests.support.kafka import OwnTopic, read_all
from tests.support.postgres import SERVICES
from tests.support.visits import open_visits

__all__ = ["Fold", "Relay", "Stage", "World", "Write", "set_the_stage"]

REVISIONS = "SELECT record_id::text, revision, edition, state FROM log WHERE kind <> 'progress' ORDER BY 1, 2, 3"
NEWEST = """SELECT DISTINCT ON (record_id) record_id::text AS key, body::text AS body FROM log WHERE NOT held
            ORDER BY record_id, revision DESC, edition DESC"""
POSITION = "SELECT (epoch, xid, seq)::text FROM log_position"
END = "SELECT (epoch, xid, seq)::text FROM log ORDER BY log.epoch DESC, log.xid DESC, log.seq DESC LIMIT 1"
PARTS = ("facts", "quantity", "unknown", "people", "households", "progress")
UNREADABLE = b"{}"
FILL_SECONDS = 60


@dataclass
class Stage:
    """What all lives share: the servers, the databases they copy, a topic that is full, and what must come of it."""

    postgres: PostgresServer
    kafka: KafkaServer
    seed: int
    wanted: State
    revisions: list[tuple[Any, ...]]
    messages: int
    unreadable: int

    async def copy(self, template: str) -> str:
        """Make a database like another and give its address."""
        name = f"s_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(self.postgres.url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return self.postgres.url(name)


class World(Protocol):
    """The world of one life."""

    name: str

    async def arguments(self, stage: Stage) -> Mapping[str, Any]:
        """Make it, and give what the life is told of it."""

    async def differences(self, stage: Stage, folder: Path) -> list[str]:
        """Say what is not as it must be, after a life that was cut short and one that was not."""


@dataclass
class Write:
    """A writer of batches; recovered, it sends everything again."""

    name: str = "write"
    url: str = ""

    async def arguments(self, stage: Stage) -> Mapping[str, Any]:
        self.url = await stage.copy("empty_visits")
        return {"url": self.url, "seed": stage.seed}

    async def differences(self, stage: Stage, folder: Path) -> list[str]:
        requests = [request for each in rounds(stage.seed) for request in each]
        told, again = _answers(folder / "answers"), _answers(folder / "answers.again")
        # The dead one told fewer.
        found = [disagreement(*each) for each in zip(requests, told, again, strict=False)]
        if await _revisions(self.url) != stage.revisions:
            found.append("the log does not hold each revision once")
        return [*filter(None, found), *_compare(stage.wanted, await expected(self.url))]


@dataclass
class Relay:
    """A relay of a full log to a topic of its own."""

    name: str = "relay"
    url: str = ""
    topic: str = field(default_factory=lambda: f"relayed.{uuid.uuid4().hex[:12]}")

    async def arguments(self, stage: Stage) -> Mapping[str, Any]:
        self.url = await stage.copy("full_visits")
        return {"url": self.url, "bootstrap": stage.kafka.bootstrap, "topic": self.topic}

    async def differences(self, stage: Stage, folder: Path) -> list[str]:
        connection = await connect(self.url, application_name="test oracle")
        position, end = await connection.fetchval(POSITION), await connection.fetchval(END)
        newest = {row["key"]: json.loads(row["body"]) for row in await connection.fetch(NEWEST)}
        await connection.close()
        messages = await read_all(stage.kafka.bootstrap, OwnTopic(self.topic, 2))
        last = {m.key.decode(): json.loads(m.value) for m in messages if m.type != POSITION_TYPE}
        found = [] if position == end else [f"the relay stands at {position}, the log ends at {end}"]
        for key in sorted(newest.keys() | last.keys()):
            if newest.get(key) != last.get(key):
                found.append(f"{key}: the log's newest is {newest.get(key)}, the last message {last.get(key)}")
        return found


@dataclass
class Fold:
    """A fold of a full topic into a database of its own."""

    name: str = "fold"
    url: str = ""

    async def arguments(self, stage: Stage) -> Mapping[str, Any]:
        self.url = await stage.copy("empty_metrics")
        return {"url": self.url, "bootstrap": stage.kafka.bootstrap, "messages": stage.messages}

    async def differences(self, stage: Stage, folder: Path) -> list[str]:
        connection = await connect(self.url, application_name="test oracle")
        letters = await connection.fetchval("SELECT count(*) FROM dead_letters")
        await connection.close()
        found = [] if letters == stage.unreadable else [f"{letters} dead letters, not {stage.unreadable}"]
        return found + _compare(stage.wanted, await counted(self.url))


def _answers(notes: Path) -> list[Any]:
    return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def _compare(wanted: State, found: State) -> list[str]:
    differences = []
    for part in PARTS:
        before, after = getattr(wanted, part), getattr(found, part)
        if before != after:
            wrong = before ^ after if isinstance(before, set) else set(before.items()) ^ set(after.items())
            differences.append(f"{part} are not those of the undisturbed run: {wrong}")
    return differences


async def _revisions(url: str) -> list[tuple[Any, ...]]:
    connection = await connect(url, application_name="test oracle")
    try:
        return [tuple(row) for row in await connection.fetch(REVISIONS)]
    finally:
        await connection.close()


async def set_the_stage(postgres: PostgresServer, kafka: KafkaServer, seed: int) -> Stage:
    """Live it once undisturbed: fill a log, and relay it round by round, so that old states are in the topic, too."""
    for service in ("visits", "metrics"):
        await postgres.create_database(f"empty_{service}")
        await asyncio.to_thread(migrate, postgres.url(f"empty_{service}"), SERVICES / service / "migrations")
    stage = Stage(postgres, kafka, seed, State(), [], 0, 0)
    filled = await stage.copy("empty_visits")
    async with open_visits(filled) as visits:
        for each in rounds(seed):
            for request in each:
                await send(visits, request)
            await _relay_all(filled, kafka.bootstrap)
            stage.unreadable += await _send_unreadable(kafka.bootstrap)
    stage.messages = len(await read_all(kafka.bootstrap, OwnTopic(RECORDS.name, RECORDS.partitions)))
    stage.wanted, stage.revisions = await expected(filled), await _revisions(filled)
    await _make_template(postgres, filled)
    return stage


async def _relay_all(url: str, bootstrap: str) -> None:
    stop = asyncio.Event()
    connection = await connect(url, application_name="test watcher")
    async with asyncio.TaskGroup() as group:
        group.create_task(
            run_relay(
                url,
                bootstrap,
                owner="visits",
                routes=events.ROUTES,
                settings=RelaySettings(),
                registry=CollectorRegistry(),
                stop=stop,
                beat=lambda: None,
            )
        )
        async with asyncio.timeout(FILL_SECONDS):
            while not stop.is_set():
                await asyncio.sleep(0.01)
                if await connection.fetchval(POSITION) == await connection.fetchval(END):
                    stop.set()
    await connection.close()


async def _send_unreadable(bootstrap: str) -> int:
    """Put a record into the topic that no consumer can read; gives how many."""
    headers = [("ce_type", events.RECORD_TYPE.encode())]
    message = Message(uuid.uuid4().bytes, UNREADABLE, headers, int(time.time() * 1000))
    async with open_producer(bootstrap, timeout_seconds=FILL_SECONDS) as producer:
        await producer.send({(RECORDS.name, 0): [message]})
    return 1


async def _make_template(postgres: PostgresServer, url: str) -> None:
    """Keep the full log under a name, as it was before any relay."""
    connection = await connect(postgres.url("postgres"), application_name="test template")
    await connection.execute(f"CREATE DATABASE full_visits TEMPLATE {url.rsplit('/', 1)[1]}")
    await connection.close()
    connection = await connect(postgres.url("full_visits"), application_name="test template")
    await connection.execute("DELETE FROM log_position")
    await connection.close()
