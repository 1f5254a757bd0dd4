"""PostgreSQL: SQLAlchemy owns the pool and the migrations, asyncpg runs the statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias, cast

import asyncpg
import stamina
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["GONE", "Connection", "Engine", "Unavailable", "connect", "migrate", "open_engine", "transaction"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Engine: TypeAlias = AsyncEngine
Isolation = Literal["read_committed", "repeatable_read"]

GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    TimeoutError,
)


class Unavailable(Exception):
    """PostgreSQL cannot be reached, or went away; nothing is known to be stored."""


def _server_settings(application_name: str, transaction_timeout_seconds: float) -> dict[str, str]:
    milliseconds = str(int(transaction_timeout_seconds * 1000))
    # A long writing transaction anywhere in the cluster holds every relay back, so each is bounded.
    return {
        "application_name": application_name,
        "transaction_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "timezone": "UTC",
        "jit": "off",
    }


@asynccontextmanager
async def open_engine(
    url: str, *, application_name: str, pool_size: int = 10, transaction_timeout_seconds: float = 10
) -> AsyncIterator[AsyncEngine]:
    """Open a pool; no transaction through it lives longer than the given seconds."""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=False,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "timeout": 5,
            "server_settings": _server_settings(application_name, transaction_timeout_seconds),
        },
    )
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, *, isolation: Isolation = "read_committed", readonly: bool = False
) -> AsyncIterator[Connection]:
    """Run the block in one transaction: committed at its end, rolled back by any exception.

    Raises Unavailable when PostgreSQL is away; a commit whose answer was lost is Unavailable too.
    """
    try:
        # SQLAlchemy's own connection stays in autocommit: the transaction is asyncpg's, in sight here.
        async with engine.connect() as pooled:
            raw = await pooled.get_raw_connection()
            connection = cast(Connection, raw.driver_connection)
            try:
                async with connection.transaction(isolation=isolation, readonly=readonly):
                    yield connection
            except BaseException:
                # Cancelled between statements, a connection may still hold its transaction; drop it then.
                if connection.is_closed() or connection.is_in_transaction():
                    await pooled.invalidate()
                raise
    except GONE as error:
        raise Unavailable(str(error) or type(error).__name__) from error


async def connect(url: str, *, application_name: str) -> Connection:
    """Open one connection outside the pool, for a lock held as long as the process leads."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection: Connection = await asyncpg.connect(
            dsn, timeout=5, server_settings=_server_settings(application_name, 10)
        )
    except GONE as error:
        raise Unavailable(str(error) or type(error).__name__) from error
    return connection


def migrate(url: str, location: Path) -> None:
    """Bring a database to the newest revision under `location`; waits for PostgreSQL up to 30 s."""
    config = Config()
    config.set_main_option("script_location", str(location))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    for attempt in stamina.retry_context(on=GONE, attempts=None, timeout=30, wait_initial=0.2):
        with attempt:
            command.upgrade(config, "head")
