"""Rows whose pseudonyms are of an older key, read and written anew: the one change that the log ever knows."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import Position

__all__ = ["Behind", "count_behind", "read_behind", "write_lifted"]


class Behind(NamedTuple):
    """A row of an older level."""

    record_id: UUID
    revision: int
    edition: int
    key_level: int
    digest: bytes | None
    body: bytes
    position: Position


async def count_behind(connection: Connection, level: int) -> int:
    """Count the rows below a level; reads the whole log."""
    found: int = await connection.fetchval(
        "SELECT count(*) FROM log WHERE key_level < $1 AND kind <> 'progress'", level
    )
    return found


async def read_behind(connection: Connection, below: int, after: Position, limit: int) -> list[Behind]:
    """Give rows below a level, in the log's order, behind a position."""
    rows = await connection.fetch(
        """SELECT record_id, revision, edition, key_level, digest, body::text AS body,
               epoch, xid::text::bigint AS xid, seq
           FROM log WHERE (epoch, xid, seq) > ($1, $2::text::xid8, $3) AND key_level < $4 AND kind <> 'progress'
           ORDER BY epoch, xid, seq LIMIT $5""",
        after.epoch,
        str(after.xid),
        after.seq,
        below,
        limit,
    )
    return [
        Behind(record_id, revision, edition, level, digest, body.encode(), Position(epoch, xid, seq))
        for record_id, revision, edition, level, digest, body, epoch, xid, seq in rows
    ]


async def write_lifted(connection: Connection, level: int, rows: Sequence[Behind]) -> None:
    """Write bodies and digests that were lifted to a level; a row that somebody else has lifted stays."""
    await connection.execute(
        """UPDATE log SET key_level = $1, digest = told.digest, body = told.body::json
           FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::smallint[], $6::bytea[], $7::text[])
               AS told (record_id, revision, edition, key_level, digest, body)
           WHERE (log.record_id, log.revision, log.edition) = (told.record_id, told.revision, told.edition)
             AND log.key_level = told.key_level""",
        level,
        [row.record_id for row in rows],
        [row.revision for row in rows],
        [row.edition for row in rows],
        [row.key_level for row in rows],
        [row.digest for row in rows],
        [row.body.decode() for row in rows],
    )
