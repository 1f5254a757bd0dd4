"""What a database's server says of itself: transactions that stay open, connections, sizes; bounded, read only."""

from typing import NamedTuple

from libs.common.db import Connection
from libs.common.inbox import DROPPED
from libs.contracts.registry import UnitV1
from libs.contracts.topics import DENOMINATORS, MEMBERS, RECORDS, TEAMS, type_of

__all__ = ["DEAD_TOPICS", "Server", "audited", "dead_letters", "estimates", "provinces", "server", "size_bytes"]

DEAD_TOPICS = tuple(topic.name for topic in (RECORDS, TEAMS, MEMBERS, DENOMINATORS))
"""What metrics keeps in its database, and so what it may bury."""

MOST_LETTERS = 100_000
MOST_ROWS = 20_000


class Server(NamedTuple):
    """One look; `oldest_transaction_seconds` is None where the role may not see what others do."""

    oldest_transaction_seconds: float | None
    connections: int
    limit: int
    wal_bytes: int


async def server(connection: Connection) -> Server:
    """Look at the server; of transactions at those of this database that have written."""
    row = await connection.fetchrow(
        """SELECT CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN greatest(0,
                (SELECT max(date_part('epoch', clock_timestamp() - xact_start)) FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_xid IS NOT NULL),
                (SELECT max(date_part('epoch', clock_timestamp() - prepared)) FROM pg_prepared_xacts
                 WHERE database = current_database())) END AS oldest,
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
            current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
                - current_setting('reserved_connections')::integer AS most,
            pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_lsn() END, '0/0')::bigint AS wal"""
    )
    assert row is not None
    return Server(row["oldest"], row["connections"], row["most"], row["wal"])


async def size_bytes(connection: Connection) -> int:
    """Give the size of the database; it looks at every file, so not every second."""
    size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    return size


async def estimates(connection: Connection, *tables: str) -> dict[str, float]:
    """Give the rows of tables as the planner takes them, or as they have been written where it never looked."""
    rows = await connection.fetch(
        """SELECT relname, CASE WHEN reltuples >= 0 THEN reltuples::float8 ELSE coalesce(n_live_tup, 0) END AS rows
           FROM (SELECT oid AS relid, relname, reltuples FROM pg_class) AS tables
               LEFT JOIN (SELECT relid, n_live_tup FROM pg_stat_user_tables) AS written USING (relid)
           WHERE relid = ANY(SELECT to_regclass(name) FROM unnest($1::text[]) AS name)""",
        tables,
    )
    return {row["relname"]: row["rows"] for row in rows}


async def dead_letters(connection: Connection) -> dict[str, int]:
    """Count dead letters that wait by topic, 0 without any; all of them together no further than MOST_LETTERS."""
    rows = await connection.fetch(
        f"""SELECT topic, count(*) AS letters
            FROM (SELECT topic FROM dead_letters WHERE headers -> '{DROPPED}' IS NULL LIMIT $1) AS letter
            GROUP BY topic""",
        MOST_LETTERS,
    )
    return {**dict.fromkeys(DEAD_TOPICS, 0), **{row["topic"]: row["letters"] for row in rows}}


async def audited(connection: Connection, action: str, within_seconds: float) -> int:
    """Count the rows that the registry's audit has of an action lately, among the newest MOST_ROWS."""
    count: int = await connection.fetchval(
        """SELECT count(*) FROM (SELECT at, action FROM audit ORDER BY entry DESC LIMIT $3) AS newest
           WHERE action = $1 AND at > now() - make_interval(secs => $2)""",
        action,
        within_seconds,
        MOST_ROWS,
    )
    return count


async def provinces(connection: Connection) -> dict[str, str]:
    """Give the names of the provinces of today, in Vietnam, by their codes, from the registry's log."""
    rows = await connection.fetch(
        """SELECT body ->> 'code' AS code, body ->> 'name' AS name FROM (
               SELECT DISTINCT ON (record_id) body FROM log WHERE type = $1
               ORDER BY record_id, revision DESC, edition DESC
           ) AS unit, (SELECT (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) AS at (today)
           WHERE body ->> 'level' = 'province' AND body ->> 'code' IS NOT NULL
             AND coalesce((body ->> 'valid_from')::date, '-infinity') <= today
             AND coalesce((body ->> 'valid_to')::date, 'infinity') > today""",
        type_of(UnitV1),
    )
    return {row["code"]: row["name"] for row in rows}
