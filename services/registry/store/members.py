"""Who members are, sealed; by which digests they are met again; who is in which team. One statement for a batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from services.registry.domain.members import Member, left_all_on

__all__ = [
    "Mark",
    "Row",
    "Wanted",
    "count_due",
    "count_outdated",
    "due",
    "erase",
    "find",
    "in_teams",
    "load",
    "met",
    "outdated",
    "save",
    "save_history",
    "try_lock_erasing",
]


@dataclass(frozen=True)
class Row:
    """A member as it is kept: ciphertext, the id of its key, the province it is a member of."""

    member_id: UUID
    province_id: UUID
    key_id: str
    sealed: bytes


@dataclass(frozen=True)
class Mark:
    """A digest of a kind by which a member is met again."""

    kind: str
    digest: bytes


async def met(
    connection: Connection, digests: Collection[bytes], provinces: Collection[UUID]
) -> dict[tuple[Mark, UUID], list[UUID]]:
    """Give the members who bear digests in some provinces, by mark and province."""
    rows = await connection.fetch(
        """SELECT kind, digest, province_id, member_id FROM member_keys
           WHERE digest = ANY($1::bytea[]) AND province_id = ANY($2::uuid[]) ORDER BY member_id""",
        list(digests),
        list(provinces),
    )
    found: dict[tuple[Mark, UUID], list[UUID]] = {}
    for row in rows:
        found.setdefault((Mark(row["kind"], bytes(row["digest"])), row["province_id"]), []).append(row["member_id"])
    return found


async def load(connection: Connection, member_ids: Collection[UUID]) -> dict[UUID, Row]:
    """Give what is kept of members who were not erased."""
    rows = await connection.fetch(
        "SELECT member_id, province_id, key_id, sealed FROM members WHERE member_id = ANY($1::uuid[])", list(member_ids)
    )
    return {row["member_id"]: Row(*row) for row in rows}


async def save(connection: Connection, rows: Sequence[Row], marks: Mapping[UUID, Iterable[Mark]]) -> None:
    """Insert or replace members with all their marks; three statements, however many there are."""
    await connection.execute(
        """INSERT INTO members (member_id, province_id, key_id, sealed)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])
           ON CONFLICT (member_id) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed""",
        [row.member_id for row in rows],
        [row.province_id for row in rows],
        [row.key_id for row in rows],
        [row.sealed for row in rows],
    )
    await connection.execute(
        "DELETE FROM member_keys WHERE member_id = ANY($1::uuid[])", [row.member_id for row in rows]
    )
    borne = [(mark.digest, mark.kind, row.member_id) for row in rows for mark in marks[row.member_id]]
    await connection.execute(
        """INSERT INTO member_keys (digest, kind, province_id, member_id)
           SELECT borne.digest, borne.kind, members.province_id, borne.member_id
           FROM unnest($1::bytea[], $2::text[], $3::uuid[]) AS borne (digest, kind, member_id)
           JOIN members USING (member_id)""",
        [digest for digest, _, _ in borne],
        [kind for _, kind, _ in borne],
        [member_id for _, _, member_id in borne],
    )


async def save_history(connection: Connection, members: Sequence[Member]) -> None:
    """Have the look-up tables say what the members' newest states say."""
    ids = [member.record_id for member in members]
    times: list[tuple[UUID, UUID | None, UUID | None, date | None, date | None]]
    times = [(m.record_id, each.team_id, None, each.joined_on, each.left_on) for m in members for each in m.memberships]
    times += [(m.record_id, None, each.unit_id, each.begin, each.end) for m in members for each in m.appointments]
    await connection.execute("DELETE FROM memberships WHERE member_id = ANY($1::uuid[])", ids)
    await connection.execute(
        """INSERT INTO memberships (member_id, team_id, unit_id, begins, ends)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::date[])""",
        *([time[column] for time in times] for column in range(5)),
    )
    await connection.execute(
        """UPDATE members SET left_on = told.left_on FROM unnest($1::uuid[], $2::date[]) AS told (member_id, left_on)
           WHERE members.member_id = told.member_id AND members.left_on IS DISTINCT FROM told.left_on""",
        ids,
        [left_all_on(member) for member in members],
    )


async def in_teams(connection: Connection, ends: Mapping[UUID, date]) -> list[UUID]:
    """Give who is in one of some teams on the day named for it, or later."""
    rows = await connection.fetch(
        """SELECT DISTINCT member_id FROM memberships
           JOIN unnest($1::uuid[], $2::date[]) AS ending (team_id, day) USING (team_id)
           WHERE ends IS NULL OR ends > ending.day ORDER BY member_id""",
        list(ends),
        list(ends.values()),
    )
    return [row["member_id"] for row in rows]


async def try_lock_erasing(connection: Connection) -> bool:
    """Say whether this transaction is the one that erases."""
    got: bool = await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('registry-erase'))")
    return got


async def count_due(connection: Connection, today: date, retention_months: int) -> int:
    """Count members who left everything longer ago than the retention period."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM members WHERE left_on <= $1::date - make_interval(months => $2)", today, retention_months
    )
    return count


async def due(connection: Connection, today: date, retention_months: int, limit: int) -> list[UUID]:
    """Give members who left everything longer ago than the retention period, those who left first before others."""
    rows = await connection.fetch(
        """SELECT member_id FROM members
           WHERE left_on <= $1::date - make_interval(months => $2) ORDER BY left_on, member_id LIMIT $3""",
        today,
        retention_months,
        limit,
    )
    return [row["member_id"] for row in rows]


async def erase(connection: Connection, member_ids: Sequence[UUID]) -> None:
    """Delete who members are, by what they were met again, and the digests of what was sent of them."""
    await connection.execute("DELETE FROM members WHERE member_id = ANY($1::uuid[])", list(member_ids))
    await connection.execute("UPDATE changes SET digest = NULL WHERE record_id = ANY($1::uuid[])", list(member_ids))


async def outdated(connection: Connection, key_id: str, limit: int) -> list[Row]:
    """Give members sealed under another key than this, locked until the transaction ends."""
    rows = await connection.fetch(
        """SELECT member_id, province_id, key_id, sealed FROM members WHERE key_id <> $1
           ORDER BY member_id LIMIT $2 FOR UPDATE""",
        key_id,
        limit,
    )
    return [Row(*row) for row in rows]


async def count_outdated(connection: Connection, key_id: str) -> int:
    """Count members sealed under another key than this."""
    count: int = await connection.fetchval("SELECT count(*) FROM members WHERE key_id <> $1", key_id)
    return count


@dataclass(frozen=True)
class Wanted:
    """Which members: in one of these teams or appointed to one of these units, on a day; behind an id, so many."""

    teams: Collection[UUID]
    units: Collection[UUID]
    on: date
    after: UUID | None
    limit: int


async def find(connection: Connection, wanted: Wanted) -> list[UUID]:
    """Give members by id."""
    rows = await connection.fetch(
        """SELECT DISTINCT member_id FROM memberships
           WHERE (team_id = ANY($1::uuid[]) OR unit_id = ANY($2::uuid[]))
             AND (begins IS NULL OR begins <= $3) AND (ends IS NULL OR ends > $3)
             AND ($4::uuid IS NULL OR member_id > $4)
           ORDER BY member_id LIMIT $5""",
        list(wanted.teams),
        list(wanted.units),
        wanted.on,
        wanted.after,
        wanted.limit,
    )
    return [row["member_id"] for row in rows]
