"""Is work in flight? Asked right before a kill: a kill of something idle proves nothing."""

import asyncio
from collections import defaultdict
from typing import Any

from libs.common.db import GONE, Connection, Unavailable, connect, is_gone
from libs.contracts.topics import RECORDS
from tests.faults.cluster import Cluster
from tests.faults.door import Door

__all__ = ["Watch"]

RELAY_LOCK = """SELECT a.pid FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'lead relay visits'"""
POSITION = "SELECT epoch, xid::text::bigint AS xid, seq FROM log_position WHERE relay = 'visits'"
BEHIND = """SELECT EXISTS (
    SELECT FROM log_position AS at JOIN log ON (log.epoch, log.xid, log.seq) > (at.epoch, at.xid, at.seq)
    WHERE at.relay = 'visits')"""
FOLDED = f"SELECT epoch, xid, seq FROM inbox WHERE topic = '{RECORDS.name}' ORDER BY epoch, xid, seq LIMIT 1"


class Watch:
    """Asks the databases; None where they do not answer."""

    def __init__(self, cluster: Cluster, door: Door) -> None:
        self._cluster = cluster
        self._door = door
        self._connections: dict[str, Connection] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def in_flight(self, kind: str) -> bool:
        """Say whether the process or server of a kind has work begun and not ended."""
        match kind:
            case "gateway" | "visits api" | "PostgreSQL":
                return self._door.outstanding > 0
            case "relay":
                return await self.relay_is_behind()
            case "metrics consumer":
                return await self.consumer_is_behind()
            case _:
                return await self.relay_is_behind() or await self.consumer_is_behind()

    async def relay_is_behind(self) -> bool:
        """Say whether the log has rows behind the relay's position."""
        return bool(await self._ask("visits", BEHIND))

    async def consumer_is_behind(self) -> bool:
        """Say whether rows that the relay has sent are not folded yet."""
        position, folded = await self.position(), await self.folded()
        return position is not None and folded is not None and folded < position

    async def position(self) -> tuple[int, ...] | None:
        """Give the relay's stored position."""
        return await self._row("visits", POSITION)

    async def folded(self) -> tuple[int, ...] | None:
        """Give how far every partition is folded."""
        return await self._row("metrics", FOLDED)

    async def relay_leader(self) -> int | None:
        """Give the PostgreSQL process of the relay that leads."""
        pid = await self._ask("visits", RELAY_LOCK)
        return int(pid) if pid else None

    async def sessions(self, *names: str) -> set[int]:
        """Give the PostgreSQL processes of some applications."""
        rows = await self._rows("metrics", "SELECT pid FROM pg_stat_activity WHERE application_name = ANY ($1)", names)
        return {row[0] for row in rows or ()}

    async def end_session(self, pid: int) -> bool:
        """End a session from outside."""
        return bool(await self._ask("visits", "SELECT pg_terminate_backend($1)", pid))

    async def _ask(self, database: str, statement: str, *values: Any) -> Any:
        row = await self._row(database, statement, *values)
        return row[0] if row else None

    async def _row(self, database: str, statement: str, *values: Any) -> tuple[Any, ...] | None:
        rows = await self._rows(database, statement, *values)
        return tuple(rows[0]) if rows else None

    async def _rows(self, database: str, statement: str, *values: Any) -> list[Any] | None:
        async with self._locks[database]:
            try:
                connection = self._connections.get(database)
                if connection is None or connection.is_closed():
                    url = self._cluster.postgres.url(database)
                    connection = self._connections[database] = await connect(url, application_name="faults watch")
                return await connection.fetch(statement, *values, timeout=5)
            except (Unavailable, *GONE) as error:
                if not (isinstance(error, Unavailable) or is_gone(error)):
                    raise
                if (lost := self._connections.pop(database, None)) is not None:
                    lost.terminate()
                return None

    def close(self) -> None:
        """Let go of the databases."""
        for connection in self._connections.values():
            connection.terminate()
