"""What the tables of a database hold: how many rows, and a digest of all that stands in them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from libs.common.db import Connection

__all__ = ["Content", "contents", "differences", "tables"]

# Where a relay stands, which epoch it is, which making of metrics: all of these a restore changes. Dead letters are
# found again where everything is read again.
PASSING = frozenset(
    {"log_epoch", "log_position", "alembic_version", "data_revision", "network_revision", "dead_letters"}
)

# How rows read as text must not depend on whoever asks.
FORM = """SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres';
          SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"""

# In 256 heaps, for one would outgrow what a value may hold.
DIGEST = """
    WITH hashed AS (SELECT sha256(convert_to(row::text, 'UTF8')) AS hash FROM public.{table} AS row),
    heaps AS (
        SELECT get_byte(hash, 0) AS heap, count(*) AS rows, sha256(string_agg(hash, ''::bytea ORDER BY hash)) AS hash
        FROM hashed GROUP BY 1
    )
    SELECT coalesce(sum(rows), 0)::bigint,
           encode(sha256(coalesce(string_agg(hash, ''::bytea ORDER BY heap), '')), 'hex')
    FROM heaps"""


@dataclass(frozen=True)
class Content:
    """A table's rows, in whatever order they lie."""

    rows: int
    sha256: str


async def tables(connection: Connection) -> list[str]:
    """Name the tables of the services' own, by name."""
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    return [row["tablename"] for row in rows]


async def contents(
    connection: Connection,
    told: Callable[[str, int], None] = lambda table, rows: None,
    *,
    only: Collection[str] | None = None,
) -> dict[str, Content]:
    """Read every table whole, or only some, in the caller's transaction; tells each."""
    await connection.execute(FORM)
    found: dict[str, Content] = {}
    for table in await tables(connection):
        if table in PASSING or (only is not None and table not in only):
            continue
        rows, digest = await connection.fetchrow(DIGEST.format(table=f'"{table}"')) or (0, "")
        found[table] = Content(rows, digest)
        told(table, rows)
    return found


def differences(wanted: Mapping[str, Content], found: Mapping[str, Content]) -> list[str]:
    """Say which tables do not hold what they should."""
    return [
        f"{table}: {_said(wanted.get(table))}, {_said(found.get(table))}"
        for table in sorted(wanted.keys() | found.keys())
        if wanted.get(table) != found.get(table)
    ]


def _said(content: Content | None) -> str:
    return "–" if content is None else f"{content.rows} rows {content.sha256[:12]}"
