"""Records on a real Kafka, a real consumer of metrics, and `replay` run as operators run it."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pyroaring import BitMap

from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.ports import free_port
from deploy.local.supervisor import Service, open_supervisor
from libs.common.events import position_message
from libs.common.kafka import Message, TopicSpec, make_topics, open_producer, partition_of
from libs.common.log import Position
from libs.contracts.model import Contract
from libs.contracts.records import RecordV1
from libs.contracts.registry import UnitV1
from libs.contracts.topics import DENOMINATORS, MEMBERS, RECORDS, TEAMS, UNITS, type_of
from tests.support import metrics as known
from tests.support.kafka import CACHE
from tests.support.metrics import Metrics, a_line, a_record, open_metrics, person
from tests.support.networks import a_member, a_team, denominator

__all__ = ["Replay", "World", "open_world", "until"]

ROOT = Path(__file__).parents[2]
PLACES = (known.WARD, known.OTHER_WARD, known.ELSEWHERE)
MONTHS = (3, 4, 5)


async def until(condition: Any, what: str, seconds: float = 60) -> None:
    """Poll until a condition, which may be awaited, holds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


@dataclass
class Replay:
    """The command, running; `said` is what it has said so far."""

    process: asyncio.subprocess.Process
    said: str = ""

    async def until_said(self, text: str) -> None:
        """Read on until it has said a text; fails where it ends without."""
        while text not in self.said:
            assert await self._read(), f"it ended without {text!r}:\n{self.said}"

    async def end(self) -> int:
        """Read to its end; gives the exit code."""
        while await self._read():
            pass
        return await self.process.wait()

    async def kill(self) -> None:
        """End it as a machine that fails would."""
        self.process.kill()
        await self.end()

    async def _read(self) -> bool:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        self.said += line.decode()
        return bool(line)


@dataclass
class World:
    """A broker, a database, and its consumer as a process; `sent` is the newest revision of each record."""

    kafka: KafkaServer
    url: str
    metrics: Metrics
    chance: random.Random = field(default_factory=lambda: random.Random(20250510))  # noqa: S311
    sent: dict[int, RecordV1] = field(default_factory=dict)
    seq: int = 0

    def env(self) -> dict[str, str]:
        """Give what processes are told."""
        return {"KAFKA_BOOTSTRAP": self.kafka.bootstrap, "DATABASE_URL_METRICS": self.url}

    async def send(self, batch: int) -> None:
        """Send records, new ones and new revisions, each partition's with the position reached."""
        self.seq += 1
        records = [self._record() for _ in range(batch)]
        await self.tell(RECORDS, [(record.record_id, record) for record in records], by=lambda r: r.reporter.id)

    def _record(self) -> RecordV1:
        chance = self.chance
        revise = bool(self.sent) and chance.random() < 0.3
        number = chance.choice(list(self.sent)) if revise else len(self.sent) + 1
        revision = self.sent[number].revision + 1 if revise else 1
        who = [None, *({kind: str(chance.randrange(300))} for kind in ("phone", "national_id", "ref"))]
        lines = [
            a_line(n, quantity=chance.randint(1, 4), person=person(**told) if (told := chance.choice(who)) else None)
            for n in range(1, 1 if revise and chance.random() < 0.3 else chance.randint(2, 4))
        ]
        self.sent[number] = a_record(
            number,
            *lines,
            revision=revision,
            reporter=[*known.TEAMS, known.BANK][number % 4],
            unit_id=PLACES[number % 3],
            day=date(2025, chance.choice(MONTHS), chance.randint(1, 28)).isoformat(),
            household=chance.choice([None, "1", "2", "3"]),
        )
        return self.sent[number]

    async def tell(self, topic: TopicSpec, states: Sequence[tuple[UUID, Contract]], by: Any = None) -> None:
        """Send states to a topic, and then that this is all so far."""
        messages: dict[tuple[str, int], list[Message]] = {(topic.name, n): [] for n in range(topic.partitions)}
        now = time.time_ns() // 1_000_000
        position = Position(1, 100 + self.seq, 1)
        for key, state in states:
            value = state.model_dump_json(by_alias=True).encode()
            headers = [("ce_type", type_of(type(state)).encode()), ("ce_sequence", str(position).encode())]
            place = partition_of((by(state) if by else key).bytes, topic.partitions)
            messages[topic.name, place].append(Message(str(key).encode(), value, headers, now))
        for queue in messages.values():
            queue.append(position_message("owner", position, caught_up=True))
        async with open_producer(self.kafka.bootstrap, timeout_seconds=10) as producer:
            await producer.send(messages)

    async def until_folded(self) -> None:
        """Wait until the live tables have all that was sent."""

        async def folded() -> bool:
            ((reached,),) = await self.metrics.fetch(
                f"SELECT coalesce(min(xid), 0) FROM inbox WHERE topic = '{RECORDS.name}'"
            )
            return bool(reached >= 100 + self.seq)

        await until(folded, "everything is folded")

    def expected(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Count in plain Python: quantity and distinct people by unit, day and reporter."""
        quantity: Counter[tuple[str, str, str]] = Counter()
        people: dict[tuple[str, str, str], set[str]] = {}
        for record in self.sent.values():
            for line in record.lines:
                key = (str(record.unit_id), str(record.day), str(record.reporter.id))
                quantity[key] += line.quantity
                told = line.person
                who = told and (told.national_id or told.phone or told.ref or told.receipt)
                people.setdefault(key, set()).update([who] if who else [])
        return {key: (number, len(people[key])) for key, number in quantity.items()}

    async def counted(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Read the same from the live cells."""
        rows = await self.metrics.fetch(
            "SELECT unit_id::text, day::text, reporter_id::text, quantity, persons FROM named_cells WHERE quantity > 0"
        )
        return {tuple(key): (n, len(BitMap.deserialize(s)) if s else 0) for *key, n, s in rows}

    async def replay(self, *arguments: str) -> Replay:
        """Start the command; `--service metrics` is said already."""
        return await self.ops("replay", "--service", "metrics", *arguments)

    async def ops(self, *arguments: str) -> Replay:
        """Start a command of operators."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.ops",
            *arguments,
            cwd=ROOT,
            env={**os.environ, **self.env()},  # noqa: TID251
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return Replay(process)

    async def schemas(self) -> set[str]:
        """Give the schemas of a rebuild that there are."""
        rows = await self.metrics.fetch(
            "SELECT nspname::text FROM pg_namespace WHERE nspname IN ('rebuild', 'replaced')"
        )
        return {name for (name,) in rows}


def _units() -> list[tuple[UUID, Contract]]:
    city = (known.PROVINCE, known.CITY)
    told = [
        (known.PROVINCE, "87", "province", (known.PROVINCE,)),
        (known.CITY, "867", "district", city),
        (known.WARD, "29905", "commune", (*city, known.WARD)),
        (known.OTHER_WARD, "29908", "commune", (*city, known.OTHER_WARD)),
        (known.ELSEWHERE, "00001", "commune", (known.ELSEWHERE,)),
    ]
    return [
        (
            unit_id,
            UnitV1.model_validate(
                {
                    "unit_id": unit_id,
                    "revision": 1,
                    "code": code,
                    "level": level,
                    "type": "xa",
                    "name": f"Đơn vị {code}",
                    "short_name": code,
                    "valid_from": None,
                    "valid_to": None,
                    "parent_id": path[-2] if len(path) > 1 else None,
                    "path": list(path),
                    "within": list(path),
                }
            ),
        )
        for unit_id, code, level, path in told
    ]


@asynccontextmanager
async def open_world(url: str, folder: Path) -> AsyncIterator[World]:
    """Open a world in which the registry has told a map, two teams and a member, and nothing is recorded yet."""
    async with (
        open_kafka(folder / "kafka", CACHE, say=lambda _: None) as kafka,
        open_supervisor(folder / "log") as supervisor,
        open_metrics(url) as metrics,
    ):
        world = World(kafka, url, metrics)
        await make_topics(kafka.bootstrap, [UNITS, TEAMS, MEMBERS, DENOMINATORS, RECORDS])
        await world.tell(UNITS, _units())
        await world.tell(TEAMS, [(uuid4(), a_team(name, known.WARD)) for name in ("a", "b")])
        await world.tell(MEMBERS, [(uuid4(), a_member("m", "a"))])
        await world.tell(DENOMINATORS, [(uuid4(), denominator("d", known.WARD, "households", date(2025, 1, 1), 900))])
        port = free_port()
        service = Service(
            "consumer",
            ["-m", "services.metrics", "consumer"],
            port,
            {**world.env(), "METRICS_CONSUMER_PORT": str(port), "METRICS_ROLLUP_ENTRIES": "100"},
        )
        await supervisor.start(service)
        yield world
