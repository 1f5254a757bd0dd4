"""Records and their revisions: rows in, domain values out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from libs.common.db import Connection
from libs.common.log import Position

__all__ = [
    "NOW",
    "Stored",
    "by_batch",
    "by_change",
    "edition_at",
    "held",
    "held_among",
    "history",
    "latest",
    "lock_records",
    "page",
    "to_choose",
]


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the log; `current_*` tell where its record stands now."""

    record_id: UUID
    revision: int
    edition: int
    kind: str
    state: str
    held: bool
    change_id: UUID
    digest: bytes | None
    key_level: int
    reporter_id: UUID
    client_id: str
    batch_id: UUID | None
    occurred_given: datetime
    occurred_at: datetime
    received_at: datetime
    sent_at: datetime | None
    reason: str | None
    waiting_for: tuple[str, ...]
    body: bytes
    position: Position
    current_revision: int
    current_state: str
    current_waiting_for: tuple[str, ...]
    settled_unit_id: UUID | None
    """Where it counts that was held at this row, and is no more."""


_COLUMNS = """
    row.record_id, row.revision, row.edition, row.kind, row.state, row.held, row.change_id, row.digest, row.key_level,
    row.partition_key, row.client_id, row.batch_id, row.occurred_given, row.occurred_at, row.received_at, row.sent_at,
    row.reason, row.waiting_for, row.body::text AS body, row.epoch, row.xid::text::bigint AS xid, row.seq,
    now.revision AS current_revision, now.state AS current_state, now.waiting_for AS current_waiting_for,
    CASE WHEN row.state = 'held' AND now.state = 'recorded' THEN (now.body ->> 'unit_id')::uuid END AS settled_unit_id
"""
NOW = """
    JOIN LATERAL (
        SELECT revision, edition, state, waiting_for, body FROM log WHERE log.record_id = row.record_id
        ORDER BY revision DESC, edition DESC LIMIT 1
    ) AS now ON true
"""


_STANDS_HELD = "row.state = 'held' AND (row.revision, row.edition) = (now.revision, now.edition)"


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(
        record_id=row["record_id"],
        revision=row["revision"],
        edition=row["edition"],
        kind=row["kind"],
        state=row["state"],
        held=row["held"],
        change_id=row["change_id"],
        digest=row["digest"],
        key_level=row["key_level"],
        reporter_id=row["partition_key"],
        client_id=row["client_id"],
        batch_id=row["batch_id"],
        occurred_given=row["occurred_given"],
        occurred_at=row["occurred_at"],
        received_at=row["received_at"],
        sent_at=row["sent_at"],
        reason=row["reason"],
        waiting_for=tuple(row["waiting_for"]),
        body=row["body"].encode(),
        position=Position(row["epoch"], row["xid"], row["seq"]),
        current_revision=row["current_revision"],
        current_state=row["current_state"],
        current_waiting_for=tuple(row["current_waiting_for"]),
        settled_unit_id=row["settled_unit_id"],
    )


async def by_change(connection: Connection, change_ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """Give what was stored under clients' ids of creations, corrections and voids."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE row.change_id = ANY($1) AND row.edition = 0", change_ids
    )
    return {row["change_id"]: _stored(row) for row in rows}


async def by_batch(connection: Connection, batch_id: UUID, client_id: str, limit: int) -> list[Stored]:
    """Give the rows that a client's batch stored."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE row.batch_id = $1 AND row.client_id = $2"
        " AND row.edition = 0 AND row.kind <> 'progress' ORDER BY row.seq LIMIT $3",
        batch_id,
        client_id,
        limit,
    )
    return [_stored(row) for row in rows]


async def latest(connection: Connection, record_id: UUID) -> Stored | None:
    """Give where a record stands now."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE row.record_id = $1 AND row.kind <> 'progress'"
        " AND (row.revision, row.edition) = (now.revision, now.edition)",
        record_id,
    )
    return _stored(row) if row else None


async def edition_at(connection: Connection, record_id: UUID, revision: int, edition: int) -> Stored | None:
    """Give one row of a record."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM log AS row {NOW}"
        " WHERE row.record_id = $1 AND row.revision = $2 AND row.edition = $3 AND row.kind <> 'progress'",
        record_id,
        revision,
        edition,
    )
    return _stored(row) if row else None


async def history(connection: Connection, record_ids: Sequence[UUID], *, newest_only: bool = False) -> list[Stored]:
    """Give every row of some records, or only where each stands now, newest first within each."""
    only = "AND (row.revision, row.edition) = (now.revision, now.edition)" if newest_only else ""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE row.record_id = ANY($1) AND row.kind <> 'progress' {only}"
        " ORDER BY row.record_id, row.revision DESC, row.edition DESC",
        record_ids,
    )
    return [_stored(row) for row in rows]


async def page(
    connection: Connection, reporter_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[UUID, datetime]]:
    """Give the ids of a reporter's records, newest received first, behind a cursor."""
    moment, record_id = after if after else (None, None)
    rows = await connection.fetch(
        """SELECT record_id, received_at FROM log
           WHERE partition_key = $1 AND revision = 1 AND edition = 0 AND kind <> 'progress'
             AND ($2::timestamptz IS NULL OR (received_at, record_id) < ($2, $3::uuid))
           ORDER BY received_at DESC, record_id DESC LIMIT $4""",
        reporter_id,
        moment,
        record_id,
        limit,
    )
    return [(row["record_id"], row["received_at"]) for row in rows]


async def lock_records(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Be alone with some records until the transaction ends; taken in the order of their ids."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(id::text, 2))"
        " FROM (SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id) AS sorted",
        record_ids,
    )


async def held(connection: Connection, limit: int, after: UUID | None = None) -> list[Stored]:
    """Give records that stand as held, by id, behind a cursor."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE {_STANDS_HELD} AND ($2::uuid IS NULL OR row.record_id > $2)"
        " ORDER BY row.record_id LIMIT $1",
        limit,
        after,
    )
    return [_stored(row) for row in rows]


async def to_choose(connection: Connection, limit: int, after: UUID | None) -> list[Stored]:
    """Give records that stand as held until somebody chooses their unit, by id, behind a cursor."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE {_STANDS_HELD} AND ($2::uuid IS NULL OR row.record_id > $2)"
        " AND EXISTS (SELECT FROM unnest(row.waiting_for) AS what WHERE what ~ '^(choice|successor):')"
        " ORDER BY row.record_id LIMIT $1",
        limit,
        after,
    )
    return [_stored(row) for row in rows]


async def held_among(connection: Connection, record_ids: Sequence[UUID]) -> list[Stored]:
    """Give those of some records that still stand as held."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM log AS row {NOW} WHERE {_STANDS_HELD} AND row.record_id = ANY($1)", record_ids
    )
    return [_stored(row) for row in rows]
