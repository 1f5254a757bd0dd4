"""Which unit counts in which commune and province, and how far their roll-ups have it."""

from collections.abc import Collection
from uuid import UUID

from libs.common.db import Connection
from services.metrics.domain.layout import Member

__all__ = ["list_units", "read_members", "save_members", "set_ready"]


async def read_members(connection: Connection, after: int) -> list[Member]:
    """Give the units that changed after a version."""
    rows = await connection.fetch(
        "SELECT unit_id, commune_id, province_id, ready FROM rollup_units WHERE version > $1", after
    )
    return [Member(*row) for row in rows]


async def save_members(connection: Connection, version: int, members: Collection[Member]) -> None:
    """Keep where units count."""
    await connection.execute(
        """INSERT INTO rollup_units (version, unit_id, commune_id, province_id, ready)
           SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[])
           ON CONFLICT (unit_id) DO UPDATE SET version = excluded.version, commune_id = excluded.commune_id,
               province_id = excluded.province_id, ready = excluded.ready""",
        version,
        [member.unit_id for member in members],
        [member.commune_id for member in members],
        [member.province_id for member in members],
        [member.ready for member in members],
    )


async def set_ready(connection: Connection, version: int, units: Collection[UUID], ready: int) -> None:
    """Say up to which level the roll-ups have some units; those further on stay so."""
    await connection.execute(
        "UPDATE rollup_units SET version = $1, ready = $3 WHERE unit_id = ANY($2::uuid[]) AND ready < $3",
        version,
        list(units),
        ready,
    )


async def list_units(connection: Connection) -> list[UUID]:
    """Give every unit that has cells, by skipping from one to the next."""
    rows = await connection.fetch(
        """WITH RECURSIVE listed AS (
               (SELECT unit FROM cells ORDER BY unit LIMIT 1)
               UNION ALL
               SELECT (SELECT unit FROM cells WHERE unit > listed.unit ORDER BY unit LIMIT 1)
               FROM listed WHERE listed.unit IS NOT NULL
           )
           SELECT id FROM listed JOIN ids ON ids.number = unit"""
    )
    return [row["id"] for row in rows]
