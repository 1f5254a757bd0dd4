"""Appending to the log: few rows by one statement, many by COPY, which costs half."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from struct import Struct
from typing import NamedTuple
from uuid import UUID

import asyncpg

from libs.common.binary_copy import BEGIN, END, field
from libs.common.db import Connection
from libs.common.log import TABLE, Position
from libs.common.tracing import span, traceparent
from services.visits.store.sent import Sent

__all__ = ["NewRevision", "StoredBefore", "insert"]

MANY_ROWS = 20
CHUNK_BYTES = 256 * 1024


class NewRevision(NamedTuple):
    """A row to append; `held` rows are kept from the relay."""

    record_id: UUID
    revision: int
    kind: str
    state: str
    held: bool
    change_id: UUID
    digest: bytes | None
    reporter_id: UUID
    type: str
    occurred_given: datetime
    occurred_at: datetime
    reason: str | None
    waiting_for: tuple[str, ...]
    body: bytes
    edition: int = 0
    key_level: int = 1


class StoredBefore(Exception):
    """Not all rows were new, and the transaction that took them for new is lost."""


async def insert(
    connection: Connection, rows: Sequence[NewRevision], sent: Sent, *, all_new: bool = False
) -> list[Position | None]:
    """Append rows, sorted by record; gives the position of each, None where it or its change had been stored before.

    Where they are taken for `all_new`, many go by COPY, which knows no conflict but the one that ends the transaction:
    raises StoredBefore.
    """
    order = sorted(range(len(rows)), key=lambda index: (rows[index].record_id.int, rows[index].revision))
    ordered = [rows[index] for index in order]
    positions: list[Position | None] = [None] * len(rows)
    append = _copy if all_new and len(rows) >= MANY_ROWS else _insert
    with span("append", rows=len(ordered)):
        for index, position in zip(order, await append(connection, ordered, sent), strict=True):
            positions[index] = position
    return positions


async def _insert(connection: Connection, ordered: Sequence[NewRevision], sent: Sent) -> list[Position | None]:
    appended = await connection.fetch(
        """INSERT INTO log (record_id, revision, edition, epoch, kind, state, held, change_id, digest, partition_key,
               type, occurred_given, occurred_at, reason, waiting_for, body, key_level,
               client_id, batch_id, received_at, sent_at, request_id, traceparent)
           SELECT record_id, revision, edition, (SELECT epoch FROM log_epoch), kind, state, held, change_id, digest,
               reporter_id, type, occurred_given, occurred_at, reason,
               coalesce(string_to_array(waiting_for, ' '), '{}'), body::json, key_level, $17, $18, $19, $20, $21, $22
           FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::boolean[], $7::uuid[],
               $8::bytea[], $9::uuid[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[],
               $15::text[], $16::smallint[])
             AS row (record_id, revision, edition, kind, state, held, change_id, digest, reporter_id, type,
               occurred_given, occurred_at, reason, waiting_for, body, key_level)
           ON CONFLICT DO NOTHING
           RETURNING change_id, epoch, xid::text::bigint AS xid, seq""",
        [row.record_id for row in ordered],
        [row.revision for row in ordered],
        [row.edition for row in ordered],
        [row.kind for row in ordered],
        [row.state for row in ordered],
        [row.held for row in ordered],
        [row.change_id for row in ordered],
        [row.digest for row in ordered],
        [row.reporter_id for row in ordered],
        [row.type for row in ordered],
        [row.occurred_given for row in ordered],
        [row.occurred_at for row in ordered],
        [row.reason for row in ordered],
        [" ".join(row.waiting_for) if row.waiting_for else None for row in ordered],
        [row.body.decode() for row in ordered],
        [row.key_level for row in ordered],
        sent.client_id,
        sent.batch_id,
        sent.received_at,
        sent.sent_at,
        sent.request_id,
        traceparent(),
    )
    found = {row["change_id"]: Position(row["epoch"], row["xid"], row["seq"]) for row in appended}
    return [found.get(row.change_id) for row in ordered]


# COPY gives nothing back, so the positions are taken first.
_POSITIONS = f"""
    SELECT epoch, pg_current_xact_id()::text::bigint AS xid,
        ARRAY(SELECT nextval('{TABLE}_seq_seq') FROM generate_series(1, $1)) AS seqs
    FROM log_epoch
"""


async def _copy(connection: Connection, ordered: Sequence[NewRevision], sent: Sent) -> list[Position | None]:
    place = await connection.fetchrow(_POSITIONS, len(ordered))
    assert place is not None
    epoch, xid, seqs = place
    source = _binary(ordered, seqs, epoch, sent)
    try:
        await connection.copy_to_table(TABLE, source=source, columns=_COLUMNS, format="binary")
    except asyncpg.UniqueViolationError as error:
        raise StoredBefore from error
    return [Position(epoch, xid, seq) for seq in seqs]


# The first fields differ from row to row; the others are nearly always the same, and are encoded once.
_COLUMNS = [
    *("record_id", "change_id", "partition_key", "occurred_given", "occurred_at", "seq", "digest", "body"),
    *("revision", "edition", "epoch", "kind", "state", "held", "type", "reason", "waiting_for"),
    "key_level",
    *("client_id", "batch_id", "received_at", "sent_at", "request_id", "traceparent"),
]
_COMMON = attrgetter("revision", "edition", "kind", "state", "held", "type", "reason", "waiting_for", "key_level")
_FIRST = Struct(">h i16s i16s i16s iq iq iq").pack
_LENGTH = Struct(">i").pack
_INTEGER = Struct(">i").pack
_SMALLINT = Struct(">h").pack
_BIGINT = Struct(">q").pack
_TEXT_OID = 25
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


async def _binary(ordered: Sequence[NewRevision], seqs: Sequence[int], epoch: int, sent: Sent) -> AsyncIterator[bytes]:
    same: dict[tuple[object, ...], bytes] = {}
    trace = traceparent()
    chunk = bytearray(BEGIN)
    for row, seq in zip(ordered, seqs, strict=True):
        record, reporter = row.record_id.bytes, row.reporter_id.bytes
        change = record if row.change_id is row.record_id else row.change_id.bytes
        given, at = _microseconds(row.occurred_given), _microseconds(row.occurred_at)
        rest = same.get(key := _COMMON(row)) or same.setdefault(key, _rest(row, epoch, sent, trace))
        chunk += _FIRST(len(_COLUMNS), 16, record, 16, change, 16, reporter, 8, given, 8, at, 8, seq)
        chunk += field(row.digest) + _LENGTH(len(row.body)) + row.body + rest
        if len(chunk) > CHUNK_BYTES:
            yield bytes(chunk)
            chunk = bytearray()
    yield bytes(chunk + END)


def _rest(row: NewRevision, epoch: int, sent: Sent, trace: str | None) -> bytes:
    fields = [
        _INTEGER(row.revision),
        _INTEGER(row.edition),
        _INTEGER(epoch),
        row.kind.encode(),
        row.state.encode(),
        b"\x01" if row.held else b"\x00",
        row.type.encode(),
        row.reason.encode() if row.reason is not None else None,
        _texts(row.waiting_for),
        _SMALLINT(row.key_level),
        sent.client_id.encode(),
        sent.batch_id.bytes if sent.batch_id is not None else None,
        _BIGINT(_microseconds(sent.received_at)),
        _BIGINT(_microseconds(sent.sent_at)) if sent.sent_at is not None else None,
        sent.request_id.encode(),
        trace.encode() if trace is not None else None,
    ]
    return b"".join(map(field, fields))


def _texts(texts: Sequence[str]) -> bytes:
    """Encode text[]: dimensions, whether there are nulls, type, then length and lower bound of the one dimension."""
    if not texts:
        return Struct(">iii").pack(0, 0, _TEXT_OID)
    return Struct(">iiiii").pack(1, 0, _TEXT_OID, len(texts), 1) + b"".join(field(text.encode()) for text in texts)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
