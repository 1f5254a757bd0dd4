"""A consumer whose replicas divide its work: by partition, or all of it to one while the others stand by."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from libs.common.consume import Follow, Place
from libs.common.shares import open_shares

__all__ = ["Sharing", "run_shared_consumer"]


@dataclass(frozen=True)
class Sharing:
    """What is divided under a name, among all who use the database `url` is the address of."""

    url: str
    name: str
    by_partition: bool


async def run_shared_consumer(follow: Follow, sharing: Sharing) -> None:
    """Handle this replica's share of some topics until told to stop; the share changes as replicas come and go."""
    places = [(topic.name, n) for topic in follow.topics for n in range(topic.partitions)]
    parts = [[place] for place in places] if sharing.by_partition else [places]

    async def turn() -> None:
        async with open_shares(sharing.url, sharing.name, len(parts)) as shares:
            while not follow.stop.is_set():
                follow.beat()
                await shares.look()
                await shares.settle()
                _forget(follow, [place for n, part in enumerate(parts) if n not in shares.mine for place in part])
                if shares.mine:
                    await follow.until(shares.look, {place for n in shares.mine for place in parts[n]})
                else:
                    await shares.rest(follow.stop)

    try:
        await follow.patiently(turn)
    finally:
        _forget(follow, places)


def _forget(follow: Follow, places: Sequence[Place]) -> None:
    """Tell nothing of what is now another's to tell."""
    for topic, partition in places:
        with suppress(KeyError):
            follow.meters.behind.remove(topic, str(partition))
    follow.backlog.messages = 0
