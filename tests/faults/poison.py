"""Messages that cannot be read, sent on purpose: each a dead letter, and counted once it is mended."""

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.local.child import LocalError
from libs.common.kafka import Away, Message, open_producer, partition_of
from libs.contracts.records import RecordV1
from libs.contracts.topics import RECORDS, type_of
from tests.faults.cluster import Cluster
from tests.faults.ledger import Ledger
from tests.faults.recount import Fact
from tests.faults.world import World

__all__ = ["Poisoner", "send_poison"]

Json = dict[str, Any]
SOURCE = "/tungnha/faults"
ROWS_A_POISON = 10_000
NEWEST = """SELECT record_id::text AS id, partition_key AS key, body::text AS body FROM log
    WHERE kind = 'visit' AND NOT held ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1"""


def _with_line(body: Json, **changes: Any) -> bytes:
    return json.dumps({**body, "lines": [{**body["lines"][0], **changes}]}).encode()


BREAKS: dict[str, Callable[[Json], bytes]] = {
    "cut off": lambda body: json.dumps(body).encode()[:-20],
    "a word for a number": lambda body: _with_line(body, quantity="nhiều"),
    "no unit": lambda body: json.dumps({name: value for name, value in body.items() if name != "unit_id"}).encode(),
    "a line twice": lambda body: json.dumps({**body, "lines": 2 * body["lines"]}).encode(),
    "a key of another level": lambda body: _with_line(body, person={**body["lines"][0]["person"], "level": 2}),
    "a revision too high": lambda body: json.dumps({**body, "revision": 2**31}).encode(),
}


@dataclass
class Poisoner:
    """Sends one unreadable message for each ten thousand rows: records of its own, and copies of the clients'."""

    cluster: Cluster
    world: World
    ledger: Ledger
    chance: random.Random
    mended: dict[str, bytes] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if len(self.mended) <= self.ledger.tally["stored"] // ROWS_A_POISON:
                await self.one()
            await asyncio.sleep(0.2)

    async def one(self) -> None:
        """Send one message; a broken copy of a real one every third time."""
        rows = await self.cluster.ask("visits", NEWEST) if len(self.mended) % 3 == 2 else []
        body, key, reporter = self._own()
        if rows:
            broken, key, reporter = rows[0]["body"].encode()[:-15], rows[0]["id"], rows[0]["key"]
            mended = rows[0]["body"].encode()
        else:
            broken = list(BREAKS.values())[len(self.facts) % len(BREAKS)](body)
            mended = json.dumps(body).encode()
        name = f"faults/{len(self.mended)}"
        self.mended[name] = mended
        if not rows:
            self.facts.append(self._fact(body))
        await send_poison(self.cluster, name, key, broken, partition_of(reporter.bytes, RECORDS.partitions))

    def _own(self) -> tuple[Json, str, uuid.UUID]:
        """Make a record that no client has sent."""
        record = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        team, unit = self.world.teams["SD-02"]
        person = {"level": 1, "national_id": f"{self.chance.getrandbits(128):032x}"}
        body = {
            "record_id": record,
            "revision": 1,
            "edition": 0,
            "kind": "visit",
            "state": "recorded",
            "reporter": {"kind": "team", "id": team},
            "unit_id": unit,
            "day": f"2025-0{self.chance.randint(1, 6)}-11",
            "occurred_at": "2025-04-11T01:00:00Z",
            "received_at": "2025-04-11T02:00:00Z",
            "lines": [{"line": 1, "measure": "FLD-07", "quantity": 3, "person": person}],
        }
        return body, record, uuid.UUID(team)

    def _fact(self, body: Json) -> Fact:
        team, unit = self.world.teams["SD-02"]
        references = (body["lines"][0]["person"]["national_id"], None, None, None)
        return Fact(body["record_id"], 1, unit, "FLD-07", "", body["day"], team, "team", 3, references, None)

    async def redrive(self) -> list[str]:
        """Drive the dead letters again as they are, then mended, then once more; gives what is wrong with that."""
        wrong: list[str] = []
        letters = (await self.cluster.ask("metrics", "SELECT count(*) FROM dead_letters"))[0][0]
        listed = (await self.cluster.command("deploy.ops", "dead-letters", "list")).splitlines()
        if len(listed) != letters or not all(line.split("\t")[-1].strip() for line in listed):
            wrong.append(f"{letters} dead letters, listed with reasons are {len(listed)}: {listed[:3]}")
        told = await self._redriven()
        if f"· 0 processed, {letters} still dead" not in told and letters:
            wrong.append(f"driven again as they were: {told[:300]}")
        for name, value in self.mended.items():
            await self.cluster.ask("metrics", "UPDATE dead_letters SET value = $2 WHERE headers ->> 'ce_id' = $1",
                                   name, value)  # fmt: skip
        for expected in (letters, 0):
            told = await self._redriven()
            if f"· {expected} processed, 0 still dead" not in told:
                wrong.append(f"driven again after the fix: {told[:300]}")
        if left := (await self.cluster.ask("metrics", "SELECT count(*) FROM dead_letters"))[0][0]:
            wrong.append(f"{left} dead letters are left after the fix")
        return wrong

    async def _redriven(self) -> str:
        try:
            return await self.cluster.command("deploy.ops", "dead-letters", "redrive")
        except LocalError as failed:
            return str(failed).partition("\n")[2]


async def send_poison(cluster: Cluster, name: str, key: str, value: bytes, partition: int) -> None:
    """Put a message into the records' topic; sent again where Kafka did not answer, so it may be there twice."""
    headers = {"ce_id": name, "ce_source": SOURCE, "ce_type": type_of(RecordV1), "ce_specversion": "1.0"}
    message = Message(key.encode(), value, [(n, text.encode()) for n, text in headers.items()], 1_746_000_000_000)
    while True:
        try:
            async with open_producer(cluster.kafka.bootstrap, timeout_seconds=5) as producer:
                return await producer.send({(RECORDS.name, partition): [message]})
        except Away:
            await asyncio.sleep(0.5)
