"""Metrics made anew: emptied of everything that the logs tell again, with what it alone knows kept."""

import asyncio
import time
from pathlib import Path

from libs.common.db import Connection, connect, migrate

__all__ = ["EMPTY", "NAME", "OWN", "REVISIONS", "MIGRATIONS", "exists", "make_anew", "minutes_now"]

NAME = "ops recovery"
MIGRATIONS = {
    name: Path(__file__).parents[3] / "services" / name / "migrations" for name in ("registry", "visits", "metrics")
}
OWN = ("statement_words", "statements", "statements_revision")
"""Tables of metrics that no log tells again."""
REVISIONS = ("data_revision", "network_revision")
"""Tables whose epoch says which making of metrics a revision is of."""
KEPT = "tungnha_kept"

# The schema itself stays, and with it what others may do in it; a column's sequence goes with its table.
EMPTY = """DO $empty$ DECLARE found record; BEGIN
    FOR found IN
        SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW'
               WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname) AS doing
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('e', 'i', 'a'))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', pg_proc.oid::regprocedure)
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = 'public'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', nspname, typname)
        FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
        WHERE nspname = 'public' AND typtype IN ('e', 'd')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e')
    LOOP EXECUTE found.doing; END LOOP;
END $empty$"""


def minutes_now() -> int:
    """Give the minutes since 1970: an epoch that nobody used before, unless two were made within a minute."""
    return int(time.time() // 60)


async def exists(connection: Connection, table: str, schema: str = "public") -> bool:
    """Say whether there is such a table."""
    return bool(
        await connection.fetchval("SELECT to_regclass(format('%I.%I', $1::text, $2::text)) IS NOT NULL", schema, table)
    )


async def make_anew(url: str) -> bool:
    """Empty metrics and migrate it; says whether there was anything of its own to keep.

    Its revisions go on in an epoch that was not used before. Cut short, it goes on where it was when done again.
    """
    connection = await connect(url, application_name=NAME, transaction_timeout_seconds=0)
    try:
        async with connection.transaction():
            await _set_aside(connection)
            await connection.execute(EMPTY)
        await asyncio.to_thread(migrate, url, MIGRATIONS["metrics"])
        async with connection.transaction():
            kept = [await _bring_back(connection, table) for table in OWN]
            for table in REVISIONS:
                await connection.execute(
                    f"UPDATE {table} SET epoch = greatest($1, 1 + coalesce((SELECT max(epoch) FROM {KEPT}.epochs), 0))",
                    minutes_now(),
                )
            await connection.execute(f"DROP SCHEMA {KEPT} CASCADE")
    finally:
        await connection.close()
    return any(kept)


async def _set_aside(connection: Connection) -> None:
    """Move what is metrics' own out of the way, unless an earlier attempt has."""
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {KEPT}")
    await connection.execute(f"CREATE TABLE IF NOT EXISTS {KEPT}.epochs (epoch integer NOT NULL)")
    for table in REVISIONS:
        if await exists(connection, table):
            await connection.execute(f"INSERT INTO {KEPT}.epochs SELECT epoch FROM public.{table}")
    for table in OWN:
        if await exists(connection, table) and not await exists(connection, table, KEPT):
            await connection.execute(f"ALTER TABLE public.{table} SET SCHEMA {KEPT}")


async def _bring_back(connection: Connection, table: str) -> bool:
    if not await exists(connection, table, KEPT):
        return False
    # What a newer version added to the table takes its default.
    columns = await connection.fetchval(
        """SELECT string_agg(quote_ident(old.column_name), ', ' ORDER BY old.ordinal_position)
           FROM information_schema.columns AS old JOIN information_schema.columns AS new
               ON (new.table_schema, new.table_name, new.column_name) = ('public', $1, old.column_name)
           WHERE old.table_schema = $2 AND old.table_name = $1 AND new.is_generated = 'NEVER'""",
        table,
        KEPT,
    )
    await connection.execute(f"DELETE FROM public.{table}")
    await connection.execute(f"INSERT INTO public.{table} ({columns}) SELECT {columns} FROM {KEPT}.{table}")
    return True
