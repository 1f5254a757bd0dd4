"""Roll-ups, the folds' changes that are not in them yet, and which unit counts where."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from pyroaring import BitMap

from libs.common.db import Connection
from services.metrics.domain.layout import Member
from services.metrics.domain.rollups import ANYTHING, COMMUNE, CellChange, Rollup, RollupKey, next_month
from services.metrics.store.changes import unpack
from services.metrics.store.literal import plain, texts
from services.metrics.store.members import save_members

__all__ = [
    "Held",
    "Keys",
    "Row",
    "State",
    "begin_again",
    "reporters_in",
    "delete_rollups",
    "delete_some",
    "disturb",
    "drop",
    "forget_changes",
    "months_of",
    "raise_version",
    "read_changes",
    "read_month",
    "read_rollups",
    "read_rows",
    "read_sets",
    "read_state",
    "roll_up_cells",
    "save_rollups",
    "still_there",
    "take_turn",
]


@dataclass(frozen=True, slots=True)
class State:
    """How far the roll-ups are in a snapshot; `outstanding` are the revisions whose changes are not in all of them."""

    begun: bool
    version: int
    drops: int
    epoch: int
    revision: int
    outstanding: Sequence[int]
    entries: int


class Row(NamedTuple):
    """A roll-up without its sets; they are read by `place`, in the same snapshot."""

    level: int
    unit_id: UUID
    month: date
    measure: str
    platform: str
    reporter_kind: int
    n: int
    stamp: int
    quantity: int
    unknown: int
    first: date
    last: date
    place: tuple[int, int]
    persons_size: int
    households_size: int


@dataclass(frozen=True, slots=True)
class Keys:
    """Which roll-ups are asked for."""

    units: Collection[tuple[int, UUID]]
    first_month: date
    last_month: date
    measures: Sequence[str]
    platforms: Sequence[str]
    reporter_kind: int | None


Held = tuple[RollupKey, int]
"""Somebody by number, in a roll-up."""

_STATE = """SELECT begun, version, drops, data_revision.epoch, data_revision.n AS revision,
        (SELECT coalesce(array_agg(n ORDER BY n), '{}') FROM fold_changes) AS outstanding,
        (SELECT coalesce(sum(entries), 0) FROM fold_changes) AS entries
    FROM rollup_state, data_revision"""
_KEY = ", ".join(RollupKey._fields)
_WHOLE = "n, first_day, last_day, quantity, unknown, persons, households, reporters"
_UNITS = "ARRAY(SELECT number FROM ids WHERE id = ANY($1::uuid[]))"
_KEY_ARRAYS = (
    "$1::text::smallint[], $2::text::uuid[], $3::text::date[], $4::text::text[], $5::text::text[], $6::text::smallint[]"
)


async def read_state(connection: Connection) -> State:
    """Give the state in this snapshot."""
    row = await connection.fetchrow(_STATE)
    assert row is not None
    return State(*row)


async def take_turn(connection: Connection) -> State:
    """Begin a transaction that writes roll-ups: they take turns, each with a snapshot of after the one before."""
    # Locking a table takes no snapshot yet.
    await connection.execute("LOCK TABLE rollup_state IN EXCLUSIVE MODE")
    return await read_state(connection)


async def raise_version(connection: Connection) -> int:
    """Raise the version of the members; gives the new one."""
    version: int = await connection.fetchval("UPDATE rollup_state SET version = version + 1 RETURNING version")
    return version


async def drop(connection: Connection) -> None:
    """Use the roll-ups no more, and stop whoever is making some; in its turn."""
    await connection.execute("UPDATE rollup_state SET begun = false, drops = drops + 1")


async def disturb(connection: Connection) -> None:
    """Stop whoever is making roll-ups of the members as they were; in its turn."""
    await connection.execute("UPDATE rollup_state SET drops = drops + 1")


async def begin_again(connection: Connection, version: int, members: Collection[Member]) -> None:
    """Use roll-ups from now on: of those that are ready, which none is yet; in its turn."""
    await connection.execute("UPDATE rollup_units SET ready = 0, version = $1", version)
    await save_members(connection, version, members)
    await connection.execute("UPDATE rollup_state SET begun = true")


async def delete_some(connection: Connection, limit: int) -> bool:
    """Delete some roll-ups; says whether there were any."""
    deleted = await connection.fetchval(
        """WITH deleted AS (
               DELETE FROM rollups WHERE ctid = ANY(ARRAY(SELECT ctid FROM rollups LIMIT $1)) RETURNING true
           ) SELECT count(*) FROM deleted""",
        limit,
    )
    return bool(deleted)


async def read_changes(connection: Connection, revisions: Collection[int]) -> dict[int, list[CellChange]]:
    """Give what folds changed."""
    rows = await connection.fetch(
        "SELECT n, changes FROM fold_changes WHERE n IN (SELECT unnest($1::text::bigint[]))", plain(revisions)
    )
    return {n: unpack(changes) for n, changes in rows}


async def forget_changes(connection: Connection, until: int) -> None:
    """Delete changes that every roll-up has."""
    await connection.execute("DELETE FROM fold_changes WHERE n <= $1", until)


async def months_of(
    connection: Connection, units: Collection[UUID], rolled: Collection[tuple[int, UUID]]
) -> list[date]:
    """Give the months in which units have cells, or roll-ups have rows."""
    rows = await connection.fetch(
        f"""SELECT date_trunc('month', day)::date AS month FROM cells WHERE unit = ANY({_UNITS})
           UNION
           SELECT month FROM unnest($2::text::smallint[], $3::text::uuid[]) AS told (level, unit_id)
               JOIN rollups USING (level, unit_id)
           ORDER BY month""",
        list(units),
        *_levels(rolled),
    )
    return [row["month"] for row in rows]


async def read_rows(connection: Connection, asked: Keys) -> list[Row]:
    """Give the roll-ups that are there, without their sets."""
    params: list[Any] = [*_levels(asked.units), asked.first_month, asked.last_month, list(asked.measures)]
    where = ["month BETWEEN $3 AND $4", "measure = ANY($5::text[])"]
    if asked.platforms:
        params.append(list(asked.platforms))
        where.append(f"platform = ANY(${len(params)}::text[])")
    if asked.reporter_kind is not None:
        params.append(asked.reporter_kind)
        where.append(f"reporter_kind = ${len(params)}")
    rows = await connection.fetch(
        f"""SELECT {_KEY}, n, stamp, quantity, unknown, first_day, last_day, rollups.ctid,
               octet_length(persons), octet_length(households)
           FROM unnest($1::text::smallint[], $2::text::uuid[]) AS told (level, unit_id)
               JOIN rollups USING (level, unit_id)
           WHERE {" AND ".join(where)}""",
        *params,
    )
    return [Row(*row) for row in rows]


async def read_sets(
    connection: Connection, column: str, places: Collection[tuple[int, int]]
) -> list[tuple[int, bytes]]:
    """Give stamps and serialised sets of rows seen in this snapshot; `column` is persons, households or reporters."""
    rows = await connection.fetch(f"SELECT stamp, {column} FROM rollups WHERE ctid = ANY($1::tid[])", places)
    return [(stamp, serialised) for stamp, serialised in rows]


async def read_rollups(connection: Connection, keys: Collection[RollupKey]) -> dict[RollupKey, tuple[int, Rollup]]:
    """Give whole roll-ups, each with the revision it has everything of."""
    rows = await connection.fetch(
        f"SELECT {_KEY}, {_WHOLE} FROM unnest({_KEY_ARRAYS}) AS told ({_KEY}) JOIN rollups USING ({_KEY})",
        *_keys(keys),
    )
    return _rollups(rows)


async def read_month(
    connection: Connection, level: int, units: Collection[UUID], month: date
) -> dict[RollupKey, tuple[int, Rollup]]:
    """Give the whole roll-ups of some units in a month."""
    rows = await connection.fetch(
        f"SELECT {_KEY}, {_WHOLE} FROM rollups WHERE level = $1 AND unit_id = ANY($2::uuid[]) AND month = $3",
        level,
        list(units),
        month,
    )
    return _rollups(rows)


async def save_rollups(connection: Connection, n: int, rollups: Mapping[RollupKey, Rollup]) -> None:
    """Write roll-ups that have everything up to a revision."""
    contents = list(rollups.values())
    await connection.execute(
        f"""INSERT INTO rollups ({_KEY}, n, stamp, quantity, unknown, first_day, last_day,
               persons, households, reporters)
           SELECT {_KEY}, $7, nextval('rollup_stamps'), quantity, unknown, first_day, last_day,
               persons, households, reporters
           FROM unnest({_KEY_ARRAYS}, $8::bigint[], $9::bigint[], $10::date[], $11::date[],
               $12::bytea[], $13::bytea[], $14::bytea[])
               AS told ({_KEY}, quantity, unknown, first_day, last_day, persons, households, reporters)
           ON CONFLICT ({_KEY}) DO UPDATE SET n = excluded.n, stamp = excluded.stamp, quantity = excluded.quantity,
               unknown = excluded.unknown, first_day = excluded.first_day, last_day = excluded.last_day,
               persons = excluded.persons, households = excluded.households, reporters = excluded.reporters""",
        *_keys(rollups),
        n,
        [rollup.quantity for rollup in contents],
        [rollup.unknown for rollup in contents],
        [rollup.first for rollup in contents],
        [rollup.last for rollup in contents],
        [_bytes(rollup.persons) for rollup in contents],
        [_bytes(rollup.households) for rollup in contents],
        [msgspec.msgpack.encode(rollup.reporters) if rollup.reporters else b"" for rollup in contents],
    )


async def delete_rollups(
    connection: Connection, level: int, units: Collection[UUID], month: date | None = None
) -> None:
    """Delete the roll-ups of units, all or those of a month."""
    await connection.execute(
        """DELETE FROM rollups WHERE level = $1 AND unit_id = ANY($2::uuid[]) AND ($3::date IS NULL OR month = $3)""",
        level,
        list(units),
        month,
    )


async def still_there(connection: Connection, column: str, gone: Sequence[Held]) -> list[bool]:
    """Say of each whether a live fact holds it in the roll-up; `column` is person or household."""
    if not gone:
        return []
    # Facts are indexed by day, then by whom they name: each day of the month is looked up.
    rows = await connection.fetch(
        f"""SELECT place FROM unnest({_KEY_ARRAYS}, $7::integer[], $8::bigint[]) WITH ORDINALITY
               AS told ({_KEY}, days, number, place),
               LATERAL (
                   SELECT FROM facts JOIN ids ON ids.number = facts.unit
                       JOIN rollup_units AS member ON member.unit_id = ids.id
                   WHERE facts.day = ANY(ARRAY(SELECT told.month + n FROM generate_series(0, told.days - 1) AS n))
                       AND facts.{column} = told.number AND fold_out IS NULL
                       AND facts.measure = (SELECT codes.number FROM codes WHERE code = told.measure)
                       AND facts.platform = (SELECT codes.number FROM codes WHERE code = told.platform)
                       AND facts.reporter_kind = told.reporter_kind
                       AND told.unit_id = CASE told.level WHEN 1 THEN member.commune_id ELSE member.province_id END
                   LIMIT 1
               ) AS found""",
        *_keys([key for key, _ in gone]),
        [(next_month(key.month) - key.month).days for key, _ in gone],
        [number for _, number in gone],
    )
    found = {row["place"] for row in rows}
    return [place in found for place in range(1, len(gone) + 1)]


async def roll_up_cells(
    connection: Connection, commune_id: UUID, units: Collection[UUID], month: date
) -> dict[RollupKey, Rollup]:
    """Make a commune's roll-ups of a month from the cells of its units."""
    span = (list(units), month, next_month(month))
    # A set with no members is stored as nothing.
    rows = await connection.fetch(
        f"""SELECT measure_of.code, platform_of.code, reporter_kind, min(day), max(day), sum(quantity)::bigint,
               sum(unknown)::bigint, array_remove(array_agg(persons), ''), array_remove(array_agg(households), '')
           FROM cells JOIN codes AS measure_of ON measure_of.number = measure
               JOIN codes AS platform_of ON platform_of.number = platform
           WHERE unit = ANY({_UNITS}) AND day >= $2 AND day < $3 AND quantity > 0
           GROUP BY measure_of.code, platform_of.code, reporter_kind""",
        *span,
    )
    made = {
        RollupKey(COMMUNE, commune_id, month, measure, platform, kind): Rollup(
            first, last, quantity, unknown, _union(persons), _union(households)
        )
        for measure, platform, kind, first, last, quantity, unknown, persons, households in rows
    }
    rows = await connection.fetch(
        f"""SELECT code, reporter_kind, min(first), max(last), sum(quantity)::bigint,
               array_agg(id), array_agg(quantity)
           FROM (
               SELECT platform, reporter_kind, reporter, min(day) AS first, max(day) AS last,
                   sum(quantity)::bigint AS quantity
               FROM cells WHERE unit = ANY({_UNITS}) AND day >= $2 AND day < $3 AND quantity > 0
               GROUP BY platform, reporter_kind, reporter
           ) AS by_reporter JOIN ids ON ids.number = reporter JOIN codes ON codes.number = platform
           GROUP BY code, reporter_kind""",
        *span,
    )
    for platform, kind, first, last, quantity, reporters, quantities in rows:
        who = {reporter.bytes: each for reporter, each in zip(reporters, quantities, strict=True)}
        key = RollupKey(COMMUNE, commune_id, month, ANYTHING, platform, kind)
        made[key] = Rollup(first, last, quantity, reporters=who)
    return made


def _levels(units: Iterable[tuple[int, UUID]]) -> tuple[str, str]:
    """Write levels and units as arrays."""
    told = list(units)
    return plain(level for level, _ in told), plain(unit_id for _, unit_id in told)


def _keys(keys: Iterable[RollupKey]) -> list[str]:
    """Write keys as an array for each of their columns."""
    levels, units, months, measures, platforms, kinds = zip(*keys, strict=True) if keys else [()] * 6
    return [plain(levels), plain(units), plain(months), texts(measures), texts(platforms), plain(kinds)]


def _rollups(rows: Iterable[Any]) -> dict[RollupKey, tuple[int, Rollup]]:
    return {RollupKey(*row[:6]): (row[6], _rollup(*row[7:])) for row in rows}


def _rollup(
    first: date, last: date, quantity: int, unknown: int, persons: bytes, households: bytes, reporters: bytes
) -> Rollup:
    return Rollup(first, last, quantity, unknown, _set(persons), _set(households), reporters_in(reporters))


def reporters_in(packed: bytes) -> dict[bytes, int]:
    """Give how much each reporter has reported."""
    return _reporters.decode(packed) if packed else {}


_reporters = msgspec.msgpack.Decoder(dict[bytes, int])


def _union(serialised: Collection[bytes]) -> BitMap:
    return BitMap.union(*map(BitMap.deserialize, serialised)) if serialised else BitMap()


def _set(serialised: bytes) -> BitMap:
    return BitMap.deserialize(serialised) if serialised else BitMap()


def _bytes(members: BitMap) -> bytes:
    if not members:
        return b""
    members.run_optimize()
    return members.serialize()
