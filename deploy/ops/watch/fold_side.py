"""What the watch reads of metrics: how far it has come, what it has taken, and what it could not."""

import json
import re
from collections import defaultdict
from collections.abc import Collection
from typing import Literal, NamedTuple
from uuid import UUID

from deploy.ops.watch.log_side import Folded, State
from libs.common.db import Connection
from libs.common.inbox import reached
from libs.common.log import BEGINNING, Position
from libs.contracts.topics import RECORDS

__all__ = ["TABLES", "Judged", "folded_page", "folded_still", "judge", "position"]

Verdict = Literal["folded", "dead", "missing"]

_EVENT_ID = re.compile(r"[0-9a-f-]{36}/([0-9]{1,9})/([0-9]{1,9})")


class Judged(NamedTuple):
    """What became of a record's state."""

    state: State
    verdict: Verdict


async def position(connection: Connection) -> Position:
    """Give the position of visits' log up to which everything has been taken or buried.

    A partition that nobody has begun with, in a database that is new, holds it at the beginning.
    """
    begun = await connection.fetchval("SELECT count(*) FROM inbox WHERE topic = $1", RECORDS.name)
    if begun < RECORDS.partitions:
        return BEGINNING
    return await reached(connection, RECORDS.name) or BEGINNING


async def judge(connection: Connection, states: Collection[State]) -> list[Judged]:
    """Say what became of those states that are due in this very snapshot; the others are left out.

    The connection must be within one snapshot: position, heads and letters move in one transaction of the consumer, so
    in one snapshot whatever the position has passed is in the heads or among the letters, or it is missing.
    """
    here = await position(connection)
    due = [state for state in states if state.is_due(here)]
    lost = await _not_folded(connection, due) if due else set()
    letters = await _letters(connection, lost) if lost else {}
    return [Judged(state, _verdict(state, lost, letters)) for state in due]


def _verdict(state: State, lost: set[UUID], letters: dict[UUID, list[tuple[int, int] | None]]) -> Verdict:
    if state.record_id not in lost:
        return "folded"
    # A letter of an older state explains nothing; one that does not say of which it is may be of this.
    told = letters.get(state.record_id, ())
    return "dead" if any(at is None or at >= (state.revision, state.edition) for at in told) else "missing"


async def _not_folded(connection: Connection, states: Collection[State]) -> set[UUID]:
    # A scalar subquery is looked up key by key, whatever the planner thinks of the table.
    rows = await connection.fetch(
        """SELECT told.record_id
           FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::boolean[])
               AS told (record_id, revision, edition, is_progress)
           WHERE NOT coalesce(CASE
               WHEN is_progress THEN (SELECT known.revision >= told.revision FROM progress AS known
                   WHERE known.progress_id = told.record_id)
               ELSE (SELECT (head.revision, head.edition) >= (told.revision, told.edition) FROM heads AS head
                   WHERE head.record_id = told.record_id) END, false)""",
        [state.record_id for state in states],
        [state.revision for state in states],
        [state.edition for state in states],
        [state.is_progress for state in states],
    )
    return {row["record_id"] for row in rows}


async def _letters(connection: Connection, record_ids: Collection[UUID]) -> dict[UUID, list[tuple[int, int] | None]]:
    """Give the revision and edition of each dead letter of some records; None where it does not tell them."""
    rows = await connection.fetch(
        "SELECT key, headers::text AS headers FROM dead_letters WHERE topic = $1 AND key = ANY($2::bytea[])",
        RECORDS.name,
        [str(record_id).encode() for record_id in record_ids],
    )
    found: defaultdict[UUID, list[tuple[int, int] | None]] = defaultdict(list)
    for row in rows:
        told = _EVENT_ID.fullmatch(str(json.loads(row["headers"]).get("ce_id", "")))
        found[UUID(row["key"].decode())].append((int(told[1]), int(told[2])) if told else None)
    return found


TABLES = ("heads", "progress")
"""Where what was taken is kept: of records, and of how far devices have synced."""

_COLUMNS = {"heads": "record_id, revision, edition", "progress": "progress_id AS record_id, revision, 0 AS edition"}
_KEYS = {"heads": "record_id", "progress": "progress_id"}


async def folded_page(connection: Connection, table: str, after: UUID | None, limit: int) -> list[Folded]:
    """Give what was taken, by id, behind one."""
    key = _KEYS[table]
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS[table]} FROM {table} WHERE $1::uuid IS NULL OR {key} > $1
            ORDER BY {key} LIMIT $2""",
        after,
        limit,
    )
    return [Folded(*row) for row in rows]


async def folded_still(connection: Connection, record_ids: Collection[UUID]) -> list[Folded]:
    """Give what is taken now of some ids."""
    found: list[Folded] = []
    for table in TABLES:
        rows = await connection.fetch(
            f"SELECT {_COLUMNS[table]} FROM {table} WHERE {_KEYS[table]} = ANY($1::uuid[])", list(record_ids)
        )
        found += [Folded(*row) for row in rows]
    return found
