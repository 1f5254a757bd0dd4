"""The floor of every write: rows of the log, as our own service has stored them, copied into the same table again."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.db import Connection, connect
from tests.bench.bench import Bench
from tests.bench.floors import copy_binary

__all__ = ["CopyFloor", "open_copy_floor"]

MADE_BY_DEFAULT = ("xid", "seq")


class CopyFloor:
    """Rows ready to be copied, in as many parts as there are connections; made by `open_copy_floor`."""

    def __init__(self, connections: Sequence[Connection], columns: Sequence[str], parts: Sequence[bytes], rows: int):
        self._connections = connections
        self._columns = columns
        self._parts = parts
        self._rows = rows

    async def rows_a_second(self) -> float:
        """Copy all rows into the empty log; gives how fast."""
        await self._connections[0].execute("TRUNCATE log")
        begun = time.perf_counter()
        await copy_binary(self._connections, "log", self._columns, self._parts)
        seconds = time.perf_counter() - begun
        stored = await self._connections[0].fetchval("SELECT count(*) FROM log")
        if stored != self._rows:
            raise RuntimeError(f"{stored} of {self._rows} rows were copied")
        return self._rows / seconds


@asynccontextmanager
async def open_copy_floor(bench: Bench, filled: Connection, connections: int) -> AsyncIterator[CopyFloor]:
    """Read the rows of a filled log in binary form, to be copied into a new database of the same schema."""
    columns = [
        row["attname"]
        for row in await filled.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'log'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        if row["attname"] not in MADE_BY_DEFAULT
    ]
    parts = [await _part(filled, columns, number, connections) for number in range(connections)]
    rows: int = await filled.fetchval("SELECT count(*) FROM log")
    url = await bench.database("visits")
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(*(connect(url, application_name="floor") for _ in range(connections)))
        for connection in opened:
            stack.push_async_callback(connection.close)
        yield CopyFloor(opened, columns, parts, rows)


async def _part(connection: Connection, columns: Sequence[str], number: int, parts: int) -> bytes:
    part = bytearray()

    async def keep(data: bytes) -> None:
        part.extend(data)

    statement = f"SELECT {', '.join(columns)} FROM log WHERE seq % $1 = $2 ORDER BY seq"
    await connection.copy_from_query(statement, parts, number, output=keep, format="binary")
    return bytes(part)
