"""A rebuild beside the live tables, opened: filled by the very loops that fill these."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry

from libs.common.auth import Guard
from libs.common.consume import Backlog, Handler, Meters, run_consumer
from libs.common.db import Engine, connect, open_engine
from libs.common.kafka import Away, TopicSpec, open_consumer
from libs.common.kafka_access import Cluster
from libs.common.process import Loop
from libs.common.replica import Replica
from libs.contracts.topics import DENOMINATORS, MEMBERS, RECORDS, TEAMS, UNITS
from services.metrics.consumer.network import handle_network
from services.metrics.consumer.picture import picture_handlers
from services.metrics.consumer.records import handle
from services.metrics.domain.keys import Lifter
from services.metrics.domain.picture import Picture
from services.metrics.store.rebuild.tables import take_lock, url_beside
from services.metrics.use_cases.keep_rollups import RollupPace, keep_rollups
from services.metrics.use_cases.rebuild import Filling, Rebuild

__all__ = ["NETWORK", "Given", "open_rebuild", "read_map"]

NETWORK: tuple[TopicSpec, ...] = (TEAMS, MEMBERS, DENOMINATORS)
SWITCH_SECONDS = 15.0


@dataclass(frozen=True)
class Given:
    """What a rebuild is of and how it folds; `migrate` brings tables at an address to the newest revision."""

    url: str
    kafka: Cluster
    issuer: str
    lifter: Lifter
    fold_seconds: float
    rollup_entries: int
    migrate: Callable[[str], None]


@asynccontextmanager
async def open_rebuild(given: Given) -> AsyncIterator[tuple[Rebuild, Filling] | None]:
    """Open what a rebuild needs, its loops not yet started; None where another is under way."""
    beside = url_beside(given.url)
    lock = await connect(given.url, application_name="metrics rebuild", transaction_timeout_seconds=0)
    async with AsyncExitStack() as stack:
        stack.callback(lock.terminate)
        if not await take_lock(lock):
            yield None
            return

        async def engine(url: str, name: str, seconds: float) -> Engine:
            opened = open_engine(
                url, application_name=f"metrics rebuild {name}", pool_size=2, transaction_timeout_seconds=seconds
            )
            return await stack.enter_async_context(opened)

        rebuild = Rebuild(
            await engine(given.url, "switch", SWITCH_SECONDS),
            await engine(beside, "look", given.fold_seconds),
            await engine(given.url, "compare", 0),
            partial(asyncio.to_thread, given.migrate, beside),
            _Ends(given.kafka).read,
        )
        filling = Filling(_Fillers(given, beside).loops())
        stack.push_async_callback(filling.aclose)
        yield rebuild, filling


class _Ends:
    """Where the topics end; as it was known last, while Kafka is away."""

    def __init__(self, kafka: Cluster) -> None:
        self._kafka = kafka
        self._known: Mapping[tuple[str, int], int] = {}

    async def read(self) -> Mapping[tuple[str, int], int]:
        try:
            async with open_consumer(self._kafka, [RECORDS, *NETWORK]) as consumer:
                self._known = await consumer.ends()
        except Away:
            if not self._known:
                raise
        return self._known


@dataclass(frozen=True)
class _Fillers:
    """The loops that fill the tables at an address; each may be run again."""

    given: Given
    url: str
    backlog: Backlog = field(default_factory=Backlog)
    picture: Picture = field(default_factory=Picture)

    def loops(self) -> dict[str, Loop]:
        """Give them by name."""
        given = self.given
        replica = _map_into(self.picture, given.kafka, given.issuer)
        return {
            "records": partial(self._consume, [RECORDS], partial(handle, lifter=given.lifter), self.backlog),
            "network": partial(self._consume, NETWORK, handle_network, Backlog()),
            "map": replica.run,
            "rollups": partial(self._roll_up, replica),
        }

    async def _consume(
        self, topics: Sequence[TopicSpec], handler: Handler, backlog: Backlog, stop: asyncio.Event
    ) -> None:
        meters = Meters.on(CollectorRegistry())
        async with self._engine("fold") as engine:
            await run_consumer(
                engine, self.given.kafka, topics, handler, meters=meters, stop=stop, beat=_no_beat, backlog=backlog
            )

    async def _roll_up(self, replica: Replica, stop: asyncio.Event) -> None:
        await replica.until_ready(stop)
        pace, registry = RollupPace(entries=self.given.rollup_entries, rest=0), CollectorRegistry()
        units, leading = self.picture.units, "metrics rebuild rollups"
        async with self._engine("rollups") as engine:
            await keep_rollups(engine, self.url, units, pace, self.backlog, registry, stop, leading=leading)

    def _engine(self, name: str) -> AbstractAsyncContextManager[Engine]:
        return open_engine(
            self.url,
            application_name=f"metrics rebuild {name}",
            pool_size=2,
            transaction_timeout_seconds=self.given.fold_seconds,
        )


def _no_beat() -> None:
    """Nobody asks whether the loop turns: the command's own progress tells."""


def _map_into(picture: Picture, kafka: Cluster, issuer: str) -> Replica:
    return Replica(kafka, [UNITS], picture_handlers(picture, Guard(issuer)), CollectorRegistry())


async def read_map(kafka: Cluster, issuer: str, seconds: float) -> Picture:
    """Read the map from the registry's topic; raises TimeoutError where that has not told all of it in time."""
    picture, stop = Picture(), asyncio.Event()
    replica = _map_into(picture, kafka, issuer)
    reading = asyncio.ensure_future(replica.run(stop))
    try:
        await asyncio.wait_for(replica.ready.wait(), seconds)
    finally:
        stop.set()
        await reading
    return picture
