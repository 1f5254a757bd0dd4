"""What the watch reads of visits' log; every statement is bounded by its number of rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import asyncpg

from libs.common.db import Connection
from libs.common.log import BEGINNING, TABLE, Position

__all__ = [
    "Beyond",
    "Folded",
    "Page",
    "State",
    "beyond",
    "page_until",
    "relayed",
    "rows_back",
    "standing",
    "unknown_among",
]


class State(NamedTuple):
    """A record's newest state that is not held, which is what must have arrived once `position` is reached.

    `top` is the position of its newest row, held or not: where that is not reached the record is still moving.
    """

    record_id: UUID
    is_progress: bool
    revision: int
    edition: int
    position: Position
    top: Position

    def is_due(self, reached: Position) -> bool:
        """Say whether nothing of the record is still under way to whoever has come so far."""
        return max(self.position, self.top) <= reached


class Folded(NamedTuple):
    """What metrics says that it has taken of a record."""

    record_id: UUID
    revision: int
    edition: int


@dataclass(frozen=True)
class Page:
    """Some rows of the log: the records among them, how many are met here for the first time, and where it ends."""

    states: Sequence[State]
    firsts: int
    reached: Position
    rows: int


# Each is found by the primary key, however many rows a record has. What a row of a record is first to tell is
# its lowest revision that is not held: by that each record is counted once.
_NEWEST = f"""SELECT kind = 'progress' AS is_progress, revision, edition, epoch, xid, seq FROM {TABLE}
    WHERE {TABLE}.record_id = told.record_id AND NOT held ORDER BY revision DESC, edition DESC LIMIT 1"""
_TOP = f"""SELECT epoch, xid, seq FROM {TABLE}
    WHERE {TABLE}.record_id = told.record_id ORDER BY revision DESC, edition DESC LIMIT 1"""
_FIRST = f"""SELECT revision, edition, epoch, xid, seq FROM {TABLE}
    WHERE {TABLE}.record_id = told.record_id AND NOT held ORDER BY revision, edition LIMIT 1"""
_STATE = """told.record_id, newest.is_progress, newest.revision, newest.edition,
    newest.epoch, newest.xid::text::bigint AS xid, newest.seq,
    top.epoch AS top_epoch, top.xid::text::bigint AS top_xid, top.seq AS top_seq"""
_PAGE = f"""
    WITH told AS MATERIALIZED (
        SELECT epoch, xid, seq, record_id, revision, edition FROM {TABLE}
        WHERE (epoch, xid, seq) > ($1, $2::text::xid8, $3) AND (epoch, xid, seq) <= ($4, $5::text::xid8, $6)
        ORDER BY epoch, xid, seq LIMIT $7
    )
    SELECT {_STATE}, told.epoch AS at_epoch, told.xid::text::bigint AS at_xid, told.seq AS at_seq,
        (told.revision, told.edition) = (first.revision, first.edition) AS is_first
    FROM told LEFT JOIN LATERAL ({_NEWEST}) AS newest ON true
        LEFT JOIN LATERAL ({_TOP}) AS top ON true
        LEFT JOIN LATERAL ({_FIRST}) AS first ON true
    ORDER BY told.epoch, told.xid, told.seq
"""


async def page_until(connection: Connection, after: Position, until: Position, limit: int) -> Page:
    """Read the rows behind a position, up to another and to a number of rows, in the order of positions.

    What metrics says it has reached is settled: nothing can appear any more up to there.
    """
    rows = await connection.fetch(_PAGE, *_at(after), *_at(until), limit)
    if not rows:
        return Page((), 0, until, 0)
    states = {row["record_id"]: _state(row) for row in rows if row["revision"] is not None}
    last = rows[-1]
    # Where there was room for more there is no more, so everything up to `until` has been seen.
    full = len(rows) == limit
    reached = Position(last["at_epoch"], last["at_xid"], last["at_seq"]) if full else until
    return Page(list(states.values()), sum(bool(row["is_first"]) for row in rows), reached, len(rows))


async def standing(connection: Connection, record_ids: Collection[UUID]) -> list[State]:
    """Give the states of some records; those that the log does not know, or that are all held, are not among them."""
    rows = await connection.fetch(
        f"""SELECT {_STATE} FROM unnest($1::uuid[]) AS told (record_id)
            JOIN LATERAL ({_NEWEST}) AS newest ON true JOIN LATERAL ({_TOP}) AS top ON true""",
        list(record_ids),
    )
    return list(map(_state, rows))


async def unknown_among(connection: Connection, folded: Collection[Folded]) -> list[UUID]:
    """Give those of which the log does not know so high a revision and edition that may be told.

    What was folded had been told, so it had been committed: whoever reads the log afterwards must find it.
    """
    rows = await connection.fetch(
        f"""SELECT told.record_id
            FROM unnest($1::uuid[], $2::integer[], $3::integer[]) AS told (record_id, revision, edition)
            LEFT JOIN LATERAL ({_NEWEST}) AS newest ON true
            WHERE newest.revision IS NULL
               OR (newest.revision, newest.edition) < (told.revision, told.edition)""",
        [each.record_id for each in folded],
        [each.revision for each in folded],
        [each.edition for each in folded],
    )
    return [row["record_id"] for row in rows]


class Beyond(NamedTuple):
    """What lies behind a position: records, how many of these have no row before it, and the oldest row's time.

    `exact` is False where there is more than is counted; then `records` is how many rows there are, nearly.
    """

    records: int
    new: int
    oldest_at: float | None
    exact: bool


MOST_ROWS = 20_000


async def beyond(connection: Connection, reached: Position, most_rows: int = MOST_ROWS) -> Beyond:
    """Look at what has not been reached, settled or not."""
    row = await connection.fetchrow(
        f"""WITH rows AS MATERIALIZED (
                SELECT record_id, held, appended_at, seq FROM {TABLE}
                WHERE (epoch, xid, seq) > ($1, $2::text::xid8, $3) ORDER BY epoch, xid, seq LIMIT $4
            ), told AS (SELECT DISTINCT record_id FROM rows WHERE NOT held)
            SELECT (SELECT count(*) FROM rows) AS rows, (SELECT count(*) FROM told) AS records,
                (SELECT count(*) FROM told JOIN LATERAL ({_FIRST}) AS first ON true
                    WHERE (first.epoch, first.xid, first.seq) > ($1, $2::text::xid8, $3)) AS new,
                (SELECT date_part('epoch', min(appended_at)) FROM rows) AS oldest_at,
                (SELECT seq FROM {TABLE} ORDER BY {TABLE}.epoch DESC, {TABLE}.xid DESC, {TABLE}.seq DESC LIMIT 1)
                    - (SELECT min(seq) FROM rows) AS span""",
        *_at(reached),
        most_rows + 1,
    )
    assert row is not None
    if row["rows"] <= most_rows:
        return Beyond(row["records"], row["new"], row["oldest_at"], exact=True)
    return Beyond(max(row["rows"], row["span"] + 1), 0, row["oldest_at"], exact=False)


async def rows_back(connection: Connection, reached: Position, rows: int) -> Position:
    """Give the position so many rows before another, or the beginning."""
    row = await connection.fetchrow(
        f"""SELECT epoch, xid::text::bigint AS xid, seq FROM {TABLE}
            WHERE (epoch, xid, seq) <= ($1, $2::text::xid8, $3)
            ORDER BY {TABLE}.epoch DESC, {TABLE}.xid DESC, {TABLE}.seq DESC OFFSET $4 LIMIT 1""",
        *_at(reached),
        rows,
    )
    return Position(row["epoch"], row["xid"], row["seq"]) if row else BEGINNING


async def relayed(connection: Connection) -> Position:
    """Give how far the owner's relay has sent its log; the beginning before the first."""
    row = await connection.fetchrow(
        "SELECT epoch, xid::text::bigint AS xid, seq FROM log_position ORDER BY log_position.epoch, log_position.xid,"
        " log_position.seq LIMIT 1"
    )
    return Position(row["epoch"], row["xid"], row["seq"]) if row else BEGINNING


def _at(position: Position) -> tuple[int, str, int]:
    return position.epoch, str(position.xid), position.seq


def _state(row: asyncpg.Record) -> State:
    return State(
        row["record_id"],
        row["is_progress"],
        row["revision"],
        row["edition"],
        Position(row["epoch"], row["xid"], row["seq"]),
        Position(row["top_epoch"], row["top_xid"], row["top_seq"]),
    )
