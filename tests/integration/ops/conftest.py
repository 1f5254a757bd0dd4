"""Visits, metrics, what brings the one to the other, and the audit that compares them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest_asyncio

from deploy.ops.watch.conservation import Audit, AuditPace, Found
from libs.common.db import Engine, connect, open_engine
from tests.support.delivery import Delivery
from tests.support.postgres import MakeDatabase
from tests.support.visits import Visits, a_visit, open_visits

__all__ = ["Both", "execute", "rounds"]

AT_ONCE = AuditPace(page_rows=7, confirm_seconds=0, sweep_rows_per_second=1e9, sweep_every_seconds=1e-9)


@dataclass
class Both:
    """The two sides."""

    visits: Visits
    visits_url: str
    metrics_url: str
    metrics: Engine
    delivery: Delivery
    sent: list[UUID] = field(default_factory=list)

    def audit(self, pace: AuditPace = AT_ONCE) -> Audit:
        """A watch that begins to look now; nothing has to last before it is told."""
        return Audit(self.visits.engine, self.metrics, pace)

    async def send(self, count: int, **changes: Any) -> list[UUID]:
        """Send visits of one team, with the device's progress."""
        rows = [a_visit(**changes) for _ in range(count)]
        for receipt in await self.visits.send(*rows, device="m-1", synced_through="2025-05-10T09:00:00+07:00"):
            assert receipt["status"] in ("accepted", "held"), receipt
        ids = [UUID(row["id"]) for row in rows]
        self.sent += ids
        return ids

    async def on_metrics(self, sql: str, *params: Any) -> None:
        """Spoil something."""
        await execute(self.metrics_url, sql, *params)

    async def on_visits(self, sql: str, *params: Any) -> None:
        """Spoil something."""
        await execute(self.visits_url, sql, *params)


async def execute(url: str, sql: str, *params: Any) -> None:
    """Run one statement."""
    connection = await connect(url, application_name="test")
    try:
        await connection.execute(sql, *params)
    finally:
        await connection.close()


async def rounds(audit: Audit, count: int = 2) -> Found:
    """Look so many times, the last of which is given."""
    for _ in range(count):
        found = await audit.round()
    return found


@pytest_asyncio.fixture
async def both(make_database: MakeDatabase) -> AsyncIterator[Both]:
    visits_url, metrics_url = await make_database("visits"), await make_database("metrics")
    async with (
        open_visits(visits_url) as visits,
        open_engine(metrics_url, application_name="test metrics", pool_size=4) as metrics,
    ):
        yield Both(visits, visits_url, metrics_url, metrics, Delivery(visits.engine, metrics))
