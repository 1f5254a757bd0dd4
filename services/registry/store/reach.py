"""Who works in some units: what a reform that ends them would touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.network import MemberV1
from libs.contracts.registry import TeamV1
from libs.contracts.topics import type_of
from services.registry.store.reads import NEWEST

__all__ = ["TeamThere", "members_of", "teams_in"]


@dataclass(frozen=True, slots=True)
class TeamThere:
    """A team that works in a unit."""

    team_id: UUID
    code: str
    name: str
    unit_id: UUID


async def teams_in(connection: Connection, units: Sequence[UUID], day: date) -> list[TeamThere]:
    """Give the teams of units that exist on a day, by code."""
    rows = await connection.fetch(
        f"""SELECT record_id, body ->> 'code' AS code, body ->> 'name' AS name, (body ->> 'unit_id')::uuid AS unit_id
            FROM log WHERE type = $1 AND (body ->> 'unit_id')::uuid = ANY($2::uuid[])
              AND coalesce((body ->> 'dissolved_on')::date > $3, true) AND {NEWEST} ORDER BY code""",
        type_of(TeamV1),
        list(units),
        day,
    )
    return [TeamThere(*row) for row in rows]


async def members_of(connection: Connection, teams: Sequence[UUID], day: date) -> list[tuple[UUID, UUID]]:
    """Give each member with each of the teams that he or she is in on a day."""
    rows = await connection.fetch(
        f"""SELECT DISTINCT record_id AS member_id, (membership ->> 'team_id')::uuid AS team_id
            FROM log, json_array_elements(body -> 'memberships') AS membership
            WHERE type = $1 AND (membership ->> 'team_id')::uuid = ANY($2::uuid[])
              AND coalesce((membership ->> 'left_on')::date > $3, true) AND {NEWEST}""",
        type_of(MemberV1),
        list(teams),
        day,
    )
    return [(row["member_id"], row["team_id"]) for row in rows]
