"""A rebuild, step by step; each step may be ended at any moment, and the next rebuild goes on from what is there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.common.db import Connection, Engine, autocommit, transaction
from services.metrics.store.members import read_members
from services.metrics.store.query import read_revision as read_data_revision
from services.metrics.store.rebuild import filling as fill_store
from services.metrics.store.rebuild import switch as switch_store
from services.metrics.store.rebuild import tables as store
from services.metrics.store.rebuild.filling import Filled, Place
from services.metrics.store.rebuild.switch import Busy
from services.metrics.store.rebuild.tables import BESIDE, REPLACED, Marker, Room
from services.metrics.store.rollups import read_state
from services.metrics.use_cases.rebuild.comparing import Comparison, compare
from services.metrics.use_cases.rebuild.filling import Filling
from services.metrics.use_cases.rollups import unready

__all__ = ["Obstacle", "Rebuild", "Status"]

CATCH_UP_SECONDS, LOOK_SECONDS = 3.0, 0.02
LEVEL_SECONDS = 30.0
TRIES, TRY_AGAIN_SECONDS = 6, 0.2
REST_SECONDS = 1.0
FOLDS = ("records", "network")
"""The loops that must have caught up; what the others do can be done after the switch as well."""


class Obstacle(Exception):
    """What stands in the way of a rebuild, in both languages; nothing is changed by it."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi, self.en = vi, en


@dataclass(frozen=True, slots=True)
class Status:
    """How far the filling is: messages read of those there are, and units whose roll-ups are not made (None: all)."""

    read: int
    of: int
    behind: int
    unready: int | None


class Rebuild:
    """Works with an engine on the live tables, one on those beside them, and one whose transactions may last.

    `migrate` makes the tables beside; `ends` gives where each partition ends at the moment.
    """

    def __init__(
        self,
        live: Engine,
        beside: Engine,
        patient: Engine,
        migrate: Callable[[], Awaitable[None]],
        ends: Callable[[], Awaitable[Mapping[Place, int]]],
    ) -> None:
        self._live = live
        self._beside = beside
        self._patient = patient
        self._migrate = migrate
        self._ends = ends
        self._schema = ""

    async def look(self) -> tuple[Marker | None, Marker | None]:
        """Look whether an earlier rebuild has left something: tables beside the live ones, or replaced ones."""
        async with transaction(self._live, readonly=True) as connection:
            self._schema = await store.live_schema(connection)
            return await store.read_marker(connection, BESIDE), await store.read_marker(connection, REPLACED)

    async def room(self) -> Room:
        """Look how much room tables take."""
        async with transaction(self._live, readonly=True) as connection:
            return await store.room(connection, self._schema)

    async def prepare(self, *, anew: bool) -> bool:
        """Make the tables beside, unless some are there that can be filled on; says whether that is so."""
        async with transaction(self._live) as connection:
            if not anew and await self._fits(connection):
                return True
            await store.drop_schema(connection, BESIDE)
            await store.make_schema(connection)
        await self._migrate()
        async with transaction(self._live) as connection:
            revision = await store.read_revision(connection, BESIDE)
            live = await store.read_revision(connection, self._schema)
            if revision != live:
                raise Obstacle(
                    f"lược đồ đang ở {live}, chương trình này ở {revision}: chạy đúng phiên bản, hoặc migrate trước",
                    f"the schema is at {live}, this program at {revision}: run the version that fits, or migrate first",
                )
            await store.clear(connection, self._schema)
            known = {*store.FROM_TOPICS, *store.SEQUENCES, *store.VIEWS}
            if strangers := await store.relations(connection, BESIDE) ^ known:
                raise AssertionError(f"neither known to be of topics nor to be kept: {sorted(strangers)}")
            epoch = await store.read_epoch(connection, self._schema)
            await store.write_marker(connection, BESIDE, Marker(revision, datetime.now(UTC).isoformat(), epoch))
        return False

    async def _fits(self, connection: Connection) -> bool:
        """Say whether the tables beside are whole, of the live ones' migration, and know people by the same key.

        What was begun before the logs were restored, and metrics with them, may have what these know nothing of.
        """
        marker = await store.read_marker(connection, BESIDE)
        if marker is None or marker.revision != await store.read_revision(connection, self._schema):
            return False
        if marker.epoch != await store.read_epoch(connection, self._schema):
            return False
        beside, live = await fill_store.key_levels(connection, self._schema)
        return beside == live

    async def status(self) -> Status:
        """Look how far the filling is."""
        ends = await self._ends()
        filled = await self._filled()
        async with transaction(self._beside, isolation="repeatable_read", readonly=True) as connection:
            begun = (await read_state(connection)).begun
            members = await read_members(connection, 0) if begun else []
        read, of = filled.done(ends)
        return Status(read, of, filled.behind(ends), unready(members) if begun else None)

    async def polish(self) -> None:
        """Make the tables beside fit for queries, and everybody's who may read the live ones."""
        async with autocommit(self._patient) as connection:
            await fill_store.vacuum(connection)
        async with transaction(self._live) as connection:
            await switch_store.grant_alike(connection, self._schema)
            await self._check(connection)

    async def compare(self, told: Callable[[int, int], None]) -> Comparison:
        """Compare what is live with what was made anew."""
        return await compare(self._patient, self._schema, told, self._until_level)

    async def _until_level(self) -> None:
        """Wait until the tables beside have read what the live ones have read by now, if that comes to pass."""
        goal, deadline = await self._filled(), asyncio.get_running_loop().time() + LEVEL_SECONDS
        filled = goal
        while any(filled.beside.get(place, 0) < goal.live[place] for place in goal.same):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(LOOK_SECONDS)
            filled = await self._filled()

    async def _filled(self) -> Filled:
        async with transaction(self._live, readonly=True) as connection:
            return await fill_store.read_filled(connection, self._schema)

    async def switch(self, filling: Filling, seconds: float) -> str:
        """Put what was made anew in the place of what is live; gives the revision of the data from then on.

        What is live is folded into until the last moment, queries go on, and both are as far as each other then.
        Raises Obstacle where there is no such moment within so many seconds; everything is then as before.
        """
        await filling.stop()
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            filling.start(*FOLDS)
            try:
                async with transaction(self._live) as connection:
                    await self._switch(connection, filling)
                break
            except Busy as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise Obstacle(
                        f"không có lúc nào đổi được trong {seconds:.0f} giây: {error}; chạy lại để thử tiếp",
                        f"there was no moment to switch in within {seconds:.0f} s: {error}; run it again to go on",
                    ) from error
            await asyncio.sleep(REST_SECONDS)
        async with transaction(self._live, readonly=True) as connection:
            return str(await read_data_revision(connection))

    async def _switch(self, connection: Connection, filling: Filling) -> None:
        await switch_store.hold_folds(connection, self._schema)
        await self._check(connection)
        await self._until_caught_up(connection, filling)
        await filling.stop()
        for left in reversed(range(TRIES)):
            try:
                await switch_store.take_tables(connection, self._schema)
                break
            except Busy:
                if not left:
                    raise
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        await switch_store.carry_positions(connection, self._schema)
        await switch_store.carry_letters(connection, self._schema)
        revision = await store.read_revision(connection, self._schema)
        epoch = await store.read_epoch(connection, self._schema)
        await switch_store.swap(connection, self._schema)
        await store.write_marker(connection, REPLACED, Marker(revision, datetime.now(UTC).isoformat(), epoch))

    async def _until_caught_up(self, connection: Connection, filling: Filling) -> None:
        """Wait while folds are held until the tables beside are where the live ones are; raises Busy."""
        ends = await self._ends()
        deadline = asyncio.get_running_loop().time() + CATCH_UP_SECONDS
        while behind := (await fill_store.read_filled(connection, self._schema)).behind_live(ends):
            filling.check()
            if asyncio.get_running_loop().time() > deadline:
                raise Busy(f"{behind} messages behind what is live")
            await asyncio.sleep(LOOK_SECONDS)

    async def _check(self, connection: Connection) -> None:
        """Raise Obstacle where what was made anew is not what is live but for its numbers."""
        if not await self._fits(connection):
            raise Obstacle(
                "trong lúc dựng đã có migrate, đổi khóa hoặc khôi phục: chạy lại, mọi thứ được dựng từ đầu",
                "meanwhile there was a migration, another key or a restore: run it again, all is made from the start",
            )
        if unlike := await switch_store.unlike(connection, self._schema):
            told = "\n  ".join(unlike)
            raise Obstacle(
                f"bảng đang dùng (-) không giống bảng dựng lại (+):\n  {told}",
                f"the live tables (-) are not made like those made anew (+):\n  {told}",
            )

    async def drop(self, schema: str) -> bool:
        """Drop what an earlier rebuild has left: the tables beside, or those replaced; says whether there were any."""
        async with transaction(self._patient) as connection:
            return await store.drop_schema(connection, schema)
