"""What clients' ids of changes stand for; where teams came from; what files said of teams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Connection

__all__ = ["Seen", "add", "add_successors", "find", "predecessors", "rows_said", "say_rows"]


@dataclass(frozen=True)
class Seen:
    """A change that was stored: of which record, and the keyed digest of what was sent, gone after an erasure."""

    change_id: UUID
    record_id: UUID
    digest: bytes | None


async def find(connection: Connection, change_id: UUID) -> Seen | None:
    """Give what a change's id stands for."""
    row = await connection.fetchrow("SELECT record_id, digest FROM changes WHERE change_id = $1", change_id)
    return None if row is None else Seen(change_id, row["record_id"], row["digest"])


async def add(connection: Connection, seen: Seen) -> None:
    """Note a change; the caller has looked for its id under the lock."""
    await connection.execute(
        "INSERT INTO changes (change_id, record_id, digest) VALUES ($1, $2, $3)",
        seen.change_id,
        seen.record_id,
        seen.digest,
    )


async def add_successors(connection: Connection, team_id: UUID, successors: Sequence[UUID]) -> None:
    """Note which teams took over."""
    await connection.execute(
        "INSERT INTO team_successors (successor_id, team_id) SELECT unnest($1::uuid[]), $2 ON CONFLICT DO NOTHING",
        list(successors),
        team_id,
    )


async def predecessors(connection: Connection, team_id: UUID) -> list[UUID]:
    """Give the teams that a team took over from."""
    rows = await connection.fetch(
        "SELECT team_id FROM team_successors WHERE successor_id = $1 ORDER BY team_id", team_id
    )
    return [row["team_id"] for row in rows]


async def rows_said(connection: Connection, team_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Give the digest of what a file last said of each team."""
    rows = await connection.fetch(
        "SELECT team_id, sha256 FROM team_rows WHERE team_id = ANY($1::uuid[])", list(team_ids)
    )
    return {row["team_id"]: bytes(row["sha256"]) for row in rows}


async def say_rows(connection: Connection, said: Mapping[UUID, bytes]) -> None:
    """Note what a file says of teams."""
    await connection.execute(
        """INSERT INTO team_rows (team_id, sha256) SELECT * FROM unnest($1::uuid[], $2::bytea[])
           ON CONFLICT (team_id) DO UPDATE SET sha256 = excluded.sha256""",
        list(said),
        list(said.values()),
    )
