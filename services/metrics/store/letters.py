"""Dead letters: what could not be processed, listed, taken again, removed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.db import Connection
from libs.common.kafka import Incoming

__all__ = ["Letter", "list_letters", "remove_letters", "take_letters"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that could not be processed, and why."""

    letter_id: int
    message: Incoming
    reason: str
    buried_at: datetime


async def list_letters(connection: Connection, ids: Sequence[int] = (), *, limit: int) -> list[Letter]:
    """Give the oldest letters, or those of the ids."""
    rows = await connection.fetch(
        """SELECT id, topic, partition, "offset", key, value, headers::text, reason, buried_at FROM dead_letters
           WHERE cardinality($1::bigint[]) = 0 OR id = ANY($1::bigint[]) ORDER BY id LIMIT $2""",
        ids,
        limit,
    )
    return [
        Letter(
            row["id"],
            Incoming(
                topic=row["topic"],
                partition=row["partition"],
                offset=row["offset"],
                key=row["key"],
                value=row["value"],
                headers=json.loads(row["headers"]),
                timestamp_ms=int(row["buried_at"].timestamp() * 1000),
            ),
            row["reason"],
            row["buried_at"],
        )
        for row in rows
    ]


async def take_letters(connection: Connection, ids: Sequence[int], *, limit: int) -> list[Letter]:
    """Give letters to be handled in this transaction; consumers of their partitions wait for its end."""
    await connection.execute("SELECT FROM inbox ORDER BY topic, partition FOR UPDATE")
    return await list_letters(connection, ids, limit=limit)


async def remove_letters(connection: Connection, ids: Sequence[int]) -> None:
    """Forget letters that have been handled."""
    await connection.execute("DELETE FROM dead_letters WHERE id = ANY($1::bigint[])", ids)
