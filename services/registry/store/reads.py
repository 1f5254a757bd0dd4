"""Pages of records for readers: bodies as they stand in the log, by key, never by offset."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.registry import TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.units import UnitRef

__all__ = ["Page", "TeamFilter", "find_units", "read_teams"]

# The newest of a record is the row that no other of the same record outdoes: found by the primary key.
_NEWEST = """NOT EXISTS (
    SELECT FROM log AS later
    WHERE later.record_id = log.record_id AND (later.revision, later.edition) > (log.revision, log.edition)
)"""

# A team's unit is looked up by the primary key, so this costs no more than the teams it is asked of.
_WITHIN = """(
    SELECT unit.body::jsonb -> 'within' FROM log AS unit WHERE unit.record_id = (log.body ->> 'unit_id')::uuid
    ORDER BY unit.revision DESC, unit.edition DESC LIMIT 1
) ?& {}::text[]"""


@dataclass(frozen=True)
class TeamFilter:
    """Which teams; all that work within each of the units."""

    code: str | None = None
    units: Sequence[UUID] = ()


@dataclass(frozen=True)
class Page:
    """Bodies in the order of their ids, and the last id where there are more."""

    bodies: Sequence[bytes]
    last: UUID | None


async def read_teams(connection: Connection, asked: TeamFilter, after: UUID | None, limit: int) -> Page:
    """Give a page of teams."""
    conditions: dict[str, object] = {}
    if asked.code is not None:
        conditions["body ->> 'code' = {}"] = asked.code
    if asked.units:
        conditions[_WITHIN] = [str(unit) for unit in asked.units]
    return await _page(connection, type_of(TeamV1), conditions, after, limit)


async def _page(
    connection: Connection, event_type: str, conditions: dict[str, object], after: UUID | None, limit: int
) -> Page:
    """Read one row more than asked for, to know whether there are more."""
    asked = dict(conditions)
    if after is not None:
        asked["record_id > {}"] = after
    where = [condition.replace("{}", f"${number}") for number, condition in enumerate(asked, start=3)]
    rows = await connection.fetch(
        f"""SELECT record_id, body::text AS body FROM log
            WHERE {" AND ".join(["type = $1", *where, _NEWEST])} ORDER BY record_id LIMIT $2""",
        event_type,
        limit + 1,
        *asked.values(),
    )
    last = rows[limit - 1]["record_id"] if len(rows) > limit else None
    return Page([row["body"].encode() for row in rows[:limit]], last)


async def find_units(connection: Connection, codes: Sequence[str]) -> dict[str, list[UnitRef]]:
    """Give every version that bears one of the codes, by code."""
    rows = await connection.fetch(
        f"""SELECT record_id, body ->> 'code' AS code, (body ->> 'valid_from')::date AS valid_from,
                   (body ->> 'valid_to')::date AS valid_to
            FROM log WHERE type = $1 AND body ->> 'code' = ANY($2::text[]) AND {_NEWEST}""",
        type_of(UnitV1),
        list(set(codes)),
    )
    found: dict[str, list[UnitRef]] = defaultdict(list)
    for row in rows:
        found[row["code"]].append(UnitRef(row["record_id"], row["code"], row["valid_from"], row["valid_to"]))
    return found
