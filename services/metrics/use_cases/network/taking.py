"""Take states of the network: those that are newer replace what is known, and raise the network's revision."""

from collections.abc import Collection
from uuid import UUID

from libs.common.db import Connection
from services.metrics.domain.network.states import DeclaredDenominator, MemberState, TeamState, newest
from services.metrics.store.names import number_names, open_book
from services.metrics.store.network import states as store

__all__ = ["take"]


async def take(
    connection: Connection,
    teams: Collection[TeamState],
    members: Collection[MemberState],
    denominators: Collection[DeclaredDenominator],
) -> bool:
    """Take states in the caller's transaction, which has written already; says whether anything changed.

    The result does not depend on how often or in which order revisions come.
    """
    changed = 0
    if denominators:
        changed += await store.raise_denominators(connection, newest(denominators))
    if teams or members:
        changed += await _people(connection, newest(teams), newest(members))
    if not changed:
        return False
    await store.raise_revision(connection)
    return True


async def _people(connection: Connection, teams: Collection[TeamState], members: Collection[MemberState]) -> int:
    newer = await store.raise_members(connection, members) if members else {}
    changing = [member for member in members if member.key in newer]
    # A member may be in teams that have not been told of yet.
    named: set[UUID] = {each for team in teams for each in (team.key, team.unit_id)}
    named |= {team_id for member in changing for team_id, _ in member.memberships}
    named |= {unit_id for member in changing for (_, unit_id), _ in member.appointments}
    numbers = (await number_names(connection, await open_book(connection), named, set())).ids
    if changing:
        await store.replace_histories(connection, newer, numbers, changing)
    return len(changing) + (await store.raise_teams(connection, numbers, teams) if teams else 0)
