"""What a query reads; everything of one answer from the caller's one snapshot."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pyroaring import BitMap

from libs.common.db import Connection
from services.metrics.domain.answer import StoredCell
from services.metrics.domain.completeness import Synced
from services.metrics.domain.grouping import Place
from services.metrics.domain.question import Question

__all__ = [
    "DataRevision",
    "MatchedFact",
    "active_reporters",
    "cells",
    "facts",
    "read_revision",
    "still_reporting",
    "synced",
]

SLICE_ROWS = 2000
_PLACE = "unit_of.id, measure_of.code, platform_of.code, day, reporter_of.id, reporter_kind"
_NAMED = """{table}
    JOIN ids AS unit_of ON unit_of.number = unit
    JOIN ids AS reporter_of ON reporter_of.number = reporter
    JOIN codes AS measure_of ON measure_of.number = measure
    JOIN codes AS platform_of ON platform_of.number = platform"""

MatchedFact = tuple[Place, int, tuple[int | None, ...]]
"""Place, the number the person counts under, all references of the line."""


@dataclass(frozen=True, slots=True)
class DataRevision:
    """The revision of the data and when it was made; None before the first fold."""

    epoch: int
    n: int
    changed_at: datetime | None

    def __str__(self) -> str:
        return f"{self.epoch}.{self.n}"


async def read_revision(connection: Connection) -> DataRevision:
    """Give the data's revision in this snapshot."""
    row = await connection.fetchrow("SELECT epoch, n, changed_at FROM data_revision")
    assert row is not None
    return DataRevision(row["epoch"], row["n"], row["changed_at"])


async def cells(
    connection: Connection, question: Question, units: Collection[UUID] | None, sets: Collection[str]
) -> AsyncIterator[list[StoredCell]]:
    """Give the cells that hold a fact, in slices; of their sets only those needed, persons or households."""
    where, params = _where(question, units)
    where.append(_coded("measure", question.measures, params))
    columns = ", ".join(name if name in sets else "''::bytea" for name in ("persons", "households"))
    # A cell without a live fact stays, with quantity 0: it is not a report of zero.
    sql = f"""SELECT {_PLACE}, quantity, unknown, {columns} FROM {_NAMED.format(table="cells")}
        WHERE quantity > 0 AND {" AND ".join(where)}"""
    async for rows in _slices(connection, sql, params):
        yield [(Place(*row[:6]), row[6], row[7], _sets(row[8]), _sets(row[9])) for row in rows]


async def facts(
    connection: Connection, question: Question, units: Collection[UUID] | None
) -> AsyncIterator[list[MatchedFact]]:
    """Give the live facts that name a person, in slices."""
    where, params = _where(question, units)
    where.append(_coded("measure", question.measures, params))
    sql = f"""SELECT {_PLACE}, person, national_id, phone, ref, receipt FROM {_NAMED.format(table="facts")}
        WHERE fold_out IS NULL AND person IS NOT NULL AND {" AND ".join(where)}"""
    async for rows in _slices(connection, sql, params):
        yield [(Place(*row[:6]), row[6], row[7:]) for row in rows]


async def active_reporters(
    connection: Connection, question: Question, units: Collection[UUID] | None
) -> frozenset[UUID]:
    """Give who has reported anything in the units and days asked about, of whatever measure."""
    where, params = _where(question, units)
    rows = await connection.fetch(
        f"""SELECT id FROM ids WHERE number IN (
                SELECT reporter FROM cells WHERE quantity > 0 AND {" AND ".join(where)})""",
        *params,
    )
    return frozenset(row["id"] for row in rows)


async def still_reporting(
    connection: Connection, question: Question, told: Collection[tuple[UUID, UUID]]
) -> frozenset[UUID]:
    """Give those who have reported anything in the unit told beside them, in the days asked about."""
    where, params = _where(question, None)
    n = len(params)
    rows = await connection.fetch(
        f"""SELECT DISTINCT reporter_id
            FROM unnest(${n + 1}::uuid[], ${n + 2}::uuid[]) AS told (unit_id, reporter_id)
                JOIN ids AS unit_of ON unit_of.id = unit_id JOIN ids AS reporter_of ON reporter_of.id = reporter_id,
                LATERAL (
                    SELECT FROM cells WHERE unit = unit_of.number AND reporter = reporter_of.number AND quantity > 0
                        AND {" AND ".join(where)} LIMIT 1
                ) AS found""",
        *params,
        *map(list, zip(*told, strict=True)),
    )
    return frozenset(row["reporter_id"] for row in rows)


async def synced(connection: Connection, reporters: Collection[UUID]) -> Synced:
    """Give what the devices of some reporters have said."""
    # Not told as text, which would be read twice, to plan and to look up: some milliseconds where all of a province are
    # asked for.
    row = await connection.fetchrow(
        """SELECT count(DISTINCT reporter_id) FILTER (WHERE device IS NOT NULL),
               coalesce(bool_or(device IS NOT NULL AND synced_through IS NULL), false),
               min(synced_through) FILTER (WHERE device IS NOT NULL),
               min(held_since)
           FROM progress WHERE reporter_id = ANY($1::uuid[])""",
        list(reporters),
    )
    assert row is not None
    return Synced(*row)


def _where(question: Question, units: Collection[UUID] | None) -> tuple[list[str], list[Any]]:
    """Make the conditions that cells and facts share, and their parameters."""
    params: list[Any] = [question.first, question.last]
    where = ["day BETWEEN $1 AND $2"]
    if units is not None:
        where.append(_identified("unit", units, params))
    if question.reporter_kind is not None:
        params.append(question.reporter_kind)
        where.append(f"reporter_kind = ${len(params)}")
    if question.reporters:
        where.append(_identified("reporter", question.reporters, params))
    if question.platforms:
        where.append(_coded("platform", question.platforms, params))
    return where, params


def _identified(column: str, ids: Collection[UUID], params: list[Any]) -> str:
    # The array is made once, before the table is looked into.
    params.append(list(ids))
    return f"{column} = ANY(ARRAY(SELECT number FROM ids WHERE id = ANY(${len(params)}::uuid[])))"


def _coded(column: str, codes: Collection[str], params: list[Any]) -> str:
    params.append(list(codes))
    return f"{column} = ANY(ARRAY(SELECT number FROM codes WHERE code = ANY(${len(params)}::text[])))"


def _sets(serialised: bytes) -> tuple[BitMap, ...]:
    return (BitMap.deserialize(serialised),) if serialised else ()


async def _slices(connection: Connection, sql: str, params: Sequence[Any]) -> AsyncIterator[list[Any]]:
    cursor = await connection.cursor(sql, *params)
    while rows := await cursor.fetch(SLICE_ROWS):
        yield rows
