"""Tables made anew take the place of the live ones, in one transaction of the caller's.

Whoever reads or writes holds a lock, until its transaction ends, on the first of the live tables that it asked. All are
locked here before any moves: so a transaction is of the old tables or of the new ones, never of both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from libs.common.db import Connection
from libs.common.inbox import DROPPED
from services.metrics.store.rebuild.tables import BESIDE, FROM_TOPICS, REPLACED, SEQUENCES, VIEWS

__all__ = ["Busy", "carry_letters", "carry_positions", "grant_alike", "hold_folds", "swap", "take_tables", "unlike"]

LOCK_MILLISECONDS = 400  # Below deadlock_timeout: whoever waits for whom, it is we who give way.
_MIGRATING = "hashtext('tungnha-migrate')"


class Busy(Exception):
    """Somebody holds what has to be locked; there will be another moment."""


async def hold_folds(connection: Connection, live: str) -> None:
    """Let no fold, and no migration, begin until the transaction ends: each begins in the inbox. Raises Busy.

    Queries go on. Nothing is written, so nobody's relay waits.
    """
    await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
    if not await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({_MIGRATING})"):
        raise Busy("a migration is under way")
    await _lock(connection, f"LOCK TABLE {live}.inbox IN EXCLUSIVE MODE")


async def take_tables(connection: Connection, live: str) -> None:
    """Lock all that will move; raises Busy, and then only what was locked before is."""
    tables = [f"{schema}.{name}" for name in (*VIEWS, *FROM_TOPICS) for schema in (live, BESIDE)]
    async with connection.transaction():
        await _lock(connection, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")


async def _lock(connection: Connection, statement: str) -> None:
    try:
        await connection.execute(statement)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise Busy(str(error)) from error


async def carry_positions(connection: Connection, live: str) -> None:
    """Let the tables beside know how far the owner's log was sent, where they are as far as the live ones.

    A log that is being sent again tells lower positions meanwhile, and whoever has read what it wrote keeps that.
    """
    await connection.execute(
        f"""UPDATE {BESIDE}.inbox AS made SET epoch = old.epoch, xid = old.xid, seq = old.seq
            FROM {live}.inbox AS old
            WHERE (made.topic, made.partition, made.source) = (old.topic, old.partition, old.source)
                AND made.next >= old.next AND (made.epoch, made.xid, made.seq) < (old.epoch, old.xid, old.seq)"""
    )


async def carry_letters(connection: Connection, live: str) -> None:
    """Keep what was decided of dead letters: who has dropped which, when and why, no topic tells.

    One that is found again in the same place is dropped again; one that is not, as its record has a newer state, stays.
    """
    columns = 'topic, partition, "offset", source, type, key, value, headers, reason, buried_at'
    await connection.execute(
        f"""UPDATE {BESIDE}.dead_letters AS made SET headers = old.headers FROM {live}.dead_letters AS old
            WHERE (made.source, made.topic, made.partition, made."offset")
                = (old.source, old.topic, old.partition, old."offset") AND old.headers::jsonb ? $1""",
        DROPPED,
    )
    await connection.execute(
        f"""INSERT INTO {BESIDE}.dead_letters (id, {columns}) OVERRIDING SYSTEM VALUE
            SELECT id, {columns} FROM {live}.dead_letters WHERE headers::jsonb ? $1
            ON CONFLICT (source, topic, partition, "offset") DO NOTHING""",
        DROPPED,
    )


async def swap(connection: Connection, live: str) -> None:
    """Put the tables beside in the place of the live ones, and these into a schema of their own; all are locked.

    Raises Busy.
    """
    kinds: Mapping[str, Sequence[str]] = {"TABLE": FROM_TOPICS, "VIEW": VIEWS, "SEQUENCE": SEQUENCES}
    moves = [f"CREATE SCHEMA {REPLACED}"]
    for origin, target in ((live, REPLACED), (BESIDE, live)):
        moves += [
            f"ALTER {kind} {origin}.{name} SET SCHEMA {target}" for kind, names in kinds.items() for name in names
        ]
    # Nothing may be left behind: then this fails, and nothing has happened.
    moves.append(f"DROP SCHEMA {BESIDE} RESTRICT")
    await _lock(connection, "; ".join(moves))


_COLUMNS = """SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
        || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END || ' ' || attidentity::text
        || coalesce(' DEFAULT ' || replace(pg_get_expr(adbin, adrelid), relnamespace::regnamespace || '.', ''), '')
        AS told
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2) AND attnum > 0 AND NOT attisdropped"""
_INDEXES = """SELECT replace(indexdef, schemaname || '.', '') AS told FROM pg_indexes
    WHERE schemaname = $1 AND tablename = ANY($2)"""
_CHECKS = """SELECT relname || ' ' || replace(pg_get_constraintdef(pg_constraint.oid),
        relnamespace::regnamespace::text || '.', '') AS told
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2) AND contype <> 'n'"""
_MADE_BY_HAND = """SELECT relname || ' owner ' || pg_get_userbyid(relowner) AS told FROM pg_class
        WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2)
    UNION ALL SELECT relname || ' trigger ' || tgname FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid
        WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2) AND NOT tgisinternal
    UNION ALL SELECT relname || ' column privileges' FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2) AND attacl IS NOT NULL
    UNION ALL SELECT tablename || ' published by ' || pubname FROM pg_publication_tables
        WHERE schemaname = $1 AND tablename = ANY($2)"""


async def unlike(connection: Connection, live: str) -> list[str]:
    """Say in what the tables beside are not made as the live ones are: something was done to these by hand."""
    names = [*FROM_TOPICS, *VIEWS]

    async def made(schema: str) -> set[str]:
        found: list[Any] = []
        for sql in (_COLUMNS, _INDEXES, _CHECKS, _MADE_BY_HAND):
            found += await connection.fetch(sql, schema, names)
        return {row["told"] for row in found}

    old, new = await made(live), await made(BESIDE)
    return sorted([*(f"- {each}" for each in old - new), *(f"+ {each}" for each in new - old)])


async def grant_alike(connection: Connection, live: str) -> None:
    """Give everybody the rights to the tables beside that they have to the live ones."""
    rows = await connection.fetch(
        """SELECT format('GRANT %s ON %s %I.%I TO %s%s', privilege_type,
               CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, $2::text, relname,
               CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
               CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
           FROM pg_class, aclexplode(relacl)
           WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'v', 'S') AND grantee <> relowner
               AND to_regclass(format('%I.%I', $2::text, relname)) IS NOT NULL""",
        live,
        BESIDE,
    )
    for row in rows:
        await connection.execute(row["statement"])
