"""The audit log: who did or read what, appended in the transaction of what it tells of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.common.db import Connection

__all__ = ["Audited", "note"]


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
