"""What was written after a backup and is in the restored log no more: who is to send it again."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from deploy.ops.recovery.anew import exists
from libs.common.db import Connection

__all__ = ["Lost", "Row", "folded_since", "not_in", "reporters_of", "written_since"]

AT_ONCE = 10_000


class Row(NamedTuple):
    """A newest state that somebody knew of; the old log tells who sent it, metrics only whose it is."""

    record_id: UUID
    revision: int
    edition: int
    type: str = ""
    reporter: str = ""
    client: str = ""
    written_at: str = ""


@dataclass
class Lost:
    """What the restored log does not know, or not at that revision."""

    rows: dict[UUID, Row] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> None:
        """Add what was found; who tells more of a record comes first."""
        for row in rows:
            known = self.rows.get(row.record_id)
            if known is None or (row.revision, row.edition) > (known.revision, known.edition):
                self.rows[row.record_id] = row

    def by(self, column: str) -> Counter[str]:
        """Count by a column."""
        return Counter(getattr(row, column) or "?" for row in self.rows.values())

    def write(self, file: Path) -> None:
        """Write a CSV that its owner only may read."""
        ordered: list[Row] = sorted(self.rows.values(), key=_when)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(Row._fields)
            writer.writerows(ordered)


def _when(row: Row) -> tuple[str, str]:
    return row.written_at, str(row.record_id)


async def written_since(log: Connection, epoch: int, visible: str) -> list[Row]:
    """Give the newest states in a log that a backup's snapshot did not see; more where the log is of another past.

    Transactions that began before and ended after the snapshot are among them: their ids would not tell.
    """
    if not await exists(log, "log"):
        return []
    columns = await log.fetchval(
        """SELECT count(*) FROM information_schema.columns
           WHERE (table_schema, table_name, column_name) = ('public', 'log', 'client_id')"""
    )
    client, real = ("client_id", "kind <> 'progress'") if columns else ("NULL", "true")
    rows = await log.fetch(
        f"""SELECT DISTINCT ON (record_id) record_id, revision, edition, type, partition_key::text, {client},
                appended_at
            FROM log WHERE (epoch > $1 OR NOT pg_visible_in_snapshot(xid, $2::text::pg_snapshot)) AND {real}
            ORDER BY record_id, revision DESC, edition DESC""",
        epoch,
        visible,
    )
    return [
        Row(record_id, revision, edition, type_, reporter, client or "", at.isoformat())
        for record_id, revision, edition, type_, reporter, client, at in rows
    ]


async def folded_since(metrics: Connection, log: Connection) -> list[Row]:
    """Give what metrics has folded and the restored log of visits does not know."""
    if not await exists(metrics, "heads"):
        return []
    lost: list[Row] = []
    async with metrics.transaction(isolation="repeatable_read", readonly=True):
        cursor = await metrics.cursor("SELECT record_id, revision, edition FROM heads")
        while heads := await cursor.fetch(AT_ONCE):
            gone = await not_in(log, [Row(*head) for head in heads])
            named = await reporters_of(metrics, [row.record_id for row in gone])
            lost += [
                row._replace(type="tungnha.visits.record.v1", reporter=named.get(row.record_id, "")) for row in gone
            ]
    return lost


async def not_in(log: Connection, rows: Sequence[Row]) -> list[Row]:
    """Give those that a log does not know, or not at that revision."""
    gone: list[Row] = []
    for begin in range(0, len(rows), AT_ONCE):
        some = rows[begin : begin + AT_ONCE]
        found = await log.fetch(
            """SELECT told.place FROM unnest($1::uuid[], $2::integer[], $3::integer[])
                   WITH ORDINALITY AS told (record_id, revision, edition, place)
               WHERE NOT EXISTS (
                   SELECT FROM log WHERE log.record_id = told.record_id
                     AND (log.revision, log.edition) >= (told.revision, told.edition))
               ORDER BY told.place""",
            [row.record_id for row in some],
            [row.revision for row in some],
            [row.edition for row in some],
        )
        gone += [some[row["place"] - 1] for row in found]
    return gone


async def reporters_of(metrics: Connection, records: Sequence[UUID]) -> dict[UUID, str]:
    """Give who reported records, as their facts say; one that was voided has none."""
    rows = await metrics.fetch(
        """SELECT DISTINCT record_id, reporter_id::text AS reporter FROM named_facts
           WHERE record_id = ANY($1::uuid[]) AND fold_out IS NULL""",
        records,
    )
    return {row["record_id"]: row["reporter"] for row in rows}
