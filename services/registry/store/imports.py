"""Import jobs: one is worked on by who holds its lease; its file and rows are kept sealed."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from asyncpg import Record

from libs.common.db import Connection
from libs.common.sealing import Sealed
from libs.contracts.registry import TeamV1
from libs.contracts.topics import type_of
from services.registry.store.log import Head

__all__ = [
    "Arrived",
    "Job",
    "KeptRow",
    "State",
    "add",
    "claim",
    "expire",
    "file_of",
    "find_open",
    "load",
    "move",
    "note_plan",
    "note_progress",
    "read_rows",
    "settle",
    "start_plan",
    "teams_like",
    "write_rows",
]

State = Literal["queued", "planning", "planned", "committing", "committed", "failed", "cancelled", "expired"]

_COLUMNS = """import_id, client_id, root_id, kind, codes_as_of, format, size_bytes, state, rows_read, rows_total,
    counts::text AS counts, told, plan_digest, changed_since, attempts, lease_id, created_at, committed_at, expires_at,
    file IS NOT NULL AS has_file"""


@dataclass(frozen=True)
class Job:
    """An import as it stands; `told` is sealed, `lease_id` is of who works on it."""

    import_id: UUID
    client_id: str
    root_id: UUID | None
    kind: str
    codes_as_of: date | None
    format: str
    size_bytes: int
    state: State
    rows_read: int
    rows_total: int | None
    counts: Mapping[str, int]
    told: Sealed | None
    plan_digest: bytes | None
    changed_since: bool
    attempts: int
    lease_id: UUID | None
    created_at: datetime
    committed_at: datetime | None
    expires_at: datetime
    has_file: bool


@dataclass(frozen=True)
class Arrived:
    """A file that has come: whose, of what kind, its keyed digest, itself sealed."""

    import_id: UUID
    client_id: str
    root_id: UUID | None
    kind: str
    codes_as_of: date | None
    format: str
    size_bytes: int
    digest: bytes
    file: Sealed


@dataclass(frozen=True)
class KeptRow:
    """A row as it is kept: its number in the file, what would happen, the rest sealed."""

    number: int
    outcome: str
    sealed: Sealed


def _job(row: Record) -> Job:
    told = row["told"]
    return Job(**{**dict(row), "counts": json.loads(row["counts"]), "told": _unpacked(told) if told else None})


def _packed(sealed: Sealed) -> bytes:
    return sealed.key_id.encode() + b":" + sealed.box


def _unpacked(packed: bytes) -> Sealed:
    key_id, _, box = packed.partition(b":")
    return Sealed(key_id.decode(), box)


async def add(connection: Connection, arrived: Arrived, keep_days: int) -> bool:
    """Insert a job; gives whether it is new: the client's same file may have an open one already."""
    status = await connection.execute(
        """INSERT INTO imports (import_id, client_id, root_id, kind, codes_as_of, format, size_bytes, file_digest,
                                key_id, file, state, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', now() + make_interval(days => $11))
           ON CONFLICT (client_id, kind, file_digest, coalesce(codes_as_of, '-infinity'))
               WHERE state IN ('queued', 'planning', 'planned', 'committing') DO NOTHING""",
        arrived.import_id,
        arrived.client_id,
        arrived.root_id,
        arrived.kind,
        arrived.codes_as_of,
        arrived.format,
        arrived.size_bytes,
        arrived.digest,
        arrived.file.key_id,
        arrived.file.box,
        keep_days,
    )
    return status == "INSERT 0 1"


async def find_open(
    connection: Connection, client_id: str, kind: str, digests: Sequence[bytes], codes_as_of: date | None
) -> Job | None:
    """Give the open job of a client's file; `digests` are the file's under every key."""
    row = await connection.fetchrow(
        f"""SELECT {_COLUMNS} FROM imports
            WHERE client_id = $1 AND kind = $2 AND file_digest = ANY($3::bytea[])
              AND codes_as_of IS NOT DISTINCT FROM $4 AND state IN ('queued', 'planning', 'planned', 'committing')
            ORDER BY created_at LIMIT 1""",
        client_id,
        kind,
        list(digests),
        codes_as_of,
    )
    return None if row is None else _job(row)


async def load(connection: Connection, import_id: UUID) -> Job | None:
    """Give a job as it stands."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM imports WHERE import_id = $1", import_id)
    return None if row is None else _job(row)


async def file_of(connection: Connection, import_id: UUID) -> Sealed | None:
    """Give the file of a job, None where it was let go."""
    row = await connection.fetchrow("SELECT key_id, file FROM imports WHERE import_id = $1", import_id)
    return None if row is None or row["file"] is None else Sealed(row["key_id"], bytes(row["file"]))


async def claim(connection: Connection, lease_id: UUID, lease_seconds: float) -> Job | None:
    """Take the oldest job that waits, or whose worker is gone; None where there is none."""
    row = await connection.fetchrow(
        f"""UPDATE imports SET lease_id = $1, lease_until = now() + make_interval(secs => $2), attempts = attempts + 1,
                state = CASE state WHEN 'queued' THEN 'planning' ELSE state END
            WHERE import_id = (
                SELECT import_id FROM imports
                WHERE state IN ('queued', 'planning', 'committing') AND (lease_until IS NULL OR lease_until < now())
                ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
            ) RETURNING {_COLUMNS}""",
        lease_id,
        lease_seconds,
    )
    return None if row is None else _job(row)


async def start_plan(connection: Connection, job: Job, rows_total: int, lease_seconds: float) -> bool:
    """Begin a plan anew, letting go of what an earlier one wrote; gives whether the job is still the caller's."""
    mine = await _touch(connection, job, "rows_read = 0, rows_total = $4", lease_seconds, rows_total)
    if mine:
        await connection.execute("DELETE FROM import_rows WHERE import_id = $1", job.import_id)
    return mine


async def note_progress(connection: Connection, job: Job, rows_read: int, lease_seconds: float) -> bool:
    """Note how far a plan is; gives whether the job is still the caller's."""
    return await _touch(connection, job, "rows_read = $4", lease_seconds, rows_read)


async def _touch(connection: Connection, job: Job, change: str, lease_seconds: float, value: object) -> bool:
    done = await connection.execute(
        f"""UPDATE imports SET {change}, lease_until = now() + make_interval(secs => $3)
            WHERE import_id = $1 AND lease_id = $2 AND state IN ('planning', 'committing')""",
        job.import_id,
        job.lease_id,
        lease_seconds,
        value,
    )
    return done == "UPDATE 1"


async def write_rows(connection: Connection, import_id: UUID, rows: Sequence[KeptRow]) -> None:
    """Write rows, in one statement."""
    await connection.execute(
        """INSERT INTO import_rows (import_id, number, outcome, key_id, sealed)
           SELECT $1, * FROM unnest($2::integer[], $3::text[], $4::text[], $5::bytea[])""",
        import_id,
        [row.number for row in rows],
        [row.outcome for row in rows],
        [row.sealed.key_id for row in rows],
        [row.sealed.box for row in rows],
    )


async def read_rows(
    connection: Connection, import_id: UUID, outcomes: Sequence[str], after: int, limit: int
) -> list[KeptRow]:
    """Give a page of rows behind a number."""
    rows = await connection.fetch(
        """SELECT number, outcome, key_id, sealed FROM import_rows
           WHERE import_id = $1 AND outcome = ANY($2::text[]) AND number > $3 ORDER BY number LIMIT $4""",
        import_id,
        list(outcomes),
        after,
        limit,
    )
    return [KeptRow(row["number"], row["outcome"], Sealed(row["key_id"], bytes(row["sealed"]))) for row in rows]


async def note_plan(
    connection: Connection, job: Job, counts: Mapping[str, int], digest: bytes, told: Sealed, *, changed_since: bool
) -> bool:
    """Note that a plan is there to be looked at; gives whether the job was still the caller's."""
    done = await connection.execute(
        """UPDATE imports SET state = 'planned', counts = $3::text::jsonb, plan_digest = $4, told = $5,
               changed_since = $6, attempts = 0, lease_id = NULL, lease_until = NULL
           WHERE import_id = $1 AND lease_id = $2""",
        job.import_id,
        job.lease_id,
        json.dumps(dict(counts)),
        digest,
        _packed(told),
        changed_since,
    )
    return done == "UPDATE 1"


async def settle(connection: Connection, job: Job, state: State, told: Sealed | None = None) -> bool:
    """End a job that the caller works on and let its file go; gives whether it was still the caller's."""
    done = await connection.execute(
        """UPDATE imports SET state = $3, file = NULL, told = coalesce($4, told), lease_id = NULL, lease_until = NULL,
               committed_at = CASE WHEN $3 = 'committed' THEN now() END
           WHERE import_id = $1 AND lease_id = $2""",
        job.import_id,
        job.lease_id,
        state,
        _packed(told) if told is not None else None,
    )
    return done == "UPDATE 1"


async def move(connection: Connection, import_id: UUID, states: Sequence[State], to: State) -> bool:
    """Bring a job from one of some states to another; gives whether it was in one of them."""
    done = await connection.execute(
        """UPDATE imports SET state = $3, attempts = 0, lease_id = NULL, lease_until = NULL, changed_since = false,
               file = CASE $3 WHEN 'cancelled' THEN NULL ELSE file END
           WHERE import_id = $1 AND state = ANY($2::text[])""",
        import_id,
        list(states),
        to,
    )
    return done == "UPDATE 1"


async def expire(connection: Connection) -> int:
    """Let go of the files and rows of jobs whose time is over; gives how many jobs that were."""
    gone = await connection.fetch(
        """UPDATE imports SET file = NULL, told = NULL,
               state = CASE WHEN state IN ('committed', 'failed', 'cancelled') THEN state ELSE 'expired' END
           WHERE import_id IN (
               SELECT import_id FROM imports
               WHERE expires_at < now() AND (file IS NOT NULL OR told IS NOT NULL) AND state <> 'committing'
               ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
           ) RETURNING import_id"""
    )
    await connection.execute(
        "DELETE FROM import_rows WHERE import_id = ANY($1::uuid[])", [row["import_id"] for row in gone]
    )
    return len(gone)


async def teams_like(connection: Connection, codes: Collection[str], units: Collection[UUID]) -> dict[UUID, Head]:
    """Give the newest states of the teams that have one of the codes, or work in one of the units."""
    newest = (
        "NOT EXISTS (SELECT FROM log AS later WHERE later.record_id = log.record_id AND later.revision > log.revision)"
    )
    rows = await connection.fetch(
        f"""SELECT record_id, revision, body::text AS body FROM log
            WHERE type = $1 AND body ->> 'code' = ANY($2::text[]) AND {newest}
            UNION
            SELECT record_id, revision, body::text AS body FROM log
            WHERE type = $1 AND body ->> 'unit_id' = ANY($3::text[]) AND {newest}""",
        type_of(TeamV1),
        list(codes),
        [str(unit) for unit in units],
    )
    return {row["record_id"]: Head(row["revision"], row["body"].encode()) for row in rows}
