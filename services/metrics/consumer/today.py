"""Today's records, read from the topic beside the fold, from midnight on: each replica knows the whole day by itself.

Read from the topic rather than kept by the fold, the day is the same after a restart, a rebuilding of the database or
an announcement, and costs the fold nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Literal
from uuid import UUID

import msgspec

from libs.common.consume import Backlog
from libs.common.kafka import Away, Consumer, Incoming, TopicSpec, open_consumer
from libs.common.kafka_access import Address
from libs.common.process import Patience
from libs.common.telemetry import get_logger
from libs.contracts.records import RecordV1
from libs.contracts.topics import type_of
from services.metrics.domain.clock import VIETNAM, local_day
from services.metrics.domain.keys import Lifter
from services.metrics.domain.today import Receipt, Today

__all__ = ["TodayReader"]

logger = get_logger(__name__)

RECORD = type_of(RecordV1)
POLL_SECONDS = 0.5
AT_ONCE = 1000  # Some milliseconds.
BUSY_MESSAGES = 1000
MAX_QUANTITY = 10**9


class _Reporter(msgspec.Struct, gc=False):
    kind: Literal["team", "partner"]
    id: UUID


class _Person(msgspec.Struct, gc=False):
    level: int = 1
    national_id: str | None = None
    phone: str | None = None
    ref: str | None = None
    receipt: str | None = None


class _Line(msgspec.Struct, gc=False):
    measure: str
    quantity: int
    person: _Person | None = None


class _Record(msgspec.Struct, gc=False):
    """What is needed here of a record; the rest is passed over."""

    record_id: UUID
    revision: int
    edition: int
    state: Literal["recorded", "voided"]
    reporter: _Reporter
    unit_id: UUID
    received_at: datetime
    lines: list[_Line]


_decoder = msgspec.json.Decoder(_Record)
Place = tuple[str, int]


@dataclass
class TodayReader:
    """Follows the records into `today`; `whole` once everything since midnight has been read."""

    kafka: Address
    topics: Sequence[TopicSpec]
    today: Today
    lifter: Lifter
    backlog: Backlog
    now: Callable[[], datetime]
    whole: bool = False
    _unread: dict[Place, int] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop; Kafka being away is waited out, and the day then read from midnight again."""
        patience = Patience()
        while not stop.is_set():
            try:
                async with open_consumer(self.kafka, self.topics) as consumer:
                    await self._begin(consumer)
                    while not stop.is_set():
                        await self._turn(consumer, stop)
                        patience.succeeded()
            except Away as error:
                self.whole = False
                logger.warning("today.interrupted", error=str(error))
                await patience.wait()

    async def _begin(self, consumer: Consumer) -> None:
        self.today.turn_to(local_day(self.now()))
        ends, begins = await consumer.ends(), await consumer.seek_to_time(self._midnight_ms())
        self._unread = {place: end for place, end in ends.items() if begins[place] < end}
        self.whole = not self._unread

    async def _turn(self, consumer: Consumer, stop: asyncio.Event) -> None:
        self.today.turn_to(local_day(self.now()))
        came = await consumer.poll(wait_seconds=POLL_SECONDS, limit=AT_ONCE)
        midnight_ms = self._midnight_ms()
        for place, messages in came.items():
            for message in messages:
                # A message is as old as its row in the visits' log: nothing of an older one was received today.
                if message.type == RECORD and message.timestamp_ms >= midnight_ms:
                    self._take(message)
            if messages[-1].offset + 1 >= self._unread.get(place, 0):
                self._unread.pop(place, None)
        self.whole = not self._unread
        if came and self.backlog.messages > BUSY_MESSAGES:
            # The fold is catching up: the processor is its own.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)

    def _midnight_ms(self) -> int:
        return int(datetime.combine(self.today.day, time(), VIETNAM).timestamp() * 1000)

    def _take(self, message: Incoming) -> None:
        try:
            record = _decoder.decode(message.value)
            if local_day(record.received_at) == self.today.day:
                self.today.take(self._receipt(record))
        except ValueError:
            return  # The fold puts it aside as a dead letter, and says so.

    def _receipt(self, told: _Record) -> Receipt:
        voided = told.state == "voided"
        lines = [] if voided else [(line.measure, _quantity(line), self._person(line.person)) for line in told.lines]
        return Receipt(
            told.record_id,
            told.revision,
            told.edition,
            told.unit_id,
            told.reporter.id,
            told.reporter.kind == "team",
            voided,
            lines,
        )

    def _person(self, told: _Person | None) -> bytes | None:
        """Give the pseudonym that a person counts under, at the newest level there is a key for."""
        if told is None:
            return None
        pseudonym = told.national_id or told.phone or told.ref or told.receipt
        if pseudonym is None:
            return None
        made = bytes.fromhex(pseudonym)
        newest = self.lifter.level
        return self.lifter.lift(made, told.level, newest) if told.level < newest else made


def _quantity(line: _Line) -> int:
    if not 1 <= line.quantity <= MAX_QUANTITY:
        raise ValueError("quantity")
    return line.quantity
