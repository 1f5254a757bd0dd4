"""The watch as a process: its loops, each beside the others, so that one database away delays none of the rest."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg
from prometheus_client import CollectorRegistry

from deploy.ops.databases import open_databases, reading
from deploy.ops.watch import declared, servers
from deploy.ops.watch.board import Board
from deploy.ops.watch.conservation import Audit, AuditPace, Found
from deploy.ops.watch.held import read_held
from deploy.ops.watch.settings import WatchSettings
from libs.common.db import Engine, Unavailable
from libs.common.http import build_app
from libs.common.problem import Catalogue
from libs.common.process import Loop, Pulse, serve
from libs.common.telemetry import get_logger, new_registry
from libs.contracts.problems import entries

__all__ = ["Intervals", "Watch", "run_watch"]

logger = get_logger(__name__)


@dataclass(frozen=True)
class Intervals:
    """How often each thing is looked at, in seconds."""

    conservation: float = 1
    held: float = 15
    server: float = 5
    size: float = 60
    provinces: float = 300


SLOWLY_SECONDS = 900.0
"""How long what is looked at rarely is told without being seen again."""


@dataclass
class Watch:
    """What looks, and where it tells what it saw."""

    engines: dict[str, Engine]
    settings: WatchSettings
    registry: CollectorRegistry
    intervals: Intervals = Intervals()
    pulses: dict[str, Pulse] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.board = Board(declared.GAUGES, self.registry)
        self._checked = declared.CHECKED.on(self.registry)
        self._wal = declared.WAL.on(self.registry)
        self._wal_at: dict[str, int] = {}
        self._looked_at: dict[tuple[str, str], float] = {}
        settings = self.settings
        pace = AuditPace(
            sweep_rows_per_second=settings.sweep_rows_per_second, sweep_every_seconds=settings.sweep_every_seconds
        )
        self.audit = Audit(self.engines["visits"], self.engines["metrics"], pace, checked=self._note_checked)
        self._tell_disk(settings.data_folder())

    def loops(self) -> dict[str, Loop]:
        """Give the loops by their names."""
        every = self.intervals
        looks: dict[str, tuple[Callable[[], Awaitable[None]], float]] = {
            "conservation": (self.look_at_conservation, every.conservation),
            "held": (self.look_at_held, every.held),
        }
        for name in self.engines:
            looks[name] = (partial(self.look_at_database, name), every.server)
        self.pulses = {name: Pulse() for name in looks}
        return {name: partial(self._loop, name, look, seconds) for name, (look, seconds) in looks.items()}

    async def _loop(self, name: str, look: Callable[[], Awaitable[None]], seconds: float, stop: asyncio.Event) -> None:
        told = ""
        while not stop.is_set():
            self.pulses[name].beat()
            try:
                await look()
            except (Unavailable, asyncpg.PostgresError) as error:
                # What it looks at is told as unknown by the look itself; said here once, not every second.
                what = str(error) or type(error).__name__
                if isinstance(error, Unavailable) and not told:
                    logger.warning("watch.away", loop=name, error=what)
                elif not isinstance(error, Unavailable) and told != what:
                    logger.error("watch.refused", loop=name, error=what)
                told = what
            else:
                if told:
                    logger.info("watch.back", loop=name)
                told = ""
            await _rest(stop, seconds, self.pulses[name])

    def _note_checked(self, records: int) -> None:
        self._checked.inc(records)
        if pulse := self.pulses.get("conservation"):
            pulse.beat()  # A round may have much to catch up with.

    async def look_at_conservation(self) -> None:
        """Compare on, and tell what was found; what cannot be seen is not told."""
        board = self.board
        try:
            found = await self.audit.round()
        except (Unavailable, asyncpg.PostgresError):
            board.withdraw(declared.MISSING, declared.UNKNOWN, declared.RECORDS_BY_PLACE)
            board.withdraw(declared.UNFOLDED_RECORDS, declared.UNFOLDED_SECONDS)
            raise
        board.tell(declared.MISSING, found.missing)
        board.tell(declared.UNKNOWN, found.unknown)
        board.tell(declared.UNFOLDED_RECORDS, found.unfolded.records)
        # A row's age grows by itself; between two looks it may have been folded, so it is told as it was seen.
        oldest_at = found.unfolded.oldest_at
        board.tell(declared.UNFOLDED_SECONDS, max(0.0, time.time() - oldest_at) if oldest_at is not None else 0.0)
        self._tell_places(found)

    def _tell_places(self, found: Found) -> None:
        swept_at = self.audit.swept_at
        if swept_at is not None:
            self.board.tell(declared.SWEPT, lambda: time.monotonic() - swept_at, lasts_seconds=float("inf"))
        if found.places is None:
            self.board.withdraw(declared.RECORDS_BY_PLACE)
            return
        for place, records in vars(found.places).items():
            self.board.tell(declared.RECORDS_BY_PLACE, records, place)

    async def look_at_held(self) -> None:
        """Tell what is held."""
        try:
            held = await read_held(self.engines["visits"])
        except (Unavailable, asyncpg.PostgresError):
            self.board.withdraw(declared.HELD, declared.HELD_OLDEST)
            raise
        self.board.tell_all(declared.HELD, {(kind,): count for kind, count in held.records.items()})
        self.board.tell_all(declared.HELD_OLDEST, {(kind,): age for kind, age in held.ages().items()})

    async def look_at_database(self, name: str) -> None:
        """Tell whether a database answers, and what is only known where it does."""
        try:
            async with reading(self.engines[name]) as connection:
                seen = await servers.server(connection)
            self.board.tell(declared.UP, 1, name)
            self._tell_server(name, seen)
            await self._look_inside(name)
        except (Unavailable, asyncpg.PostgresError) as error:
            # One that answers with a refusal is up: of a role that may not look, or tables that are not there yet.
            self.board.tell(declared.UP, 0 if isinstance(error, Unavailable) else 1, name)
            self._withdraw(name)
            raise

    async def _look_inside(self, name: str) -> None:
        """Look at what costs more less often, each in a transaction of its own."""
        board, engine, every = self.board, self.engines[name], self.intervals
        if name == "metrics":
            async with reading(engine) as connection:
                letters = await servers.dead_letters(connection)
            board.tell_all(declared.DEAD_LETTERS, {(topic,): count for topic, count in letters.items()})
        if self._due(name, "size", every.size):
            async with reading(engine) as connection:
                size = await servers.size_bytes(connection)
                rows = await servers.estimates(connection, "cells", "facts", "persons") if name == "metrics" else {}
            board.tell(declared.SIZE, size, name, lasts_seconds=SLOWLY_SECONDS)
            for gauge in (declared.CELLS, declared.FACTS, declared.PERSONS):
                if gauge.name in rows:
                    board.tell(gauge, rows[gauge.name], lasts_seconds=SLOWLY_SECONDS)
        if name == "registry" and self._due(name, "provinces", every.provinces):
            async with reading(engine) as connection:
                known = await servers.provinces(connection)
            board.tell_all(declared.PROVINCE, dict.fromkeys(known.items(), 1), lasts_seconds=SLOWLY_SECONDS)

    def _tell_server(self, name: str, seen: servers.Server) -> None:
        board = self.board
        board.tell(declared.CONNECTIONS, seen.connections, name, "used")
        board.tell(declared.CONNECTIONS, seen.limit, name, "limit")
        before, self._wal_at[name] = self._wal_at.get(name), seen.wal_bytes
        # A server that was restored elsewhere begins with less.
        self._wal.labels(name).inc(max(0, seen.wal_bytes - before) if before is not None else 0)
        if seen.oldest_transaction_seconds is None:
            board.withdraw(declared.OLDEST_TRANSACTION, label=name)
            if self._due(name, "told of pg_monitor", float("inf")):
                logger.warning("watch.blind", database=name, hint="GRANT pg_monitor TO the watch's role")
        else:
            board.tell(declared.OLDEST_TRANSACTION, seen.oldest_transaction_seconds, name)

    def _withdraw(self, name: str) -> None:
        """Take back all that is of one database."""
        self.board.withdraw(declared.CONNECTIONS, declared.OLDEST_TRANSACTION, declared.SIZE, label=name)
        if name == "metrics":
            self.board.withdraw(declared.DEAD_LETTERS, declared.CELLS, declared.FACTS, declared.PERSONS)
        if name == "registry":
            self.board.withdraw(declared.PROVINCE)
        for key in [key for key in self._looked_at if key[0] == name and key[1] in ("size", "provinces")]:
            del self._looked_at[key]

    def _due(self, name: str, what: str, every_seconds: float) -> bool:
        """Say whether it is time to look at something again, and take it that it is done now."""
        now, before = time.monotonic(), self._looked_at.get((name, what))
        if before is not None and now - before < every_seconds:
            return False
        self._looked_at[name, what] = now
        return True

    def _tell_disk(self, folder: Path | None) -> None:
        if folder is None:
            return
        forever = float("inf")
        self.board.tell(declared.DISK_FREE, lambda: shutil.disk_usage(folder).free, "data", lasts_seconds=forever)
        self.board.tell(declared.DISK_SIZE, lambda: shutil.disk_usage(folder).total, "data", lasts_seconds=forever)


async def _rest(stop: asyncio.Event, seconds: float, pulse: Pulse) -> None:
    """Wait until it is time again or the process is told to stop, with a beat at least every few seconds."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        pulse.beat()
        try:
            await asyncio.wait_for(stop.wait(), min(left, 5))
        except TimeoutError:
            continue


async def run_watch(settings: WatchSettings) -> None:
    """Watch until told to stop."""
    registry = new_registry()
    async with open_databases(settings.urls(), command="watch", connections=3, seconds=5) as engines:
        watch = Watch(engines, settings, registry)
        loops = watch.loops()
        app = build_app(
            catalogue=Catalogue.of(entries()),
            routes=[],
            registry=registry,
            ready=lambda: {name: pulse.alive() for name, pulse in watch.pulses.items()},
            alive=lambda: {name: pulse.going() for name, pulse in watch.pulses.items()},
        )
        await serve(app, host=settings.host, port=settings.port, loops=loops)
