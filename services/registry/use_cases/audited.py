"""How many rows the audit log has, by action: told from the table, so that only what was committed counts."""

import asyncio
import contextlib

from prometheus_client import CollectorRegistry

from libs.common.db import Engine, Unavailable, transaction
from libs.common.meters import CounterOf
from libs.common.telemetry import get_logger
from services.registry.store import audit

__all__ = ["ROWS", "AuditCount"]

logger = get_logger(__name__)

EVERY_SECONDS = 15.0
ROWS = CounterOf(
    "audit_rows_total",
    "safe",
    "registry api",
    "Số dòng của nhật ký kiểm tra, theo hành động (`member.read`, `client.rotated` …), cả những dòng do lệnh quản trị "
    "ghi. Mỗi bản đếm cả bảng: lấy giá trị lớn nhất của mọi bản. Dòng bị xóa theo quy định không làm số giảm.",
    "Rows of the audit log by action (`member.read`, `client.rotated` …), those of operators' commands included. Every "
    "replica counts the whole table: take the maximum over all. Rows that your rules delete do not lessen it.",
    ("action",),
)


class AuditCount:
    """Follows the table. A row that is committed after one of a higher number is not missed for two minutes."""

    def __init__(self, engine: Engine, registry: CollectorRegistry, every_seconds: float = EVERY_SECONDS) -> None:
        self._engine = engine
        self._rows = ROWS.on(registry)
        self._every_seconds = every_seconds
        self._after: int | None = None
        self._seen: frozenset[int] = frozenset()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until told to stop; PostgreSQL being away is waited out."""
        while not stop.is_set():
            try:
                await self.look()
            except Unavailable as error:
                logger.warning("audit.not_counted_now", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every_seconds)

    async def look(self) -> None:
        """Count what has come since."""
        async with transaction(self._engine, isolation="repeatable_read", readonly=True) as connection:
            if self._after is None:
                settled, told = await audit.counted(connection)
                self._after = settled
                for action, number in told.items():
                    self._rows.labels(action).inc(number)
            rows = await audit.actions_after(connection, self._after)
            settled = await audit.settled(connection)
        for entry, action in rows:
            if entry not in self._seen:
                self._rows.labels(action).inc()
        self._after = max(self._after, settled)
        self._seen = frozenset(entry for entry, _ in rows if entry > self._after)
