"""Reforms as they stand, and who did what with them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from libs.common.db import Connection
from services.registry.domain.reform.standing import Action, Standing

__all__ = ["Deed", "due", "find_deed", "insert", "list_all", "load", "note", "update", "written_units"]

_COLUMNS = """reform_id, revision, status, decree, effective_date, operations::text AS operations, client_id,
    created_at, changed_at, failure::text AS failure, begun, ended"""


@dataclass(frozen=True)
class Deed:
    """What a client did with a reform, known again by the id that it made; `digest` is that of what it asked for."""

    reform_id: UUID
    revision: int
    action: Action
    action_id: UUID
    digest: bytes
    client_id: str


def _standing(row: Any) -> Standing:
    return Standing(
        reform_id=row["reform_id"],
        revision=row["revision"],
        status=row["status"],
        decree=row["decree"],
        effective=row["effective_date"],
        operations=row["operations"].encode(),
        client_id=row["client_id"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        failure=row["failure"].encode() if row["failure"] is not None else None,
        begun=tuple(row["begun"]),
        ended=tuple(row["ended"]),
    )


async def load(connection: Connection, reform_id: UUID) -> Standing | None:
    """Give a reform as it stands."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM reforms WHERE reform_id = $1", reform_id)
    return _standing(row) if row is not None else None


async def list_all(connection: Connection, status: str | None) -> list[Standing]:
    """Give every reform, or those of a status, the newest decree first; the country has a few dozen a year."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM reforms WHERE $1::text IS NULL OR status = $1
            ORDER BY effective_date DESC, reform_id DESC""",
        status,
    )
    return [_standing(row) for row in rows]


async def due(connection: Connection, day: date) -> list[UUID]:
    """Give the reforms whose day has come, the earlier first."""
    rows = await connection.fetch(
        """SELECT reform_id FROM reforms WHERE status = 'scheduled' AND effective_date <= $1
           ORDER BY effective_date, reform_id""",
        day,
    )
    return [row["reform_id"] for row in rows]


async def insert(connection: Connection, standing: Standing) -> Standing:
    """Keep a new draft, and give it as it is kept."""
    row = await connection.fetchrow(
        f"""INSERT INTO reforms (reform_id, revision, status, decree, effective_date, operations, client_id)
            VALUES ($1, $2, $3, $4, $5, $6::text::json, $7) RETURNING {_COLUMNS}""",
        standing.reform_id,
        standing.revision,
        standing.status,
        standing.decree,
        standing.effective,
        standing.operations.decode(),
        standing.client_id,
    )
    return _standing(row)


async def update(connection: Connection, standing: Standing, written: Collection[UUID] = ()) -> Standing:
    """Keep how a reform stands now, with every unit that it wrote; the caller has the lock and judged the revision."""
    row = await connection.fetchrow(
        f"""UPDATE reforms SET revision = $2, status = $3, decree = $4, effective_date = $5,
                operations = $6::text::json, failure = $7::text::json, begun = $8, ended = $9, written = $10,
                changed_at = now()
            WHERE reform_id = $1 RETURNING {_COLUMNS}""",
        standing.reform_id,
        standing.revision,
        standing.status,
        standing.decree,
        standing.effective,
        standing.operations.decode(),
        standing.failure.decode() if standing.failure is not None else None,
        list(standing.begun),
        list(standing.ended),
        list(written),
    )
    return _standing(row)


async def note(connection: Connection, deed: Deed) -> None:
    """Keep who did what."""
    await connection.execute(
        """INSERT INTO reform_actions (reform_id, revision, action, action_id, digest, client_id)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        deed.reform_id,
        deed.revision,
        deed.action,
        deed.action_id,
        deed.digest,
        deed.client_id,
    )


async def find_deed(connection: Connection, reform_id: UUID, action_id: UUID) -> Deed | None:
    """Give what was done under an id before."""
    row = await connection.fetchrow(
        """SELECT reform_id, revision, action, action_id, digest, client_id FROM reform_actions
           WHERE reform_id = $1 AND action_id = $2""",
        reform_id,
        action_id,
    )
    return Deed(*row) if row is not None else None


async def written_units(connection: Connection) -> set[UUID]:
    """Give every unit that an enacted reform began, ended or changed."""
    rows = await connection.fetch("SELECT DISTINCT unnest(written) AS unit_id FROM reforms WHERE status = 'enacted'")
    return {row["unit_id"] for row in rows}
