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
    params: list[object] = [type_of(contract), limit + 1, after]
    where = ["type = $1"]
    for column, value in (("base", asked.base), ("indicator", asked.indicator)):
        if value is not None:
            params.append(value)
            where.append(f"body ->> '{column}' = ${len(params)}")
    if asked.units is not None:
        params.append([str(unit) for unit in asked.units])
        where.append(f"body ->> 'unit_id' = ANY(${len(params)}::text[])")
    if asked.on is not None:
        params.append(asked.on.isoformat())
        where.append(f"body ->> 'on' <= ${len(params)}")
    statement = _PAGE if asked.on is None else _NEWEST_ON
    rows = await connection.fetch(statement.format(where=" AND ".join(where)), *params)
    last = rows[limit - 1]["record_id"] if len(rows) > limit else None
    return Page([row["body"].encode() for row in rows[:limit]], last)


_PAGE = """
    SELECT record_id, body::text AS body FROM log
    WHERE {where} AND ($3::uuid IS NULL OR record_id > $3) AND NOT EXISTS (
        SELECT FROM log AS newer WHERE newer.record_id = log.record_id
          AND (newer.revision, newer.edition) > (log.revision, log.edition)
    )
    ORDER BY record_id LIMIT $2"""

# What a row is about never changes with its revisions, so they can be chosen among first.
_NEWEST_ON = """
    WITH standing AS MATERIALIZED (
        SELECT DISTINCT ON (record_id) record_id, body FROM log WHERE {where}
        ORDER BY record_id, revision DESC, edition DESC
    ), placed AS (
        SELECT record_id, body, rank() OVER (
            PARTITION BY body ->> 'unit_id', body ->> 'base', body ->> 'min_age', body ->> 'max_age'
            ORDER BY body ->> 'on' DESC
        ) AS place FROM standing
    )
    SELECT record_id, body::text AS body FROM placed
    WHERE place = 1 AND ($3::uuid IS NULL OR record_id > $3) ORDER BY record_id LIMIT $2"""
