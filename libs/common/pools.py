"""How full the pools of database connections are."""

from prometheus_client import CollectorRegistry
from sqlalchemy.pool import QueuePool

from libs.common.db import Engine
from libs.common.meters import GaugeOf

__all__ = ["CONNECTIONS", "Pools"]

CONNECTIONS = GaugeOf(
    "database_pool_connections",
    "lasting",
    "registry api, visits api, visits consumer, metrics api, metrics consumer",
    "Kết nối tới PostgreSQL của từng nhóm kết nối: `in_use` đang dùng, `idle` mở sẵn, `limit` nhiều nhất được có. "
    "`in_use` bằng `limit` lâu thì yêu cầu phải chờ.",
    "Connections to PostgreSQL of each pool: `in_use`, `idle` (open and free), `limit` (the most there may be). While "
    "`in_use` is at the limit, requests wait.",
    ("pool", "state"),
)


class Pools:
    """Tells of the pools of a process, as they are when it is asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._connections = CONNECTIONS.on(registry)

    def add(self, name: str, engine: Engine) -> "Pools":
        """Tell of a pool under a name; gives itself, for the next."""
        pool = engine.pool
        assert isinstance(pool, QueuePool)
        for state, count in (("in_use", pool.checkedout), ("idle", pool.checkedin), ("limit", pool.size)):
            self._connections.labels(name, state).set_function(count)
        return self
