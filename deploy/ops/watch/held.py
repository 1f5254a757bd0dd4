"""What is held: how many records wait for what, and how long the oldest has; read by pages of their index."""

import time
from dataclasses import dataclass, field
from uuid import UUID

from deploy.ops.databases import reading
from libs.common.db import Engine
from libs.common.log import TABLE

__all__ = ["KINDS", "Held", "read_held"]

KINDS = ("team", "unit", "choice", "successor", "wave", "model")
"""What a record may wait for, in the words before the colon; anything newer is told as `other`."""

PAGE_ROWS = 2000

# The rows that were held once stay in the index; a record is held where its newest row is.
_PAGE = f"""
    WITH page AS MATERIALIZED (
        SELECT DISTINCT partition_key, record_id FROM {TABLE}
        WHERE state = 'held' AND ($1::uuid IS NULL OR (partition_key, record_id) > ($1, $2::uuid))
        ORDER BY partition_key, record_id LIMIT $3
    )
    SELECT page.partition_key, page.record_id, newest.state = 'held' AS stands,
        split_part(newest.waiting_for[1], ':', 1) AS waits_for,
        date_part('epoch', (SELECT min(first.received_at) FROM {TABLE} AS first
            WHERE first.record_id = page.record_id AND first.revision = newest.revision)) AS received_at
    FROM page JOIN LATERAL (
        SELECT state, revision, waiting_for FROM {TABLE} WHERE {TABLE}.record_id = page.record_id
        ORDER BY revision DESC, edition DESC LIMIT 1
    ) AS newest ON true
    ORDER BY page.partition_key, page.record_id
"""


@dataclass
class Held:
    """Records that stand as held, by the first thing that they wait for; times are seconds since 1970."""

    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    oldest_at: dict[str, float] = field(default_factory=dict)

    def add(self, waits_for: str | None, received_at: float) -> None:
        """Count one."""
        kind = waits_for if waits_for in KINDS else "other"
        self.records[kind] = self.records.get(kind, 0) + 1
        self.oldest_at[kind] = min(received_at, self.oldest_at.get(kind, received_at))

    def ages(self) -> dict[str, float]:
        """Give the age of the oldest of each kind now, 0 without one."""
        now = time.time()
        return {kind: max(0.0, now - self.oldest_at[kind]) if kind in self.oldest_at else 0.0 for kind in self.records}


async def read_held(visits: Engine, page_rows: int = PAGE_ROWS) -> Held:
    """Go over all that is held, a transaction a page; raises Unavailable or what PostgreSQL raises."""
    held = Held()
    after: tuple[UUID | None, UUID | None] = (None, None)
    while True:
        async with reading(visits) as connection:
            rows = await connection.fetch(_PAGE, *after, page_rows)
        for row in rows:
            if row["stands"]:
                held.add(row["waits_for"], row["received_at"])
        if len(rows) < page_rows:
            return held
        after = (rows[-1]["partition_key"], rows[-1]["record_id"])
