"""A broker and databases of one test's own, with the real processes on them."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.ports import free_port
from deploy.local.supervisor import Service, Supervisor, open_supervisor
from libs.common.db import connect
from libs.common.kafka import identify
from libs.common.log import Position
from libs.contracts.topics import RECORDS
from tests.support.kafka import CACHE
from tests.support.postgres import MakeDatabase
from tests.support.visits import Visits, a_line, a_report, a_visit, open_visits

__all__ = ["UNKNOWN_TEAMS", "World", "fill", "until", "world"]

SEED = 20250510
ROWS_A_BATCH = 250
REPORTS_A_BATCH = 60
UNKNOWN_TEAMS = tuple(str(uuid.UUID(int=n, version=4)) for n in range(91, 94))


@dataclass
class World:
    """What a test of the whole chain works with."""

    kafka: KafkaServer
    supervisor: Supervisor
    visits: Visits
    visits_url: str
    metrics_url: str
    keys_file: Path

    def relay(self) -> Service:
        """The relay as a process of its own."""
        port = free_port()
        return Service(
            "relay", ["-m", "services.visits", "relay"], port, {**self._env(), "VISITS_RELAY_PORT": str(port)}
        )

    def consumer(self, metrics_url: str | None = None, kafka: KafkaServer | None = None) -> Service:
        """The metrics consumer as a process of its own, over the given database and broker."""
        port = free_port()
        env = {**self._env(), "METRICS_CONSUMER_PORT": str(port)}
        if metrics_url:
            env["DATABASE_URL_METRICS"] = metrics_url
        if kafka:
            env["KAFKA_BOOTSTRAP"] = kafka.bootstrap
        return Service("consumer", ["-m", "services.metrics", "consumer"], port, env)

    def _env(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "DATABASE_URL_VISITS": self.visits_url,
            "DATABASE_URL_METRICS": self.metrics_url,
            "VISITS_PSEUDONYM_KEYS_FILE": str(self.keys_file),
            "VISITS_RELAY_SEND_TIMEOUT_SECONDS": "2",
        }

    async def log_end(self) -> Position:
        """Give the position of the last row of the log."""
        row = await self._row(
            self.visits_url,
            "SELECT epoch, xid::text::bigint AS xid, seq FROM log ORDER BY log.epoch DESC, log.xid DESC, log.seq DESC"
            " LIMIT 1",
        )
        return Position(*row) if row else Position(0, 0, 0)

    async def relayed(self) -> Position:
        """Give the relay's stored position."""
        row = await self._row(self.visits_url, "SELECT epoch, xid::text::bigint, seq FROM log_position")
        return Position(*row) if row else Position(0, 0, 0)

    async def folded(self, metrics_url: str | None = None) -> Position:
        """Give how far every partition has been folded."""
        row = await self._row(
            metrics_url or self.metrics_url,
            f"SELECT epoch, xid, seq FROM inbox WHERE topic = '{RECORDS.name}' ORDER BY epoch, xid, seq LIMIT 1",
        )
        return Position(*row) if row else Position(0, 0, 0)

    async def until_folded(self, metrics_url: str | None = None) -> None:
        """Wait until everything that is in the log has been folded."""
        end = await self.log_end()
        await until(lambda: self._has_folded(end, metrics_url), "everything is folded")

    async def _has_folded(self, end: Position, metrics_url: str | None) -> bool:
        return await self.folded(metrics_url) >= end

    async def topic_id(self) -> str:
        """Name the records' topic."""
        return await identify(self.kafka.bootstrap, [RECORDS.name])

    @staticmethod
    async def _row(url: str, statement: str) -> Any:
        connection = await connect(url, application_name="test watcher")
        try:
            return await connection.fetchrow(statement)
        finally:
            await connection.close()


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    """Poll until a condition holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


async def fill(visits: Visits, batches: int, seed: int = SEED) -> None:
    """Send visits and a bank's reports about people who come back, then correct some and void some."""
    chance = random.Random(seed)  # noqa: S311 - for a reproducible campaign, not for secrets
    sent: list[dict[str, Any]] = []
    for number in range(batches):
        rows = [_visit(chance) for _ in range(ROWS_A_BATCH)]
        device = {"device": f"m-{number % 3}", "synced_through": _moment(chance)} if chance.random() < 0.5 else {}
        for row, receipt in zip(rows, await visits.send(*rows, **device), strict=True):
            assert receipt["status"] == ("held" if row["team"] in UNKNOWN_TEAMS else "accepted"), receipt
        reports = [_report(chance) for _ in range(REPORTS_A_BATCH)]
        answer = await visits.post("/v1/partner-reports:batch", {"rows": reports, **device}, client="bank")
        assert answer.status == 200, answer.body
        assert answer.json["counts"]["accepted"] == REPORTS_A_BATCH, answer.body
        sent += [row for row in rows if row["team"] not in UNKNOWN_TEAMS] + reports
    for row in chance.sample(sent, batches * 3):
        await _change(visits, chance, row)


async def _change(visits: Visits, chance: random.Random, row: dict[str, Any]) -> None:
    """Void a record, or give it wholly new content."""
    change = {"id": _id(chance), "replaces": 1}
    kind, client, make = ("visits", "app", _visit) if "team" in row else ("partner-reports", "bank", _report)
    if chance.random() < 0.5:
        answer = await visits.post(f"/v1/{kind}/{row['id']}:void", change, client=client)
    else:
        fresh = {name: value for name, value in make(chance).items() if name not in ("id", "team")}
        answer = await visits.post(f"/v1/{kind}/{row['id']}:correct", {**fresh, **change}, client=client)
    assert answer.status == 200, answer.body


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _moment(chance: random.Random) -> str:
    return f"2025-05-{chance.randint(1, 28):02}T08:00:00+07:00"


def _visit(chance: random.Random) -> dict[str, Any]:
    """Make a visit; one in forty is of a team that nobody has told of."""
    lines = []
    for number in range(1, chance.randint(2, 4)):
        references = {**_references(chance), "ref": f"r{chance.randrange(100)}"}
        person = {kind: value for kind, value in references.items() if chance.random() < 0.4}
        receipt = f"R-{chance.randrange(400)}" if chance.random() < 0.3 else None
        line = a_line(number, measure=chance.choice(["FLD-07", "FLD-09"]), person=person or None, receipt=receipt)
        lines.append({name: value for name, value in line.items() if value is not None})
    team = chance.choice(UNKNOWN_TEAMS) if chance.random() < 0.025 else chance.choice(["SD-01", "SD-02"])
    household = {"ref": f"H{chance.randrange(200)}"}
    return a_visit(id=_id(chance), team=team, occurred_at=_moment(chance), household=household, lines=lines)


def _report(chance: random.Random) -> dict[str, Any]:
    """Make a bank's report, about somebody it knows by a number or only by its own receipt."""
    number = chance.choice(["national_id", "phone", None])
    person = {number: _references(chance)[number]} if number else None
    receipt = f"R-{chance.randrange(400)}" if person is None or chance.random() < 0.5 else None
    return a_report(id=_id(chance), occurred_at=_moment(chance), person=person, receipt=receipt)


def _references(chance: random.Random) -> dict[str, str]:
    """Numbers of one of few, so that many come back, with teams and with the bank."""
    return {"national_id": f"0870850{chance.randrange(300):05}", "phone": f"0912{chance.randrange(300):06}"}


@pytest_asyncio.fixture
async def world(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[World]:
    """A broker, a supervisor, and the visits application in this process."""
    visits_url, metrics_url = await make_database("visits"), await make_database("metrics")
    keys_file = tmp_path / "keys.txt"
    keys_file.write_text("6b" * 32)
    async with (
        open_kafka(tmp_path / "kafka", CACHE, say=lambda _: None) as kafka,
        open_supervisor(tmp_path / "log") as supervisor,
        open_visits(visits_url) as visits,
    ):
        yield World(kafka, supervisor, visits, visits_url, metrics_url, keys_file)


pytestmark = pytest.mark.timeout(240)
