"""Pages of records for readers: bodies as they stand in the log, by key, never by offset."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.registry import TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.units import UnitRef

__all__ = [
    "NEWEST",
    "Days",
    "Page",
    "Revision",
    "TeamFilter",
    "Told",
    "bodies_in_units",
    "find_units",
    "history",
    "ids_in_units",
    "page_in_units",
    "read_teams",
    "teams_with_codes",
]

# The newest of a record is the row that no other of the same record outdoes: found by the primary key.
NEWEST = """NOT EXISTS (
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
    type: str | None = None
    level: str | None = None
    active_on: date | None = None


@dataclass(frozen=True)
class Days:
    """A day, and the fields that bound the days of a record; `inclusive` where the last is one of them."""

    day: date
    first: str
    last: str
    inclusive: bool = False

    def condition(self) -> str:
        """Give the condition, with {} for the day."""
        first, last = f"(body ->> '{self.first}')::date", f"(body ->> '{self.last}')::date"
        ends = ">=" if self.inclusive else ">"
        return f"coalesce({first} <= {{}}::date, true) AND coalesce({last} {ends} {{}}::date, true)"


@dataclass(frozen=True)
class Told:
    """A record's newest state and the type of it."""

    type: str
    body: bytes


@dataclass(frozen=True)
class Revision:
    """A record's state at a revision, and when it was told."""

    revision: int
    told_at: datetime
    body: bytes


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
    for name, value in (("type", asked.type), ("level", asked.level)):
        if value is not None:
            conditions[f"body ->> '{name}' = {{}}"] = value
    if asked.active_on is not None:
        conditions[Days(asked.active_on, "established_on", "dissolved_on").condition()] = asked.active_on
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
            WHERE {" AND ".join(["type = $1", *where, NEWEST])} ORDER BY record_id LIMIT $2""",
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
            FROM log WHERE type = $1 AND body ->> 'code' = ANY($2::text[]) AND {NEWEST}""",
        type_of(UnitV1),
        list(set(codes)),
    )
    found: dict[str, list[UnitRef]] = defaultdict(list)
    for row in rows:
        found[row["code"]].append(UnitRef(row["record_id"], row["code"], row["valid_from"], row["valid_to"]))
    return found


async def teams_with_codes(connection: Connection, codes: Collection[str]) -> list[bytes]:
    """Give every team that bears one of the codes."""
    rows = await connection.fetch(
        f"""SELECT body::text AS body FROM log
            WHERE type = $1 AND body ->> 'code' = ANY($2::text[]) AND {NEWEST} ORDER BY record_id""",
        type_of(TeamV1),
        list(set(codes)),
    )
    return [row["body"].encode() for row in rows]


async def ids_in_units(connection: Connection, event_type: str, units: Collection[UUID]) -> list[UUID]:
    """Give the records of a type that are of one of some units."""
    rows = await connection.fetch(
        f"""SELECT record_id FROM log
            WHERE type = $1 AND body ->> 'unit_id' = ANY($2::text[]) AND {NEWEST} ORDER BY record_id""",
        event_type,
        [str(unit) for unit in units],
    )
    return [row["record_id"] for row in rows]


async def bodies_in_units(connection: Connection, event_types: Sequence[str], units: Collection[UUID]) -> list[Told]:
    """Give the records of some types that are of one of some units, by id."""
    rows = await connection.fetch(
        f"""SELECT type, body::text AS body FROM log
            WHERE type = ANY($1::text[]) AND body ->> 'unit_id' = ANY($2::text[]) AND {NEWEST} ORDER BY record_id""",
        list(event_types),
        [str(unit) for unit in units],
    )
    return [Told(row["type"], row["body"].encode()) for row in rows]


async def page_in_units(
    connection: Connection,
    event_type: str,
    units: Collection[UUID] | None,
    on: Days | None,
    asked: tuple[UUID | None, int],
) -> Page:
    """Give a page of records of a type: of one of some units, None for all, whose days have a day in them."""
    conditions: dict[str, object] = {}
    if units is not None:
        conditions["body ->> 'unit_id' = ANY({}::text[])"] = [str(unit) for unit in units]
    if on is not None:
        conditions[on.condition()] = on.day
    return await _page(connection, event_type, conditions, *asked)


async def history(connection: Connection, event_type: str, record_id: UUID) -> list[Revision]:
    """Give every revision of a record, the newest first."""
    rows = await connection.fetch(
        """SELECT revision, appended_at, body::text AS body FROM log
           WHERE record_id = $1 AND type = $2 ORDER BY revision DESC, edition DESC""",
        record_id,
        event_type,
    )
    return [Revision(row["revision"], row["appended_at"], row["body"].encode()) for row in rows]
