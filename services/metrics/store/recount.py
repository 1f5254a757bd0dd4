"""Cells beside what their facts make, each in one statement; where cells and facts lie; what folds changed lately."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from pyroaring import BitMap

from libs.common.db import Connection
from services.metrics.domain.cells import Cell, CellKey
from services.metrics.domain.recount import Counted
from services.metrics.store.changes import unpack
from services.metrics.store.literal import plain

__all__ = [
    "Compared",
    "Key",
    "Span",
    "changed_lately",
    "days_of",
    "keys_on_page",
    "look_up",
    "named",
    "number_of_code",
    "numbered",
    "numbers_of_units",
    "pages",
    "recount_cells",
    "recount_span",
    "rollups_of",
]


class Key(NamedTuple):
    """A cell's key as it is stored."""

    unit: int
    day: date
    reporter: int
    measure: int
    platform: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What a cell says, and what its facts make in the same snapshot; None where there is no cell, or no fact."""

    key: Key
    kept: Counted | None
    counted: Counted | None


@dataclass(frozen=True, slots=True)
class Span:
    """Some days of a unit; of one measure, where it is told."""

    unit: int
    first: date
    last: date
    measure: int | None = None


UNREADABLE = BitMap([2**32 - 1])
"""Stands for bytes that are no set: numbers begin at the other end, so it equals none that facts make."""

_KEY = "unit, day, reporter, measure, platform"
_KEPT = "cells.reporter_kind, cells.quantity, cells.unknown, cells.persons, cells.households"
# Whom a fact counts under is told by its references once more: `person` is what the fold made of them.
_MADE = """min(reporter_kind) AS kind, max(reporter_kind) AS other_kind, count(*) AS facts,
    coalesce(sum(quantity), 0)::bigint AS quantity,
    coalesce(sum(quantity) FILTER (WHERE coalesce(national_id, phone, ref, receipt) IS NULL), 0)::bigint AS unknown,
    array_remove(array_agg(DISTINCT coalesce(national_id, phone, ref, receipt)), NULL) AS persons,
    array_remove(array_agg(DISTINCT household), NULL) AS households"""
_FACTS = "made.facts, made.kind, made.other_kind, made.quantity, made.unknown, made.persons, made.households"


async def look_up(connection: Connection) -> None:
    """Make the transaction's statements look up key by key, which the planner cannot know to be quicker."""
    await connection.fetchrow(
        """SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
               set_config('enable_mergejoin', 'off', true)"""
    )


async def recount_cells(connection: Connection, keys: Collection[Key]) -> list[Compared]:
    """Count some cells again; one statement is one snapshot."""
    rows = await connection.fetch(
        f"""SELECT {_KEY}, {_KEPT}, {_FACTS}
            FROM unnest($1::text::integer[], $2::text::date[], $3::text::integer[], $4::text::integer[],
                    $5::text::integer[]) AS told ({_KEY})
                LEFT JOIN cells USING ({_KEY}),
                LATERAL (
                    SELECT {_MADE} FROM facts
                    WHERE facts.unit = told.unit AND facts.day = told.day AND facts.reporter = told.reporter
                        AND facts.measure = told.measure AND facts.platform = told.platform AND fold_out IS NULL
                ) AS made""",
        *(plain(column) for column in zip(*keys, strict=True)),
    )
    return [_compared(row) for row in rows]


async def recount_span(connection: Connection, span: Span) -> list[Compared]:
    """Count every cell of a span again, also those that have facts and no cell; one statement is one snapshot."""
    where = "unit = $1 AND day BETWEEN $2 AND $3 AND ($4::integer IS NULL OR measure = $4)"
    rows = await connection.fetch(
        f"""SELECT {_KEY}, {_KEPT}, {_FACTS}
            FROM (SELECT * FROM cells WHERE {where}) AS cells FULL JOIN (
                SELECT {_KEY}, {_MADE} FROM facts WHERE {where} AND fold_out IS NULL GROUP BY {_KEY}
            ) AS made USING ({_KEY})""",
        span.unit,
        span.first,
        span.last,
        span.measure,
    )
    return [_compared(row) for row in rows]


async def days_of(connection: Connection, unit: int, first: date | None, last: date | None) -> list[date]:
    """Give the days, of some, on which a unit has cells or facts."""
    where = "unit = $1 AND ($2::date IS NULL OR day >= $2) AND ($3::date IS NULL OR day <= $3)"
    rows = await connection.fetch(
        f"""SELECT day FROM cells WHERE {where} UNION SELECT day FROM facts WHERE {where} AND fold_out IS NULL
            ORDER BY day""",
        unit,
        first,
        last,
    )
    return [row["day"] for row in rows]


async def numbers_of_units(connection: Connection, units: Collection[UUID] | None) -> list[int]:
    """Give the numbers of those among some units (None: all) that have cells or facts, by skipping to the next."""
    rows = await connection.fetch(
        """WITH RECURSIVE of_cells AS (
               (SELECT unit FROM cells ORDER BY unit LIMIT 1)
               UNION ALL
               SELECT (SELECT unit FROM cells WHERE unit > of_cells.unit ORDER BY unit LIMIT 1)
               FROM of_cells WHERE of_cells.unit IS NOT NULL
           ), of_facts AS (
               (SELECT unit FROM facts WHERE fold_out IS NULL ORDER BY unit LIMIT 1)
               UNION ALL
               SELECT (SELECT unit FROM facts WHERE fold_out IS NULL AND unit > of_facts.unit ORDER BY unit LIMIT 1)
               FROM of_facts WHERE of_facts.unit IS NOT NULL
           )
           SELECT unit FROM (SELECT unit FROM of_cells UNION SELECT unit FROM of_facts) AS listed
           WHERE unit IS NOT NULL
               AND ($1::uuid[] IS NULL OR unit IN (SELECT number FROM ids WHERE id = ANY($1::uuid[])))
           ORDER BY unit""",
        None if units is None else list(units),
    )
    return [row["unit"] for row in rows]


async def number_of_code(connection: Connection, code: str) -> int | None:
    """Give the number of a measure, None where nothing was ever counted of it."""
    return cast("int | None", await connection.fetchval("SELECT number FROM codes WHERE code = $1", code))


async def pages(connection: Connection, table: str) -> int:
    """Give how many pages a table has; `table` is cells or facts."""
    return cast(
        int,
        await connection.fetchval(
            f"SELECT pg_relation_size('{table}'::regclass) / current_setting('block_size')::integer"
        ),
    )


async def keys_on_page(connection: Connection, table: str, page: int) -> list[Key]:
    """Give the keys of the cells, or of the cells of the live facts, that lie on a page."""
    live = "" if table == "cells" else "AND fold_out IS NULL"
    rows = await connection.fetch(
        f"SELECT DISTINCT {_KEY} FROM {table} WHERE ctid >= $1::tid AND ctid < $2::tid {live}", (page, 0), (page + 1, 0)
    )
    return [Key(*row) for row in rows]


async def changed_lately(connection: Connection) -> list[CellKey]:
    """Give the cells that some fold has changed whose changes are not in the roll-ups yet; any of those folds."""
    packed = await connection.fetchval(
        """SELECT changes FROM fold_changes WHERE n >= (
               SELECT min(n) + floor(random() * (max(n) - min(n) + 1))::bigint FROM fold_changes
           ) ORDER BY n LIMIT 1"""
    )
    return [
        CellKey(UUID(bytes=unit), measure, platform, date.min + timedelta(days=day - 1), UUID(bytes=reporter))
        for unit, measure, platform, day, reporter, *_ in (unpack(packed) if packed is not None else ())
    ]


async def rollups_of(connection: Connection) -> tuple[int, int, int]:
    """Tell roll-ups from those that are made after these have been dropped, or that other tables have."""
    row = await connection.fetchrow(
        "SELECT epoch, 'rollups'::regclass::oid::bigint, drops FROM data_revision, rollup_state"
    )
    return cast("tuple[int, int, int]", tuple(row or ()))


async def numbered(connection: Connection, keys: Sequence[CellKey]) -> list[Key]:
    """Give keys as they are stored; those whose names nothing has are left out, for nothing can be of them."""
    rows = await connection.fetch(
        """SELECT unit_of.number, day, reporter_of.number, measure_of.number, platform_of.number
           FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::text[], $5::text[])
               AS told (unit_id, day, reporter_id, measure, platform)
               JOIN ids AS unit_of ON unit_of.id = unit_id JOIN ids AS reporter_of ON reporter_of.id = reporter_id
               JOIN codes AS measure_of ON measure_of.code = told.measure
               JOIN codes AS platform_of ON platform_of.code = told.platform""",
        [key.unit_id for key in keys],
        [key.day for key in keys],
        [key.reporter_id for key in keys],
        [key.measure for key in keys],
        [key.platform for key in keys],
    )
    return [Key(*row) for row in rows]


async def named(connection: Connection, keys: Sequence[Key]) -> list[CellKey]:
    """Give whose the keys are; a number that has no name, which must not be, is told as an id or code of its own."""
    rows = await connection.fetch(
        """SELECT coalesce(unit_of.id, lpad(told.unit::text, 32, '0')::uuid), coalesce(measure_of.code, '#' || measure),
               coalesce(platform_of.code, '#' || platform), day,
               coalesce(reporter_of.id, lpad(reporter::text, 32, '0')::uuid)
           FROM unnest($1::integer[], $2::date[], $3::integer[], $4::integer[], $5::integer[]) WITH ORDINALITY
               AS told (unit, day, reporter, measure, platform, place)
               LEFT JOIN ids AS unit_of ON unit_of.number = unit
               LEFT JOIN ids AS reporter_of ON reporter_of.number = reporter
               LEFT JOIN codes AS measure_of ON measure_of.number = measure
               LEFT JOIN codes AS platform_of ON platform_of.number = platform
           ORDER BY place""",
        *(list(column) for column in (zip(*keys, strict=True) if keys else [()] * 5)),
    )
    return [CellKey(*row) for row in rows]


def _compared(row: Any) -> Compared:
    kind, quantity, unknown, persons, households = row[5:10]
    kept = None if kind is None else Counted(kind, Cell(quantity, unknown, _set(persons), _set(households)))
    facts, least, most, quantity, unknown, persons, households = row[10:17]
    counted = None
    if facts:
        cell = Cell(quantity, unknown, BitMap(persons or ()), BitMap(households or ()))
        counted = Counted(least if least == most else None, cell)
    return Compared(Key(*row[:5]), kept, counted)


def _set(serialised: bytes) -> BitMap:
    try:
        return BitMap.deserialize(serialised) if serialised else BitMap()
    except ValueError:
        return UNREADABLE
