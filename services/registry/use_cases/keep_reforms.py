"""The loop that enacts what was scheduled, on its day in Vietnam; one process does, whichever is first."""

import asyncio
from collections.abc import Callable
from datetime import date

from libs.common.db import Engine, Unavailable, transaction
from libs.common.problem import Fault
from libs.common.process import Patience
from libs.common.telemetry import get_logger
from services.registry.store import reforms as store
from services.registry.use_cases import reforms
from services.registry.use_cases.atlas import Keeper

__all__ = ["enact_all_due", "keep_reforms"]

logger = get_logger(__name__)


async def keep_reforms(
    engine: Engine, keeper: Keeper, today: Callable[[], date], look_seconds: float, stop: asyncio.Event
) -> None:
    """Look for reforms whose day has come until told to stop; PostgreSQL being away is waited out."""
    patience = Patience()
    while not stop.is_set():
        try:
            await enact_all_due(engine, keeper, today())
            patience.succeeded()
        except Unavailable as error:
            logger.warning("reforms.interrupted", error=repr(error))
            await patience.wait()
            continue
        try:
            await asyncio.wait_for(stop.wait(), look_seconds)
        except TimeoutError:
            continue


async def enact_all_due(engine: Engine, keeper: Keeper, today: date) -> None:
    """Enact every reform whose day has come, each in a transaction of its own, the earlier first."""
    async with transaction(engine, readonly=True) as connection:
        due = await store.due(connection, today)
    for reform_id in due:
        try:
            async with transaction(engine) as connection:
                standing = await reforms.enact_due(connection, keeper, reform_id, today)
        except Unavailable:
            raise
        except Exception as error:
            # A fault of ours must be seen at the reform, and must not end the registry anew every few seconds.
            logger.error("reform.broken", reform_id=str(reform_id), exc_info=error)
            async with transaction(engine) as connection:
                await reforms.fail_due(connection, reform_id, Fault("internal_error", ""))
            continue
        if standing is not None:
            logger.info("reform.due", reform_id=str(reform_id), status=standing.status)
