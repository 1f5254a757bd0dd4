"""Dead letters: what could not be processed, listed, taken again, removed, or put aside for good."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.db import Connection
from libs.common.inbox import DROPPED
from libs.common.kafka import Incoming

__all__ = ["Dropped", "Letter", "drop_letters", "list_letters", "remove_letters", "take_letters"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Somebody's decision that a letter is never to be processed."""

    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that could not be processed, and why."""

    letter_id: int
    message: Incoming
    source: str
    reason: str
    buried_at: datetime
    dropped: Dropped | None


async def list_letters(
    connection: Connection, ids: Sequence[int] = (), *, limit: int, dropped: bool = False
) -> list[Letter]:
    """Give the oldest letters that wait, or the oldest dropped ones; or those of the ids, whether dropped or not."""
    rows = await connection.fetch(
        f"""SELECT id, topic, partition, "offset", source, key, value, headers::text, reason, buried_at
            FROM dead_letters WHERE CASE WHEN cardinality($1::bigint[]) > 0 THEN id = ANY($1::bigint[])
                ELSE (headers -> '{DROPPED}' IS NOT NULL) = $3 END
            ORDER BY id LIMIT $2""",
        ids,
        limit,
        dropped,
    )
    letters = []
    for row in rows:
        headers = json.loads(row["headers"])
        told = headers.pop(DROPPED, None)
        message = Incoming(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            key=row["key"],
            value=row["value"],
            headers=headers,
            timestamp_ms=int(row["buried_at"].timestamp() * 1000),
        )
        letters.append(Letter(row["id"], message, row["source"], row["reason"], row["buried_at"], _dropped(told)))
    return letters


def _dropped(told: Mapping[str, str] | None) -> Dropped | None:
    return Dropped(told["by"], datetime.fromisoformat(told["at"]), told["why"]) if told is not None else None


async def take_letters(connection: Connection, ids: Sequence[int], *, limit: int) -> list[Letter]:
    """Give letters to be handled in this transaction; consumers of their partitions wait for its end."""
    await connection.execute("SELECT FROM inbox ORDER BY topic, partition FOR UPDATE")
    return await list_letters(connection, ids, limit=limit)


async def remove_letters(connection: Connection, ids: Sequence[int]) -> None:
    """Forget letters that have been handled."""
    await connection.execute("DELETE FROM dead_letters WHERE id = ANY($1::bigint[])", ids)


async def drop_letters(connection: Connection, ids: Sequence[int], told: Dropped) -> list[int]:
    """Put letters aside for good, with who decided it, when and why; gives those that were waiting."""
    decision = {"by": told.by, "at": told.at.isoformat(), "why": told.why}
    rows = await connection.fetch(
        f"""UPDATE dead_letters SET headers = (headers::jsonb || jsonb_build_object('{DROPPED}', $2::text::jsonb))::json
            WHERE id = ANY($1::bigint[]) AND headers -> '{DROPPED}' IS NULL RETURNING id""",
        ids,
        json.dumps(decision, ensure_ascii=False),
    )
    return [row["id"] for row in rows]
