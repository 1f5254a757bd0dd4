"""States of the network, written: one statement a table and batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from libs.common.db import Connection
from services.metrics.domain.network.states import DeclaredDenominator, MemberState, TeamState, at_once

__all__ = ["raise_denominators", "raise_members", "raise_revision", "raise_teams", "replace_histories"]

HISTORIES = ("network_memberships", "network_posts", "network_appointments", "network_trainings")


async def raise_teams(connection: Connection, numbers: Mapping[UUID, int], teams: Collection[TeamState]) -> int:
    """Keep the teams that are newer than what is known; gives how many."""
    rows = await connection.fetch(
        """INSERT INTO network_teams AS known
               (number, team_id, revision, unit, level, type, code, name, first_day, end_day)
           SELECT * FROM unnest($1::integer[], $2::uuid[], $3::integer[], $4::integer[], $5::smallint[], $6::smallint[],
               $7::text[], $8::text[], $9::date[], $10::date[]) AS told ORDER BY 1
           ON CONFLICT (number) DO UPDATE SET revision = excluded.revision, unit = excluded.unit,
               level = excluded.level, type = excluded.type, code = excluded.code, name = excluded.name,
               first_day = excluded.first_day, end_day = excluded.end_day
           WHERE known.revision < excluded.revision
           RETURNING number""",
        *_columns(
            (
                numbers[team.key],
                team.key,
                team.revision,
                numbers[team.unit_id],
                team.level,
                team.type,
                team.code,
                team.name,
                *team.spell,
            )
            for team in teams
        ),
    )
    return len(rows)


async def raise_members(connection: Connection, members: Collection[MemberState]) -> dict[UUID, tuple[int, bool]]:
    """Raise the members that are newer than what is known; gives each one's number and whether it is new."""
    rows = await connection.fetch(
        """INSERT INTO network_members AS known (member_id, revision)
           SELECT * FROM unnest($1::uuid[], $2::integer[]) AS told (member_id, revision) ORDER BY member_id
           ON CONFLICT (member_id) DO UPDATE SET revision = excluded.revision WHERE known.revision < excluded.revision
           RETURNING member_id, number, xmax = 0""",
        *_columns((member.key, member.revision) for member in members),
    )
    return {member_id: (number, made) for member_id, number, made in rows}


async def replace_histories(
    connection: Connection,
    raised: Mapping[UUID, tuple[int, bool]],
    numbers: Mapping[UUID, int],
    members: Collection[MemberState],
) -> None:
    """Write the histories of raised members in place of those they had; `numbers` are those of teams and units."""
    had = [number for number, made in raised.values() if not made]
    if had:
        for table in HISTORIES:
            await connection.execute(f"DELETE FROM {table} WHERE member = ANY($1::bigint[])", had)
    of = [(raised[member.key][0], member) for member in members]
    shared = {number: at_once(member.memberships) for number, member in of}
    for table, types, rows in (
        (
            "network_memberships (member, team, first_day, end_day, overlapping)",
            ("bigint", "integer", "date", "date", "boolean"),
            [(n, numbers[team], *spell, shared[n]) for n, member in of for team, spell in member.memberships],
        ),
        (
            "network_posts (member, post, first_day, end_day)",
            ("bigint", "text", "date", "date"),
            [(n, post, *spell) for n, member in of for post, spell in member.posts],
        ),
        (
            "network_appointments (member, kind, unit, first_day, end_day)",
            ("bigint", "text", "integer", "date", "date"),
            [(n, kind, numbers[unit], *spell) for n, member in of for (kind, unit), spell in member.appointments],
        ),
        (
            "network_trainings (member, completed_on, course)",
            ("bigint", "date", "text"),
            [(n, *training) for n, member in of for training in member.trainings],
        ),
    ):
        if rows:
            told = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(types, 1))
            await connection.execute(f"INSERT INTO {table} SELECT * FROM unnest({told})", *_columns(rows))


async def raise_denominators(connection: Connection, told: Collection[DeclaredDenominator]) -> int:
    """Keep the denominators that are newer than what is known; gives how many."""
    rows = await connection.fetch(
        """INSERT INTO denominators AS known
               (denominator_id, revision, unit_id, base, min_age, max_age, on_day, value, source)
           SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::smallint[], $6::smallint[],
               $7::date[], $8::bigint[], $9::text[]) AS told ORDER BY 1
           ON CONFLICT (denominator_id) DO UPDATE SET revision = excluded.revision, unit_id = excluded.unit_id,
               base = excluded.base, min_age = excluded.min_age, max_age = excluded.max_age, on_day = excluded.on_day,
               value = excluded.value, source = excluded.source
           WHERE known.revision < excluded.revision
           RETURNING denominator_id""",
        *_columns(
            (
                each.key,
                each.revision,
                each.unit_id,
                each.base,
                each.min_age,
                each.max_age,
                each.on,
                each.value,
                each.source,
            )
            for each in told
        ),
    )
    return len(rows)


async def raise_revision(connection: Connection) -> None:
    """Raise the network's revision, last of all in the transaction."""
    await connection.execute("UPDATE network_revision SET n = n + 1, changed_at = clock_timestamp()")


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
