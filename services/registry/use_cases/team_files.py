"""Teams by the list: each is met again by its code within its province; the caller commits."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import msgspec

from libs.common.db import Connection
from libs.contracts.registry import UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.ids import record_id
from services.registry.domain.team_life import same_province
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit
from services.registry.events import team_of, unit_of
from services.registry.store import changes, log, reads
from services.registry.use_cases.memberships import end_with_teams

__all__ = ["end_memberships", "settle", "settle_file"]


@dataclass(frozen=True)
class Known:
    """What is known of the teams that a list may mean."""

    units: Mapping[UUID, Unit]
    by_code: Mapping[str, Sequence[Team]]
    ids: frozenset[UUID]


async def settle(connection: Connection, told: Sequence[Team]) -> list[Team]:
    """Give each team of a list as it is to be saved (`loading.save`): under the id that it has, or is to have.

    A team is the same as one with its code in its province, whoever made that one; what a list does not tell
    (decision, contacts, what happened since) stays. Four statements however many teams there are. The list's own ids
    count for nothing.
    """
    known = await _known(connection, told)
    return [_settled(team, known) for team in told]


async def settle_file(connection: Connection, told: Sequence[Team]) -> list[Team]:
    """As `settle`, for a file that is loaded again and again: what it said before changes nothing when said again,
    whatever officers have changed since. The caller holds the lock of the log.
    """
    settled = await settle(connection, told)
    said = {team.record_id: _digest(row) for team, row in zip(settled, told, strict=True)}
    before = await changes.rows_said(connection, list(said))
    await changes.say_rows(connection, said)
    return [team for team in settled if before.get(team.record_id) != said[team.record_id]]


async def end_memberships(connection: Connection, teams: Sequence[Team]) -> None:
    """Have the members of teams that end leave them, after the teams were saved."""
    ends: dict[UUID, date] = {team.record_id: team.dissolved_on for team in teams if team.dissolved_on is not None}
    if ends:
        await end_with_teams(connection, ends)


async def _known(connection: Connection, told: Sequence[Team]) -> Known:
    bodies = await reads.teams_with_codes(connection, [team.code for team in told])
    by_code: dict[str, list[Team]] = {}
    for team in map(team_of, bodies):
        by_code.setdefault(team.code, []).append(team)
    ids = {team.unit_id for team in told} | {team.unit_id for teams in by_code.values() for team in teams}
    heads = await log.heads_of(connection, type_of(UnitV1), ids)
    plain = [record_id("team", team.code) for team in told]
    return Known(
        {key: unit_of(head.body) for key, head in heads.items()},
        by_code,
        frozenset(await log.known_ids(connection, plain)),
    )


def _settled(team: Team, known: Known) -> Team:
    unit = known.units[team.unit_id]
    same = next(
        (one for one in known.by_code.get(team.code, ()) if same_province(unit, known.units[one.unit_id])), None
    )
    if same is None:
        plain = record_id("team", team.code)
        own = record_id("team", str(unit.path[0]), team.code)
        return replace(team, record_id=own if plain in known.ids else plain)
    ended = any(change.kind != "consolidated" for change in same.changes)
    return replace(
        team,
        record_id=same.record_id,
        dissolved_on=same.dissolved_on if ended else team.dissolved_on,
        establishment=team.establishment or same.establishment,
        contacts=team.contacts or same.contacts,
        changes=same.changes,
    )


def _digest(row: Team) -> bytes:
    return hashlib.sha256(msgspec.json.encode(replace(row, record_id=UUID(int=0)))).digest()
