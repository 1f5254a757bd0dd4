"""The databases as an operator's command opens them: few connections, a name, and no transaction that lives long."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.db import Connection, Engine, open_engine, transaction

__all__ = ["open_database", "open_databases", "reading"]


@asynccontextmanager
async def open_database(url: str, *, command: str, connections: int = 2, seconds: float = 30) -> AsyncIterator[Engine]:
    """Open one database; no transaction through it lives longer than `seconds`, for a writing one holds relays back."""
    async with open_engine(
        url, application_name=f"ops {command}", pool_size=connections, transaction_timeout_seconds=seconds
    ) as engine:
        yield engine


@asynccontextmanager
async def open_databases(
    urls: Mapping[str, str], *, command: str, connections: int = 2, seconds: float = 5
) -> AsyncIterator[dict[str, Engine]]:
    """Open several, by the names of their services; none is asked for anything yet, so one may be away."""
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(
                open_database(url, command=command, connections=connections, seconds=seconds)
            )
            for name, url in urls.items()
        }


@asynccontextmanager
async def reading(engine: Engine) -> AsyncIterator[Connection]:
    """Run the block in one read-only transaction with one snapshot; raises Unavailable when PostgreSQL is away."""
    async with transaction(engine, isolation="repeatable_read", readonly=True) as connection:
        yield connection
