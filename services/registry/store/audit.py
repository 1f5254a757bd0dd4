"""The audit log: who did or read what, appended in the transaction of what it tells of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.common.db import Connection

__all__ = ["Audited", "Entry", "Filter", "actions_after", "counted", "note", "read", "settled"]

SETTLED_SECONDS = 120
"""No transaction lives longer: whatever is older than that is all there is, or never will be."""


@dataclass(frozen=True)
class Audited:
    """What a client did to an object, or read of it.

    `action` is such as `client.rotated` or `member.read`; `unit_id` is the unit that the object belongs to (None: the
    whole country) and says which operators may read the entry. `before` and `after` are what changed, JSON values
    only: never a secret, never anything personal.
    """

    client_id: str
    action: str
    object_kind: str
    object_id: str
    unit_id: UUID | None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Entry:
    """An entry as it was kept."""

    entry: int
    at: datetime
    told: Audited


@dataclass(frozen=True)
class Filter:
    """Which entries: of an object, of a kind of object, by a client; within a unit (None: everywhere)."""

    object_kind: str | None = None
    object_id: str | None = None
    client_id: str | None = None
    within: UUID | None = None


async def note(connection: Connection, *entries: Audited) -> None:
    """Append entries in their order; the caller commits them together with what they tell of."""
    await connection.execute(
        """INSERT INTO audit (client_id, action, object_kind, object_id, unit_id, before, after)
           SELECT client_id, action, object_kind, object_id, unit_id, before::jsonb, after::jsonb
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[])
               WITH ORDINALITY AS row (client_id, action, object_kind, object_id, unit_id, before, after, place)
           ORDER BY place""",
        [entry.client_id for entry in entries],
        [entry.action for entry in entries],
        [entry.object_kind for entry in entries],
        [entry.object_id for entry in entries],
        [entry.unit_id for entry in entries],
        [_json(entry.before) for entry in entries],
        [_json(entry.after) for entry in entries],
    )


def _json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)


async def read(connection: Connection, asked: Filter, before: int | None, limit: int) -> list[Entry]:
    """Give entries, the newest first, behind one."""
    rows = await connection.fetch(
        """SELECT entry, at, client_id, action, object_kind, object_id, unit_id, before, after FROM audit
           WHERE ($1::text IS NULL OR object_kind = $1) AND ($2::text IS NULL OR object_id = $2)
             AND ($3::text IS NULL OR client_id = $3) AND ($4::bigint IS NULL OR entry < $4)
             AND ($5::uuid IS NULL OR (
                 SELECT unit.body::jsonb -> 'within' FROM log AS unit WHERE unit.record_id = audit.unit_id
                 ORDER BY unit.revision DESC, unit.edition DESC LIMIT 1
             ) ? $5::text)
           ORDER BY entry DESC LIMIT $6""",
        asked.object_kind,
        asked.object_id,
        asked.client_id,
        before,
        asked.within,
        limit,
    )
    return [Entry(entry, at, Audited(*told)) for entry, at, *told in rows]


async def settled(connection: Connection) -> int:
    """Give the number up to which no entry can come any more."""
    entry: int | None = await connection.fetchval(
        f"""SELECT entry FROM audit WHERE at < now() - interval '{SETTLED_SECONDS} seconds'
            ORDER BY entry DESC LIMIT 1"""
    )
    return entry or 0


async def counted(connection: Connection) -> tuple[int, dict[str, int]]:
    """Count the settled entries by action, and give the number of the last of them."""
    last = await settled(connection)
    rows = await connection.fetch("SELECT action, count(*) FROM audit WHERE entry <= $1 GROUP BY action", last)
    return last, dict(map(tuple, rows))


async def actions_after(connection: Connection, entry: int) -> list[tuple[int, str]]:
    """Give the actions of the entries behind one."""
    rows = await connection.fetch("SELECT entry, action FROM audit WHERE entry > $1", entry)
    return [(number, action) for number, action in rows]
