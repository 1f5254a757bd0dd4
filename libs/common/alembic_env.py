"""The part of every service's Alembic environment that is the same."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.db import DIALECT, connector

__all__ = ["run"]


def _upgrade(connection: Connection) -> None:
    # A migration gives up rather than queue behind a long lock and block everyone after it.
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.execute(text("SET statement_timeout = '60s'"))
    # Two processes that migrate at once take turns.
    connection.execute(text("SELECT pg_advisory_lock(hashtext('tungnha-migrate'))"))
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


async def _online(url: str) -> None:
    engine = create_async_engine(DIALECT, async_creator=connector(url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def run() -> None:
    """Run the migrations that Alembic was asked for."""
    asyncio.run(_online(context.config.attributes["url"]))
