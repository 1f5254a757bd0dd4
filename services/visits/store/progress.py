"""How far reporters have synced, and since when records of theirs are held."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import Position
from libs.common.tracing import traceparent
from services.visits.store.records import NOW
from services.visits.store.sent import Sent

__all__ = ["append_progress", "refresh_held_since"]

# The revision of a progress row is one above the newest; two that race for it are told apart by the primary key.
_APPEND_PROGRESS = """
    INSERT INTO log (record_id, revision, epoch, kind, state, partition_key, type, received_at, client_id, batch_id,
        request_id, traceparent, body)
    SELECT new.id, coalesce(old.revision, 0) + 1, (SELECT epoch FROM log_epoch), 'progress', 'progress', new.reporter,
        $5, $6, $7, $8, $9, $12,
        json_build_object('progress_id', new.id, 'revision', coalesce(old.revision, 0) + 1,
            'reporter', json_build_object('kind', $4::text, 'id', new.reporter),
            'device', $10::text, 'synced_through', $11::timestamptz, 'held_since', new.held_since)
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS new (id, reporter, held_since)
    LEFT JOIN LATERAL (
        SELECT revision, (body ->> 'synced_through')::timestamptz AS synced_through,
            (body ->> 'held_since')::timestamptz AS held_since
        FROM log WHERE record_id = new.id ORDER BY revision DESC LIMIT 1
    ) AS old ON true
    WHERE CASE WHEN $11::timestamptz IS NULL THEN new.held_since IS DISTINCT FROM old.held_since
               ELSE old.synced_through IS NULL OR old.synced_through < $11::timestamptz END
    ORDER BY new.id
    ON CONFLICT DO NOTHING
    RETURNING epoch, xid::text::bigint AS xid, seq
"""

# Those for which a concurrent batch of the same device was quicker, and yet said less.
_BEHIND = """
    SELECT id AS record_id, reporter FROM unnest($1::uuid[], $2::uuid[]) AS new (id, reporter)
    JOIN LATERAL (
        SELECT (body ->> 'synced_through')::timestamptz AS synced_through
        FROM log WHERE record_id = new.id ORDER BY revision DESC LIMIT 1
    ) AS old ON old.synced_through < $3
"""


async def append_progress(
    connection: Connection,
    ids: Sequence[tuple[UUID, UUID]],
    sent: Sent,
    *,
    type: str,
    reporter_kind: str,
    device: str,
    synced_through: datetime,
) -> list[Position]:
    """Say, for each (progress id, reporter), until when a device has sent everything; only ever forward."""
    positions: list[Position] = []
    waiting = dict(ids)
    while waiting:
        rows = await connection.fetch(
            _APPEND_PROGRESS,
            list(waiting.keys()),
            list(waiting.values()),
            [None for _ in waiting],
            reporter_kind,
            type,
            sent.received_at,
            sent.client_id,
            sent.batch_id,
            sent.request_id,
            device,
            synced_through,
            traceparent(),
        )
        positions += [Position(row["epoch"], row["xid"], row["seq"]) for row in rows]
        waiting = (
            {
                row["record_id"]: row["reporter"]
                for row in await connection.fetch(_BEHIND, list(waiting.keys()), list(waiting.values()), synced_through)
            }
            if len(rows) < len(waiting)
            else {}
        )
    return positions


async def refresh_held_since(
    connection: Connection, ids: Sequence[tuple[UUID, UUID]], sent: Sent, *, type: str, reporter_kind: str
) -> list[Position]:
    """Say, for each (progress id, reporter), since when records of the reporter are held, if that has changed.

    Takes a lock a reporter until the transaction ends: two that count at once would each miss the other's row.
    """
    ordered = sorted(ids, key=lambda pair: pair[1])
    reporters = [reporter for _, reporter in ordered]
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(id::text, 1)) FROM unnest($1::uuid[]) AS id", reporters
    )
    oldest = await connection.fetch(
        f"SELECT row.partition_key, min(row.occurred_at) AS since FROM log AS row {NOW}"
        " WHERE row.state = 'held' AND (row.revision, row.edition) = (now.revision, now.edition)"
        " AND row.partition_key = ANY($1) GROUP BY row.partition_key",
        reporters,
    )
    since = {row["partition_key"]: row["since"] for row in oldest}
    rows = await connection.fetch(
        _APPEND_PROGRESS,
        [i for i, _ in ordered],
        reporters,
        [since.get(reporter) for reporter in reporters],
        reporter_kind,
        type,
        sent.received_at,
        sent.client_id,
        sent.batch_id,
        sent.request_id,
        None,
        None,
        traceparent(),
    )
    return [Position(row["epoch"], row["xid"], row["seq"]) for row in rows]
