"""The newest state of each record, and how a new one is appended."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from libs.common import log
from libs.common.db import Connection
from libs.common.log import Position

__all__ = [
    "Appended",
    "Head",
    "after",
    "append",
    "bodies",
    "exists",
    "heads",
    "heads_beside",
    "heads_of",
    "known_ids",
    "lock",
    "newest",
]

ROWS_PER_STATEMENT = 5_000


@dataclass(frozen=True)
class Head:
    """A record's newest revision."""

    revision: int
    body: bytes


class Appended(NamedTuple):
    """A row of the log; its body where it is of the type asked for."""

    record_id: UUID
    revision: int
    position: Position
    body: bytes | None


async def lock(connection: Connection) -> None:
    """Let one writer at a time compare and append, until its transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('registry-write'))")


async def heads(
    connection: Connection, event_type: str, record_ids: Collection[UUID] | None = None
) -> dict[UUID, Head]:
    """Give the newest revision of every record of a type, or of those with the ids."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (record_id) record_id, revision, body::text AS body FROM log
           WHERE type = $1 AND ($2::uuid[] IS NULL OR record_id = ANY($2))
           ORDER BY record_id, revision DESC, edition DESC""",
        event_type,
        list(record_ids) if record_ids is not None else None,
    )
    return {row["record_id"]: Head(row["revision"], row["body"].encode()) for row in rows}


async def heads_beside(connection: Connection, event_type: str, record_ids: Collection[UUID]) -> list[bytes]:
    """Give the newest bodies of all records of a type but those with the ids."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (record_id) body::text AS body FROM log
           WHERE type = $1 AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS told (id) WHERE told.id = record_id)
           ORDER BY record_id, revision DESC, edition DESC""",
        event_type,
        list(record_ids),
    )
    return [row["body"].encode() for row in rows]


async def heads_of(connection: Connection, event_type: str, record_ids: Collection[UUID]) -> dict[UUID, Head]:
    """Give the newest revision of those of the records that there are."""
    rows = await connection.fetch(
        """SELECT wanted.record_id, found.revision, found.body FROM unnest($2::uuid[]) AS wanted (record_id), LATERAL (
               SELECT revision, body::text AS body FROM log WHERE log.record_id = wanted.record_id AND type = $1
               ORDER BY revision DESC, edition DESC LIMIT 1
           ) AS found""",
        event_type,
        list(set(record_ids)),
    )
    return {row["record_id"]: Head(row["revision"], row["body"].encode()) for row in rows}


async def newest(connection: Connection, event_type: str, record_id: UUID) -> Head | None:
    """Give the newest revision of a record of a type."""
    row = await connection.fetchrow(
        """SELECT revision, body::text AS body FROM log WHERE record_id = $1 AND type = $2
           ORDER BY revision DESC, edition DESC LIMIT 1""",
        record_id,
        event_type,
    )
    return None if row is None else Head(row["revision"], row["body"].encode())


async def exists(connection: Connection, record_id: UUID) -> bool:
    """Say whether there is a record of any type with an id."""
    known: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM log WHERE record_id = $1)", record_id)
    return known


async def known_ids(connection: Connection, record_ids: Collection[UUID]) -> list[UUID]:
    """Give those ids under which there is a record of any type."""
    rows = await connection.fetch(
        "SELECT DISTINCT record_id FROM log WHERE record_id = ANY($1::uuid[])", list(set(record_ids))
    )
    return [row["record_id"] for row in rows]


async def after(connection: Connection, position: Position, event_type: str, limit: int) -> list[Appended]:
    """Give what others appended behind a position, in order, rows of all types.

    Writers take the lock before anything of theirs is written, hence in the order of their transactions' ids: none come
    late. What the caller's own transaction has appended may yet be rolled back, and is not given.
    """
    rows = await connection.fetch(
        """SELECT record_id, revision, epoch, xid::text::bigint AS xid, seq,
               CASE WHEN type = $4 THEN body::text END AS body
           FROM log WHERE (epoch, xid, seq) > ($1, $2::text::xid8, $3)
               AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
           ORDER BY epoch, xid, seq LIMIT $5""",
        position.epoch,
        str(position.xid),
        position.seq,
        event_type,
        limit,
    )
    return [
        Appended(record_id, revision, Position(epoch, xid, seq), body.encode() if body is not None else None)
        for record_id, revision, epoch, xid, seq, body in rows
    ]


async def bodies(connection: Connection, event_type: str, record_ids: Sequence[UUID]) -> list[bytes]:
    """Give the newest bodies of records of a type, in their order."""
    rows = await connection.fetch(
        """SELECT found.body FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (record_id, place), LATERAL (
               SELECT body::text AS body FROM log WHERE log.record_id = wanted.record_id AND type = $1
               ORDER BY revision DESC, edition DESC LIMIT 1
           ) AS found ORDER BY place""",
        event_type,
        list(record_ids),
    )
    return [row["body"].encode() for row in rows]


async def append(connection: Connection, entries: Sequence[log.Entry]) -> None:
    """Append revisions, a statement for every 5,000; the caller holds the lock and commits."""
    ordered = sorted(entries, key=lambda entry: entry.record_id)
    for start in range(0, len(ordered), ROWS_PER_STATEMENT):
        await log.append(connection, ordered[start : start + ROWS_PER_STATEMENT])
