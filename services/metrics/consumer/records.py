"""Records and progress: a batch is decoded and folded in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from libs.common.consume import Handled, StoppedItself
from libs.common.db import Connection, Unavailable
from libs.common.inbox import Unprocessable
from libs.common.kafka import Incoming
from libs.common.reason import reason_of
from libs.common.tracing import span
from libs.contracts.records import LineV1, ProgressV1, RecordV1
from libs.contracts.topics import type_of
from services.metrics.consumer.wire import read_record, record_of
from services.metrics.domain.completeness import Progress
from services.metrics.domain.facts import MAX_INTEGER, MAX_LEVEL, MAX_QUANTITY, NOBODY, Line, Record, Refs
from services.metrics.domain.keys import NO_KEYS, Ahead, KeyMissing, Lifter
from services.metrics.use_cases.fold import fold_batch

__all__ = ["Decoded", "decode", "handle", "read_by_contract"]

RECORD, PROGRESS = type_of(RecordV1), type_of(ProgressV1)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch's records and progress, and what could not be read."""

    records: list[Record] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    dead: list[Unprocessable] = field(default_factory=list)

    def take(self, message: Incoming) -> None:
        """Read a message if its type is known here; raises ValueError if it does not validate."""
        # An unknown field is a newer producer's optional one: it keeps the type, and must not stop this version.
        type_ = message.type
        if type_ == RECORD:
            self.records.append(read_record(message.value) or read_by_contract(message.value))
        elif type_ == PROGRESS:
            self.progress.append(_progress(ProgressV1.model_validate_json(message.value, extra="ignore")))


def decode(messages: Sequence[Incoming]) -> Decoded:
    """Read the messages of the types known here; others are passed over."""
    decoded = Decoded()
    for message in messages:
        try:
            decoded.take(message)
        except (ValueError, OverflowError) as error:
            decoded.dead.append(Unprocessable(message, reason_of(error)))
    return decoded


async def handle(connection: Connection, messages: Sequence[Incoming], lifter: Lifter = NO_KEYS) -> Handled:
    """Fold a batch in the transaction that moves its offset.

    Raises Unavailable while people are still to be lifted to the key of what has come, StoppedItself without that key.
    """
    with span("decode"):
        decoded = decode(messages)
    try:
        with span("fold", rows=len(decoded.records)):
            await fold_batch(connection, decoded.records, decoded.progress, lifter)
    except Ahead as error:
        raise Unavailable(str(error)) from error
    except KeyMissing as error:
        raise StoppedItself(str(error)) from error
    return Handled(len(decoded.records) + len(decoded.progress), decoded.dead)


def read_by_contract(body: bytes) -> Record:
    """Read a record by the contract's own class; raises ValueError."""
    told = RecordV1.model_validate_json(body, extra="ignore")
    lines = told.lines if told.state == "recorded" else []
    if len({line.line for line in lines}) != len(lines):
        raise ValueError("lines: a line number appears twice")
    _in_range("revision", told.revision, MAX_INTEGER)
    _in_range("edition", told.edition, MAX_INTEGER)
    _in_range("household_level", told.household_level, MAX_LEVEL)
    return record_of(told, _bytes(told.household), [_line(line) for line in lines])


def _line(told: LineV1) -> Line:
    _in_range("lines: quantity", told.quantity, MAX_QUANTITY)
    level = 1 if told.person is None else told.person.level
    _in_range("lines: level", level, MAX_LEVEL)
    return Line(told.line, told.measure, told.platform or "", told.stage, told.quantity, _refs(told), level)


def _refs(told: LineV1) -> Refs:
    person = told.person
    if person is None:
        return NOBODY
    return (_bytes(person.national_id), _bytes(person.phone), _bytes(person.ref), _bytes(person.receipt))


def _bytes(pseudonym: str | None) -> bytes | None:
    return bytes.fromhex(pseudonym) if pseudonym is not None else None


def _progress(told: ProgressV1) -> Progress:
    _in_range("revision", told.revision, MAX_INTEGER)
    return Progress(
        told.progress_id,
        told.revision,
        told.reporter.id,
        told.device,
        _utc(told.synced_through),
        _utc(told.held_since),
    )


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at is not None else None


def _in_range(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise ValueError(f"{name} is larger than {limit}")
