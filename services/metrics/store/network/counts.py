"""Teams and members on a day, read; everything of one answer from the caller's one snapshot."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from libs.common.db import Connection
from services.metrics.domain.map import LEVELS
from services.metrics.domain.network.counting import Counted, Shared
from services.metrics.domain.network.layout import NONE, Placed
from services.metrics.domain.network.states import COMMUNITY, TYPES, DeclaredDenominator
from services.metrics.store.names import BOOK, Book

__all__ = [
    "Asked",
    "NetworkRevision",
    "Small",
    "ambassadors",
    "count_teams",
    "covered",
    "declared",
    "numbers_of",
    "read_revision",
    "shared",
    "small_teams",
    "teams",
]

OFFICERS = ("youth_union_secretary", "youth_union_deputy_secretary")
AMBASSADOR = "digital_ambassador"


@dataclass(frozen=True, slots=True)
class NetworkRevision:
    """The revision of teams, members and denominators, and when it was made; None before the first."""

    epoch: int
    n: int
    changed_at: datetime | None
    book: Book

    def __str__(self) -> str:
        return f"{self.epoch}.{self.n}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which teams on which day; `units` are numbers, as an array is written (None: anywhere).

    `officers` says whether they are told apart, `trained` the days of the courses that are. A team with fewer members
    than `minimum` is undersized; `active` are the numbers of teams that are at work.
    """

    on: date
    units: str | None
    levels: Sequence[str]
    types: Sequence[str]
    officers: bool = False
    trained: tuple[date, date] | None = None
    minimum: int = 1
    active: Collection[int] = ()


class Small(NamedTuple):
    """A team with few members."""

    team_id: UUID
    code: str
    name: str
    level: str
    unit_id: UUID
    members: int


@dataclass(slots=True)
class _Sql:
    """Conditions with the parameters that they name."""

    params: list[Any]

    def told(self, value: Any) -> str:
        """Give the name of a parameter."""
        self.params.append(value)
        return f"${len(self.params)}"

    def teams(self, asked: Asked, *, by_unit: bool = True) -> str:
        """Give the conditions on `team`."""
        types = self.told([TYPES.index(each) for each in asked.types])
        where = [_holds("team"), f"team.type = ANY({types}::smallint[])"]
        if asked.levels:
            levels = self.told([LEVELS.index(each) for each in asked.levels])
            where.append(f"team.level = ANY({levels}::smallint[])")
        if by_unit and asked.units is not None:
            where.append(f"team.unit IN (SELECT unnest({self.told(asked.units)}::text::integer[]))")
        return " AND ".join(where)

    def places(self, placed: Placed, *columns: str) -> str:
        """Give the places as a table of the units and some columns."""
        told = [f"{self.told(getattr(placed, column))}::text::integer[]" for column in columns]
        return f"unnest({self.told(placed.units)}::text::integer[], {', '.join(told)})"

    def flags(self, asked: Asked) -> tuple[str, str]:
        """Give the conditions on `held`, a membership: of an officer, of somebody trained."""
        officer = trained = "false"
        if asked.officers:
            # They are few: read once rather than looked up for each member.
            officer = f"""held.member IN (SELECT post.member FROM network_posts AS post
                WHERE post.post = ANY({self.told(OFFICERS)}::text[]) AND {_holds("post")})"""
        if asked.trained is not None:
            first, last = map(self.told, asked.trained)
            period = f"training.completed_on BETWEEN {first} AND {last}"
            trained = (
                f"held.member IN (SELECT training.member FROM network_trainings AS training WHERE {period})"
                if asked.units is None
                else f"""EXISTS (SELECT FROM network_trainings AS training
                    WHERE training.member = held.member AND {period})"""
            )
        return officer, trained


def _holds(alias: str) -> str:
    """Give the condition that something holds on the day, which is always the first parameter."""
    return f"{alias}.first_day <= $1 AND $1 < {alias}.end_day"


async def read_revision(connection: Connection) -> NetworkRevision:
    """Give the network's revision in this snapshot."""
    row = await connection.fetchrow(f"SELECT epoch, n, changed_at, {BOOK} FROM network_revision")
    assert row is not None
    return NetworkRevision(row[0], row[1], row[2], Book(*row[3:]))


async def teams(connection: Connection, asked: Asked, placed: Placed) -> list[Counted]:
    """Give what stands in each spot, by level and type, with the members who are never in two teams at once."""
    sql = _Sql([asked.on])
    officer, trained = sql.flags(asked)
    # Each team has one place: its least is that, and one key is grouped by faster than three.
    stray = f"team.level = {LEVELS.index('subcommune')} AND coalesce(min(place.cover), {NONE}) = {NONE}"
    rows = await connection.fetch(
        f"""SELECT spot, level, type, count(*), count(*) FILTER (WHERE size < {sql.told(asked.minimum)}),
                sum(size)::bigint, sum(alone)::bigint, sum(officers)::bigint, sum(trained)::bigint,
                count(*) FILTER (WHERE number = ANY({sql.told(list(asked.active))}::integer[])),
                count(*) FILTER (WHERE stray)
            FROM (
                SELECT team.number, team.level, team.type, coalesce(min(place.spot), 0) AS spot, {stray} AS stray,
                    count(held.member) AS size, count(held.member) FILTER (WHERE NOT held.overlapping) AS alone,
                    count(held.member) FILTER (WHERE NOT held.overlapping AND {officer}) AS officers,
                    count(held.member) FILTER (WHERE NOT held.overlapping AND {trained}) AS trained
                FROM network_teams AS team
                    {"LEFT JOIN" if asked.units is None else "JOIN"} {sql.places(placed, "spots", "subcommunes")}
                        AS place (unit, spot, cover) USING (unit)
                    LEFT JOIN network_memberships AS held ON held.team = team.number AND {_holds("held")}
                WHERE {sql.teams(asked, by_unit=False)} GROUP BY team.number
            ) AS counted GROUP BY spot, level, type""",
        *sql.params,
    )
    return [Counted(*row) for row in rows]


async def covered(
    connection: Connection, asked: Asked, levels: Sequence[str], placed: Placed
) -> list[tuple[str, list[int]]]:
    """Give by level the numbers of the units of that level that have a community team of it."""
    sql = _Sql([asked.on])
    told = [LEVELS.index(level) for level in levels]
    rows = await connection.fetch(
        f"""SELECT level, array_agg(DISTINCT cover) FROM (
                SELECT team.level, CASE team.level WHEN {LEVELS.index("commune")} THEN place.commune
                    WHEN {LEVELS.index("subcommune")} THEN place.subcommune END AS cover
                FROM network_teams AS team JOIN {sql.places(placed, "communes", "subcommunes")}
                    AS place (unit, commune, subcommune) USING (unit)
                WHERE team.type = {TYPES.index(COMMUNITY)} AND team.level = ANY({sql.told(told)}::smallint[])
                    AND {sql.teams(asked, by_unit=False)}
            ) AS covering WHERE cover <> {NONE} GROUP BY level""",
        *sql.params,
    )
    return [(LEVELS[level], numbers) for level, numbers in rows]


async def shared(connection: Connection, asked: Asked) -> list[Shared]:
    """Give the memberships, in these teams, of those who are at some time in two teams at once."""
    sql = _Sql([asked.on])
    officer, trained = sql.flags(asked)
    rows = await connection.fetch(
        f"""SELECT unit_of.id, team.level, team.type, held.member, {officer}, {trained}
            FROM network_memberships AS held JOIN network_teams AS team ON team.number = held.team
                JOIN ids AS unit_of ON unit_of.number = team.unit
            WHERE held.overlapping AND {_holds("held")} AND {sql.teams(asked)}""",
        *sql.params,
    )
    return [Shared(*row) for row in rows]


async def count_teams(connection: Connection, asked: Asked) -> int:
    """Give how many teams there are."""
    sql = _Sql([asked.on])
    found = await connection.fetchval(
        f"SELECT count(*) FROM network_teams AS team WHERE {sql.teams(asked)}", *sql.params
    )
    return int(found)


async def small_teams(connection: Connection, asked: Asked, minimum: int) -> list[Small]:
    """Give the teams with fewer members than a minimum."""
    sql = _Sql([asked.on])
    rows = await connection.fetch(
        f"""SELECT team.team_id, team.code, team.name, team.level, unit_of.id, count(held.member)
            FROM network_teams AS team JOIN ids AS unit_of ON unit_of.number = team.unit
                LEFT JOIN network_memberships AS held ON held.team = team.number AND {_holds("held")}
            WHERE {sql.teams(asked)} GROUP BY team.number, unit_of.id
            HAVING count(held.member) < {sql.told(minimum)}""",
        *sql.params,
    )
    return [Small(*row)._replace(level=LEVELS[row["level"]]) for row in rows]


async def ambassadors(connection: Connection, asked: Asked) -> list[UUID]:
    """Give the units that have a digital ambassador on the day."""
    rows = await connection.fetch(
        f"""SELECT id FROM ids WHERE number IN (
                SELECT unit FROM network_appointments AS held WHERE kind = $2 AND {_holds("held")}
                    AND ($3::text IS NULL OR unit IN (SELECT unnest($3::text::integer[]))))""",
        asked.on,
        AMBASSADOR,
        asked.units,
    )
    return [row["id"] for row in rows]


async def numbers_of(connection: Connection, reporters: Collection[UUID]) -> set[int]:
    """Give the numbers of those among some reporters that are teams."""
    rows = await connection.fetch("SELECT number FROM network_teams WHERE team_id = ANY($1::uuid[])", list(reporters))
    return {row["number"] for row in rows}


async def declared(
    connection: Connection, on: date, bases: Collection[str], units: Collection[UUID]
) -> list[DeclaredDenominator]:
    """Give for each base and unit the newest denominator, of all ages, that was declared for the day or before."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (unit_id, base) denominator_id, revision, unit_id, base, min_age, max_age, on_day, value,
               source
           FROM denominators
           WHERE base = ANY($2::text[]) AND unit_id = ANY($3::uuid[]) AND on_day <= $1
               AND min_age IS NULL AND max_age IS NULL
           ORDER BY unit_id, base, on_day DESC, denominator_id""",
        on,
        list(bases),
        list(units),
    )
    return [DeclaredDenominator(*row) for row in rows]
