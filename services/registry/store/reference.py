"""Pages of denominators and targets, as they stand in the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.reference import DenominatorV1, TargetV1
from libs.contracts.topics import type_of
from services.registry.store.reads import Page

__all__ = ["ReferenceFilter", "read_reference"]


@dataclass(frozen=True)
class ReferenceFilter:
    """Which denominators or targets; `units` None: of all units; `on`: the newest row not after that day."""

    units: Sequence[UUID] | None = None
    base: str | None = None
    indicator: str | None = None
    on: date | None = None


async def read_reference(
    connection: Connection,
    contract: type[DenominatorV1] | type[TargetV1],
    asked: ReferenceFilter,
    after: UUID | None,
    limit: int,
) -> Page:
    """Give a page of denominators or targets; one row more than asked for is read, to know whether there are more."""
    rows = await connection.fetch(
        # The day is a part of what a denominator is known by: any revision of a later row outdoes an earlier one.
        """SELECT record_id, body::text AS body FROM log
           WHERE type = $1 AND NOT EXISTS (
                   SELECT FROM log AS newer WHERE newer.record_id = log.record_id
                     AND (newer.revision, newer.edition) > (log.revision, log.edition)
               )
             AND ($3::uuid IS NULL OR record_id > $3)
             AND ($4::text[] IS NULL OR body ->> 'unit_id' = ANY($4))
             AND ($5::text IS NULL OR body ->> 'base' = $5)
             AND ($6::text IS NULL OR body ->> 'indicator' = $6)
             AND ($7::text IS NULL OR body ->> 'on' <= $7 AND NOT EXISTS (
                   SELECT FROM log AS later
                   WHERE later.type = log.type AND later.body ->> 'unit_id' = log.body ->> 'unit_id'
                     AND later.body ->> 'base' = log.body ->> 'base'
                     AND later.body ->> 'min_age' IS NOT DISTINCT FROM log.body ->> 'min_age'
                     AND later.body ->> 'max_age' IS NOT DISTINCT FROM log.body ->> 'max_age'
                     AND later.body ->> 'on' > log.body ->> 'on' AND later.body ->> 'on' <= $7
               ))
           ORDER BY record_id LIMIT $2""",
        type_of(contract),
        limit + 1,
        after,
        [str(unit) for unit in asked.units] if asked.units is not None else None,
        asked.base,
        asked.indicator,
        asked.on.isoformat() if asked.on is not None else None,
    )
    last = rows[limit - 1]["record_id"] if len(rows) > limit else None
    return Page([row["body"].encode() for row in rows[:limit]], last)
