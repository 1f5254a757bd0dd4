"""Lifting the log to the newest key: what it holds of people then hides them from whoever has an older one."""

from libs.common.db import Connection
from libs.common.log import Position
from services.visits import events, store
from services.visits.domain.identity import KeyChain
from services.visits.store import Behind

__all__ = ["lift_page"]


async def lift_page(connection: Connection, keys: KeyChain, after: Position, limit: int) -> tuple[int, Position]:
    """Lift up to `limit` rows behind a position; gives how many, and where to go on. The caller commits each page."""
    rows = await store.read_behind(connection, keys.level, after, limit)
    if not rows:
        return 0, after
    await store.write_lifted(connection, keys.level, [_lifted(row, keys) for row in rows])
    return len(rows), rows[-1].position


def _lifted(row: Behind, keys: KeyChain) -> Behind:
    digest = row.digest and keys.lifted_digest(row.digest, row.key_level)
    return row._replace(digest=digest, body=events.lifted_body(row.body, keys))
