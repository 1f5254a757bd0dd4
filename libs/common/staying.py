"""Notices that the cluster at an address, or a topic of it, is another: positions say nothing of the new one.

Clients of Kafka notice only that a connection broke. They go on in the new cluster with offsets of the old; one with
nothing to send does not go on at all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from libs.common.kafka import Address, Away, NoSuchTopic, identify

__all__ = ["staying"]

LOOK_SECONDS = 5.0


@asynccontextmanager
async def staying(
    address: Address,
    topics: Sequence[str],
    identity: str,
    beat: Callable[[], None] = lambda: None,
    *,
    look_seconds: float = LOOK_SECONDS,
) -> AsyncIterator[Callable[[], None]]:
    """Look now and then while the block runs, which is to call what is given on every turn of its loop.

    That beats, and raises Away once `identity` is no longer true.
    """
    looking = asyncio.ensure_future(_until_another(address, topics, identity, look_seconds))

    def turn() -> None:
        beat()
        if looking.done():
            raise Away(looking.result())

    try:
        yield turn
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _until_another(address: Address, topics: Sequence[str], identity: str, look_seconds: float) -> str:
    """Give what has changed; Kafka being away says nothing."""
    while True:
        await asyncio.sleep(look_seconds)
        try:
            found = await identify(address, topics)
        except NoSuchTopic as error:
            return str(error)
        except Away:
            continue
        if found != identity:
            return f"another cluster or topic than {identity}"
