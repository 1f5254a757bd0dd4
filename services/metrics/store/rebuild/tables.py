"""Which tables are made of topics, and the schema in which they are made anew."""

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy.engine import make_url

from libs.common.db import Connection

__all__ = [
    "BESIDE",
    "FROM_TOPICS",
    "KEPT",
    "REPLACED",
    "SEQUENCES",
    "VIEWS",
    "Marker",
    "Room",
    "clear",
    "drop_schema",
    "live_schema",
    "make_schema",
    "read_epoch",
    "read_marker",
    "read_revision",
    "relations",
    "room",
    "take_lock",
    "url_beside",
    "write_marker",
]

BESIDE, REPLACED = "rebuild", "replaced"
"""The schema in which tables are made anew, and the one in which those that were live before are kept."""

FROM_TOPICS = (
    "inbox",
    "data_revision",
    "network_revision",
    "rollup_state",
    "key_level",
    "dead_letters",
    "heads",
    "persons",
    "households",
    "ids",
    "codes",
    "facts",
    "cells",
    "progress",
    "folds",
    "fold_changes",
    "rollups",
    "rollup_units",
    "network_teams",
    "network_members",
    "network_memberships",
    "network_posts",
    "network_appointments",
    "network_trainings",
    "denominators",
)
"""Everything in them is of topics, or counts what is. Writers and readers begin with one of the first four."""

SEQUENCES = (
    "persons_national_id",
    "persons_phone",
    "persons_ref",
    "persons_receipt",
    "households_number",
    "fold_ids",
    "rollup_stamps",
)
"""Those that belong to no column; the others go where their table goes."""

VIEWS = ("named_facts", "named_cells")

KEPT = ("statements", "statement_words", "statements_revision", "alembic_version")
"""What is of no topic: it stays where it is."""

LETTERS_APART = 1_000_000
"""So far apart are the numbers of old and new dead letters: none that was listed before means another one after."""


@dataclass(frozen=True)
class Marker:
    """What is known of a schema: of which migration its tables are, since when it has been there, and beside what.

    `epoch` is that of the data which were live then: another one tells that these were restored or replaced since.
    """

    revision: str
    since: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes the live tables take, and those beside them; the server's folder, if it may be known."""

    live: int
    beside: int
    folder: str | None


def url_beside(url: str) -> str:
    """Give a database's address with that schema alone to look for tables in, and to make them in."""
    return make_url(url).update_query_dict({"search_path": BESIDE}).render_as_string(hide_password=False)


async def take_lock(connection: Connection) -> bool:
    """Become the only one that rebuilds, for as long as the connection lives; false where somebody else does."""
    return cast(bool, await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended('metrics rebuild', 0))"))


async def live_schema(connection: Connection) -> str:
    """Give the schema in which the services have their tables."""
    return cast(str, await connection.fetchval("SELECT current_schema()::text"))


async def relations(connection: Connection, schema: str) -> set[str]:
    """Give the names of a schema's tables, views and sequences, but for sequences that go with their table."""
    rows = await connection.fetch(
        """SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1)
               AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
               AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                   AND deptype IN ('a', 'i') AND refclassid = 'pg_class'::regclass AND refobjsubid > 0)""",
        schema,
    )
    return {row["relname"] for row in rows}


async def read_marker(connection: Connection, schema: str) -> Marker | None:
    """Give what is known of a schema; None where there is none, or where it was left before it was whole."""
    told = await connection.fetchval("SELECT obj_description(to_regnamespace($1), 'pg_namespace')", schema)
    try:
        return Marker(**json.loads(told)) if told is not None else None
    except (ValueError, TypeError):
        return None


async def write_marker(connection: Connection, schema: str, marker: Marker) -> None:
    """Note what is known of a schema."""
    told = json.dumps(asdict(marker)).replace("'", "''")
    await connection.execute(f"COMMENT ON SCHEMA {schema} IS '{told}'")


async def read_revision(connection: Connection, schema: str) -> str:
    """Give of which migration the tables of a schema are."""
    return cast(str, await connection.fetchval(f"SELECT version_num FROM {schema}.alembic_version"))


async def read_epoch(connection: Connection, schema: str) -> int:
    """Give the epoch of the data in a schema."""
    return cast(int, await connection.fetchval(f"SELECT epoch FROM {schema}.data_revision"))


async def make_schema(connection: Connection) -> None:
    """Make an empty schema to make tables in."""
    await connection.execute(f"CREATE SCHEMA {BESIDE}")


async def drop_schema(connection: Connection, schema: str) -> bool:
    """Drop a schema of ours with all that is in it; says whether there was one."""
    there = await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema)
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return cast(bool, there)


async def clear(connection: Connection, live: str) -> None:
    """Make migrated tables beside the live ones ready to be filled.

    Revisions and letters that they give are none that were given before, whatever becomes of them.
    """
    for table in KEPT:
        await connection.execute(f"DROP TABLE {BESIDE}.{table}")
    for table in ("data_revision", "network_revision"):
        await connection.execute(
            f"""UPDATE {BESIDE}.{table} AS made SET epoch = greatest(made.epoch, old.epoch + 1)
                FROM {live}.{table} AS old"""
        )
    await connection.execute(f"UPDATE {BESIDE}.key_level AS made SET level = old.level FROM {live}.key_level AS old")
    # While they are filled, roll-ups would be made again and again.
    await connection.execute(f"UPDATE {BESIDE}.rollup_state SET begun = false")
    letters = await connection.fetchval(f"SELECT coalesce(max(id), 0) FROM {live}.dead_letters")
    await connection.execute(f"ALTER TABLE {BESIDE}.dead_letters ALTER id RESTART WITH {int(letters) + LETTERS_APART}")


async def room(connection: Connection, live: str) -> Room:
    """Look how much room the tables take, and where."""

    async def size(schema: str) -> int:
        taken: Any = await connection.fetchval(
            """SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
               WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND relname = ANY($2::text[])""",
            schema,
            list(FROM_TOPICS),
        )
        return int(taken)

    # Known only to those who may know, and of use only where the server runs beside us.
    folder: str | None = await connection.fetchval(
        """SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')
                AND coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true)
            THEN current_setting('data_directory') END"""
    )
    return Room(await size(live), await size(BESIDE), folder)
