"""PostgreSQL: SQLAlchemy owns the pool and the migrations, asyncpg runs the statements."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias, cast

import asyncpg
import sqlalchemy.exc
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.common.reason import reason_of
from libs.common.tracing import span

__all__ = [
    "DIALECT",
    "GONE",
    "Connection",
    "Engine",
    "Unavailable",
    "autocommit",
    "connect",
    "connector",
    "is_gone",
    "migrate",
    "open_engine",
    "transaction",
]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Engine: TypeAlias = AsyncEngine
Isolation = Literal["read_committed", "repeatable_read"]

MIGRATE_WAIT_SECONDS = 10.0
CONNECT_SECONDS = 5
DIALECT = "postgresql+asyncpg://"

GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    # A connection that was told of its end while idle confuses asyncpg's protocol into this.
    asyncpg.InternalClientError,
    # A full disk, no connection left: over when somebody makes room. A deadlock's victim: over at once.
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
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
        # A client whose machine is gone says no goodbye: its locks, which others wait for, are let go after 25 s.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }


def connector(url: str, server_settings: Mapping[str, str] | None = None) -> Callable[[], Awaitable[Connection]]:
    """Give what opens a connection to a database.

    The address is libpq's (`sslmode=verify-full&sslrootcert=FILE` for a checked server), and may name the file that
    holds the password, `password_file=FILE`: it is read for each connection, so a changed password needs no restart.
    """
    address = make_url(url)
    file = address.query.get("password_file")
    plain = address.difference_update_query(["password_file"]).set(drivername="postgresql")
    dsn = plain.render_as_string(hide_password=False)

    def password() -> str | None:
        return Path(file).read_text().rstrip("\n") if isinstance(file, str) else None

    async def open_connection() -> Connection:
        settings = dict(server_settings or {})
        return await asyncpg.connect(dsn, password=password(), timeout=CONNECT_SECONDS, server_settings=settings)

    return open_connection


@asynccontextmanager
async def open_engine(
    url: str, *, application_name: str, pool_size: int = 10, transaction_timeout_seconds: float = 10
) -> AsyncIterator[AsyncEngine]:
    """Open a pool; no transaction through it lives longer than the given seconds."""
    engine = create_async_engine(
        DIALECT,
        async_creator=connector(url, _server_settings(application_name, transaction_timeout_seconds)),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=False,
        # Few connections that stay warm rather than all of them in turn, each with its own caches in PostgreSQL.
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
    )
    try:
        yield engine
    finally:
        await engine.dispose()


def is_gone(error: BaseException) -> bool:
    """Say whether an error means that PostgreSQL cannot do it now, not that the program is wrong."""
    # asyncpg's InterfaceError has children that are ValueErrors: bad arguments, which no retry mends.
    return isinstance(error, GONE) and not isinstance(error, ValueError)


@asynccontextmanager
async def _checked_out(engine: Engine) -> AsyncIterator[Connection]:
    """Lend a connection of the pool that is not known to be dead; one that comes back unclean is dropped."""
    while True:
        async with engine.connect() as pooled:
            raw = await pooled.get_raw_connection()
            connection = cast(Connection, raw.driver_connection)
            if connection.is_closed():
                # PostgreSQL went away while it lay in the pool; asking another costs nothing, for none was begun.
                await pooled.invalidate()
                continue
            try:
                yield connection
            except BaseException as error:
                # Cancelled while a statement is under way, a connection holds a transaction that it may not know of
                # itself; whoever came next would be inside it, and what they commit would never be.
                cancelled = not isinstance(error, Exception) or isinstance(error, TimeoutError)
                if cancelled or connection.is_closed() or connection.is_in_transaction():
                    await pooled.invalidate()
                raise
            return


@asynccontextmanager
async def transaction(
    engine: Engine, *, isolation: Isolation = "read_committed", readonly: bool = False
) -> AsyncIterator[Connection]:
    """Run the block in one transaction: committed at its end, rolled back by any exception.

    SQLAlchemy's own connection stays in autocommit: the transaction is asyncpg's, in sight here. Raises Unavailable
    when PostgreSQL is away; a commit whose answer was lost is Unavailable too.
    """
    with span("transaction"):
        async with autocommit(engine) as connection, connection.transaction(isolation=isolation, readonly=readonly):
            yield connection


@asynccontextmanager
async def autocommit(engine: Engine) -> AsyncIterator[Connection]:
    """Lend a connection whose statements are each a transaction of their own: one round trip instead of three.

    Raises Unavailable when PostgreSQL is away.
    """
    try:
        async with _checked_out(engine) as connection:
            yield connection
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        # Nobody cancelled this: the driver did, where its connection ended in the middle of a COPY.
        raise Unavailable("given up by the driver") from error
    except (sqlalchemy.exc.DBAPIError, sqlalchemy.exc.TimeoutError) as error:
        # These come from the pool alone: a connection refused, or none free in time.
        raise Unavailable(reason_of(error) or type(error).__name__) from error
    except GONE as error:
        if not is_gone(error):
            raise
        raise Unavailable(reason_of(error) or type(error).__name__) from error


async def connect(url: str, *, application_name: str, transaction_timeout_seconds: float = 10) -> Connection:
    """Open one connection outside the pool, for a lock held as long as the process leads; raises Unavailable.

    No transaction on it lives longer than the time-out, in seconds.
    """
    try:
        return await connector(url, _server_settings(application_name, transaction_timeout_seconds))()
    except GONE as error:
        raise Unavailable(reason_of(error) or type(error).__name__) from error


def migrate(url: str, location: Path) -> None:
    """Bring a database to the newest revision under `location`.

    Waits for PostgreSQL for some seconds, then raises Unavailable with the database's address.
    """
    # Here, for no other command needs them: they are a tenth of what starting a process costs.
    import stamina
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(location))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    try:
        for attempt in stamina.retry_context(on=GONE, attempts=None, timeout=MIGRATE_WAIT_SECONDS, wait_initial=0.2):
            with attempt:
                command.upgrade(config, "head")
    except GONE as error:
        raise Unavailable(f"{make_url(url).render_as_string()}: {error}") from error
