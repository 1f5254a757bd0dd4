"""An epoch that no position ever had: learnt wherever one may still be known, and never behind the clock."""

from deploy.ops.recovery.anew import exists, minutes_now
from deploy.ops.recovery.topics import newest_epoch
from libs.common.db import Connection
from libs.common.kafka import Address
from libs.contracts.topics import Topic

__all__ = ["known_epochs", "next_epoch", "raised", "raise_epoch"]


async def known_epochs(log: Connection, metrics: Connection, address: Address, topics: list[Topic]) -> dict[str, int]:
    """Give the highest epoch that each place knows: the log as it stands, what metrics has taken in, the topics."""
    known = {"Kafka": await newest_epoch(address, topics)}
    if await exists(log, "log_epoch"):
        known["database"] = await log.fetchval(
            "SELECT greatest((SELECT epoch FROM log_epoch), (SELECT max(epoch) FROM log))"
        )
    if await exists(metrics, "inbox"):
        names = [topic.name for topic in topics]
        known["metrics"] = await metrics.fetchval(
            "SELECT coalesce(max(epoch), 0) FROM inbox WHERE topic = ANY($1::text[])", names
        )
    return known


def next_epoch(known: int, now: int | None = None) -> int:
    """Give an epoch above all that are known; the minutes since 1970 stand for those that nobody knows any more."""
    return max(known + 1, minutes_now() if now is None else now)


def raised(epoch: int) -> str:
    """Give the SQL that begins an epoch in a restored log, and has everything sent again."""
    # An archive empties the search path, so the schema is named.
    return f"UPDATE public.log_epoch SET epoch = {int(epoch)}; DELETE FROM public.log_position"


async def raise_epoch(log: Connection, epoch: int) -> None:
    """Begin an epoch in a log that was restored by other means."""
    async with log.transaction():
        await log.execute("LOCK TABLE log IN SHARE ROW EXCLUSIVE MODE")
        await log.execute(raised(epoch))
