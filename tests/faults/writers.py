"""Clients that send, correct and take back, and send again whatever has no answer."""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.faults.door import Answer, Door
from tests.faults.ledger import Change, Fate, Ledger, Record
from tests.faults.world import LATE, NEVER, World, bad, report, visit

__all__ = ["CLIENTS", "Writer"]

Json = dict[str, Any]

CLIENTS = ("app", "app", "app", "app", "app", "app", "bank", "telco")
"""Who writes: one for each writer."""
SIZES = (50, 100, 200, 300, 500)
CROWD, CROWD_ROWS = 50, 60
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS, PATIENCE_SECONDS = 0.2, 1.0, 300.0
JUST_SENT, KEPT_TO_CHANGE = 200, 20_000


@dataclass
class Writer:
    """One client; only it changes what it sent."""

    number: int
    client: str
    door: Door
    ledger: Ledger
    world: World
    chance: random.Random
    own: list[Record] = field(default_factory=list)

    @property
    def kind(self) -> Any:
        """What it sends."""
        return "visits" if self.client == "app" else "partner-reports"

    async def turn(self) -> None:
        """Send a batch, perhaps again, then change some of what was sent."""
        sent = await self._send_batch()
        if self.chance.random() < 0.05:
            await self._send(sent)
        some = {record.id: record for record in (self._any_of_own() for _ in range(len(sent) // 40)) if record}
        async with asyncio.TaskGroup() as group:
            for record in some.values():
                group.create_task(self._change(record))

    def _any_of_own(self) -> Record | None:
        """Give a record to change; half of them are so new that they may be on their way still."""
        recent = self.own[-JUST_SENT if self.chance.random() < 0.5 else -KEPT_TO_CHANGE :]
        record = self.chance.choice(recent) if recent else None
        return record if record is not None and record.may_change else None

    async def _send_batch(self) -> list[Record]:
        fresh = [self._record() for _ in range(self.chance.choice(SIZES))]
        for record in fresh:
            self.ledger.add(record)
        again = self.chance.sample(self.own, min(len(self.own), len(fresh) // 50))
        batch = [*fresh, *again][:500]
        await self._send(batch)
        self.own += [record for record in fresh if record.may_change]
        return batch

    def _record(self) -> Record:
        fate: Fate = "counted"
        if self.client == "app":
            team = self.chance.choice(self.world.codes)
            if (luck := self.chance.random()) < 0.02:
                fate = "late" if luck < 0.01 else "never"
                team = self.world.teams[self.chance.choice(LATE)][0] if fate == "late" else self.chance.choice(NEVER)
            row = visit(self.chance, team)
        else:
            row = report(self.chance, list(self.world.wards))
        if self.chance.random() < 0.01:
            fate, row = "rejected", bad(row)
        change = self._id()
        content = msgspec.json.encode({"id": change, **row})
        return Record(change, self.kind, self.client, [Change(change, 1, content, fate)])

    async def _send(self, batch: Sequence[Record]) -> None:
        """Send records' creations until there is an answer, and note it."""
        envelope: Json = {"batch_id": self._id()}
        if self.chance.random() < 0.3:
            envelope |= {"device": f"d-{self.number}", "synced_through": "2025-06-30T23:00:00+07:00"}
        rows = b",".join(record.changes[0].content for record in batch)
        body = msgspec.json.encode(envelope)[:-1] + b',"rows":[' + rows + b"]}"
        answers = await self._answers(f"/v1/{self.kind}:batch", body, [record.changes[0] for record in batch])
        for answer in answers:
            if answer.status != 200:
                self.ledger.complain(f"a batch of {self.client} → {answer.status}: {answer.body}")
                continue
            for record, receipt in zip(batch, answer.body["rows"], strict=True):
                self.ledger.told(record.changes[0], receipt)

    async def _answers(self, path: str, body: bytes, changes: Sequence[Change]) -> list[Answer]:
        """Post until something is known, sometimes many times at once; raises AssertionError after some minutes."""
        pause, times = FIRST_PAUSE_SECONDS, 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for change in changes:
                change.attempts += times
            self.ledger.tally["requests"] += times
            came = await asyncio.gather(*(self.door.post(self.client, path, body) for _ in range(times)))
            if answers := [answer for answer in came if answer is not None]:
                return answers
            await asyncio.sleep(pause)
            pause = min(pause * 2, MOST_PAUSE_SECONDS)
            times = 1
            if self.chance.random() < 0.03:
                times = CROWD if len(changes) <= CROWD_ROWS else 3
                self.ledger.tally["crowds of 50"] += times == CROWD
            self.ledger.tally["resends"] += times
        raise AssertionError(f"POST {path}: no answer for {PATIENCE_SECONDS:.0f} s")

    async def _change(self, record: Record) -> None:
        """Correct a record or take it back; sometimes from a revision that is no longer the newest."""
        stored = record.stored
        assert stored is not None
        stale = stored.revision > 1 and self.chance.random() < 0.3
        if stale:
            await self._change_stale(record, stored)
        void = self.chance.random() < 0.3
        body = self._void() if void else self._correction(record, stored)
        body |= {"id": self._id(), "replaces": stored.revision}
        change = Change(body["id"], stored.revision + 1, msgspec.json.encode(body), "nothing" if void else "counted")
        record.changes.append(change)
        for answer in await self._answers(self._path(record, void), change.content, [change]):
            if answer.status == 200:
                self.ledger.told(change, answer.body)
            else:
                self.ledger.complain(f"{record.id}: {change.content!r} → {answer.status}: {answer.body}")

    async def _change_stale(self, record: Record, stored: Change) -> None:
        """Ask for a change of an older revision: refused, and told of the newest."""
        content = msgspec.json.encode({"id": self._id(), "replaces": stored.revision - 1})
        for answer in await self._answers(self._path(record, void=True), content, []):
            told = answer.body.get("record", {}).get("revision") if answer.status == 409 else None
            self.ledger.tally["stale, refused"] += 1
            if told != stored.revision:
                self.ledger.complain(f"{record.id} is at {stored.revision}: {content!r} → {answer}")

    @staticmethod
    def _path(record: Record, void: bool) -> str:
        return f"/v1/{record.kind}/{record.id}:{'void' if void else 'correct'}"

    def _void(self) -> Json:
        return {"reason": "nhầm"}

    def _correction(self, record: Record, stored: Change) -> Json:
        """Make wholly new content, or the old with one quantity changed and its people kept."""
        if record.kind != "visits":
            return report(self.chance, list(self.world.wards))
        before = msgspec.json.decode(stored.content)
        if self.chance.random() < 0.5:
            return {**visit(self.chance, ""), "team": msgspec.json.decode(record.changes[0].content)["team"]}
        lines = [{**line, "quantity": 5} for line in before["lines"]]
        for line in lines:
            if "person" in line:
                line["person"] = {"keep": True}
        rest = {name: before[name] for name in ("occurred_at", "household", "consent") if name in before}
        return {**rest, "lines": lines}

    def _id(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
