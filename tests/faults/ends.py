"""Where everything has to stand once all is quiet: positions, the topic, receipts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.local.say import Say
from libs.common.kafka import Away, Incoming, open_consumer
from libs.contracts.records import ProgressV1, RecordV1
from libs.contracts.topics import RECORDS, type_of
from tests.faults.cluster import Cluster
from tests.faults.door import Door
from tests.faults.ledger import Change, Ledger

__all__ = ["Topic", "read_topic", "until_quiet", "wrong_ends", "wrong_receipts"]

LETTERS = f"""SELECT partition, "offset" FROM dead_letters
    WHERE topic = '{RECORDS.name}' AND source IN (SELECT source FROM inbox)"""
STATES = {type_of(RecordV1), type_of(ProgressV1)}
RECEIPTS_A_REQUEST = 250
END = "SELECT epoch, xid::text::bigint AS xid, seq FROM log ORDER BY log.epoch DESC, log.xid DESC, log.seq DESC LIMIT 1"
RELAYED = "SELECT epoch, xid::text::bigint AS xid, seq FROM log_position"
FOLDED = f"SELECT partition, next, epoch, xid, seq FROM inbox WHERE topic = '{RECORDS.name}' ORDER BY partition"


@dataclass
class Topic:
    """What the records' topic holds: each key's last state, where it ends, and what was put in on purpose."""

    last: dict[str, str] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    poison: dict[tuple[int, int], str] = field(default_factory=dict)
    messages: int = 0

    def take(self, message: Incoming) -> None:
        """Note a message."""
        self.messages += 1
        if message.headers.get("ce_source") == "/tungnha/faults":
            self.poison[message.partition, message.offset] = message.headers["ce_id"]
        elif message.type in STATES:
            self.last[message.key.decode()] = message.headers["ce_id"]


async def read_topic(cluster: Cluster) -> Topic:
    """Read the whole topic of records."""
    topic = Topic()
    async with open_consumer(cluster.kafka.bootstrap, [RECORDS]) as consumer:
        ends = await consumer.ends()
        topic.ends = {partition: end for (_, partition), end in ends.items()}
        left = {place for place, end in ends.items() if end > 0}
        while left:
            for place, messages in (await consumer.poll(wait_seconds=0.5, limit=5000)).items():
                for message in messages:
                    topic.take(message)
                if messages[-1].offset + 1 >= ends[place]:
                    left.discard(place)
    return topic


async def until_quiet(cluster: Cluster, say: Say, seconds: float = 300) -> None:
    """Wait until the relay is at the log's end and the consumer at the topic's; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while (behind := await _behind(cluster)) is not None:
            say(f"waiting for the relay and the consumer: {behind}")
            await asyncio.sleep(2)


async def _behind(cluster: Cluster) -> str | None:
    """Say who is behind, and where; None where nobody is."""
    end = [tuple(row) for row in await cluster.ask("visits", END)]
    relayed = [tuple(row) for row in await cluster.ask("visits", RELAYED)]
    if end != relayed:
        return f"the log ends at {end}, the relay is at {relayed}"
    folded = await cluster.ask("metrics", FOLDED)
    if any(tuple(row)[2:] < end[0] for row in folded) or not folded:
        return f"the log ends at {end[0]}, folded is {[tuple(row) for row in folded]}"
    try:
        ends = await _ends(cluster)
    except Away as error:
        return f"Kafka is away: {error}"
    found = {row["partition"]: row["next"] for row in folded}
    return None if found == ends else f"the topic ends at {ends}, folded is {found}"


async def _ends(cluster: Cluster) -> dict[int, int]:
    async with open_consumer(cluster.kafka.bootstrap, [RECORDS]) as consumer:
        return {partition: end for (_, partition), end in (await consumer.ends()).items()}


async def wrong_ends(cluster: Cluster, topic: Topic) -> list[str]:
    """Compare positions with the ends, each key's last message with the log, the dead letters with the poison."""
    wrong = [text for text in [await _behind(cluster)] if text]
    rows = await cluster.ask(
        "visits",
        "SELECT DISTINCT ON (record_id) record_id::text || '/' || revision || '/' || edition FROM log WHERE NOT held"
        " ORDER BY record_id, revision DESC, edition DESC",
    )
    highest = {text.partition("/")[0]: text for (text,) in rows}
    for key in sorted(highest.keys() | topic.last.keys()):
        if topic.last.get(key) != highest.get(key):
            wrong.append(f"{key}: the topic's last is {topic.last.get(key)}, the log's highest {highest.get(key)}")
    rows = await cluster.ask("metrics", LETTERS)
    for place in sorted(topic.poison.keys() ^ {(row["partition"], row["offset"]) for row in rows}):
        wrong.append(f"{place}: {'not a dead letter' if place in topic.poison else 'a dead letter that was not sent'}")
    return wrong


async def wrong_receipts(door: Door, ledger: Ledger) -> tuple[int, list[str]]:
    """Read every receipt again: it still has to say what the client was told."""
    wrong: list[str] = []
    read = 0
    for client in sorted({record.client for record in ledger.records.values()}):
        changes = [(r.id, c) for r, c in ledger.changes() if r.client == client and c.position]
        for begin in range(0, len(changes), RECEIPTS_A_REQUEST):
            asked = changes[begin : begin + RECEIPTS_A_REQUEST]
            kind = "visits" if client == "app" else "partner-reports"
            words = "&".join(f"id={change.id}" for _, change in asked)
            answer = await door.surely("GET", client, f"/v1/{kind}/receipts?{words}")
            wrong += _untrue(asked, {receipt["id"]: receipt for receipt in answer["rows"]})
            read += len(asked)
    return read, wrong


def _untrue(asked: Sequence[tuple[str, Change]], receipts: dict[str, Any]) -> list[str]:
    wrong = []
    for record_id, change in asked:
        found = receipts.get(change.id, {})
        told = (record_id, change.revision, change.position, "held" if change.fate == "never" else "duplicate")
        if tuple(found.get(name) for name in ("record", "revision", "position", "status")) != told:
            wrong.append(f"receipt {change.id}: the client was told {told}, now it is {found or 'not there'}")
    return wrong
