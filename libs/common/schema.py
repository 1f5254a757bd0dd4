"""Waiting for a database's schema: processes start once somebody else has brought it to what they were written for."""

import asyncio
import sys
import time
from pathlib import Path

import asyncpg

from libs.common.db import Unavailable, connect

__all__ = ["await_migration"]

AWAIT_SECONDS = 600.0
LOOK_SECONDS = 1.0
SAY_SECONDS = 10.0


async def await_migration(url: str, location: Path, *, seconds: float = AWAIT_SECONDS) -> None:
    """Wait until the database is at the newest revision under `location`, or at one that is not known there.

    The latter was made by a newer version, which leaves the schema fit for the one before it. Raises Unavailable when
    the time is over. Standard error is told now and then what is waited for.
    """
    from alembic.script import ScriptDirectory  # No other command needs it, and it is slow to import.

    scripts = ScriptDirectory(str(location))
    head, known = scripts.get_current_head(), {script.revision for script in scripts.walk_revisions()}
    deadline, said = time.monotonic() + seconds, float("-inf")
    while obstacle := await _obstacle(url, head, known):
        if time.monotonic() > deadline:
            raise Unavailable(obstacle)
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            sys.stderr.write(f"waiting: {obstacle}\n")
        await asyncio.sleep(LOOK_SECONDS)


async def _obstacle(url: str, head: str | None, known: set[str]) -> str:
    """Say why a process should not start yet, empty if nothing stands in the way."""
    try:
        connection = await connect(url, application_name="await migration")
    except (Unavailable, asyncpg.InvalidCatalogNameError) as error:
        return str(error)
    try:
        current = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return "the database has no schema yet"
    finally:
        await connection.close()
    return "" if current == head or current not in known else f"the schema is at {current}, {head} is needed"
