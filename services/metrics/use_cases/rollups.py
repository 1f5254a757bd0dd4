"""Make the roll-ups and keep them near the present: each piece in a short transaction of its own, in its turn.

Nothing here changes any number: a roll-up with the changes after it says the same before and after. It can be dropped
at any time, and is made again from the cells.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID

from libs.common.db import Connection, Engine, transaction
from services.metrics.domain.layout import Member, place_of
from services.metrics.domain.map import UnitMap
from services.metrics.domain.memory import Memory
from services.metrics.domain.rollups import (
    COMMUNE,
    PROVINCE,
    Rollup,
    RollupKey,
    Segment,
    gone_from,
    rolled_up,
)
from services.metrics.store import members as members_store
from services.metrics.store import rollups as store
from services.metrics.use_cases.rollup_view import View, look

__all__ = ["Disturbed", "Maker", "brought_up", "drop", "torn_provinces", "unready"]

AT_ONCE = {COMMUNE: 500, PROVINCE: 25}
DELETED_AT_ONCE = 2000
BUSY = 20_000

Rest = Callable[[float], Awaitable[None]]
"""Leaves time for others after a piece that took some seconds."""


class Disturbed(Exception):
    """What was being made has been dropped meanwhile, or its members have moved."""


async def drop(engine: Engine) -> None:
    """Use no roll-ups until they have been made again."""
    async with transaction(engine, isolation="repeatable_read") as connection:
        await store.take_turn(connection)
        await store.drop(connection)


async def _no_rest(seconds: float) -> None:
    """Go on at once."""


class Maker:
    """Makes roll-ups for the map it is given."""

    def __init__(self, engine: Engine, units: UnitMap, rest: Rest = _no_rest) -> None:
        self._engine = engine
        self._units = units
        self._rest = rest
        self._memory = Memory.of_size(0)
        self._epoch = -1
        self._drops = -1
        self._placed = -1
        self._made: set[UUID] = set()

    async def prepare(self) -> View:
        """Begin where nothing has been made, and move units to where the map now has them; gives what there is."""
        view = await self._now()
        if view.state.begun and not view.usable:
            # Working all that in would take longer than making everything anew.
            await drop(self._engine)
            view = await self._now()
        if not view.state.begun:
            await self._begin()
        elif self._placed != self._units.changes:
            placed = self._units.changes
            await self._place_again(view)
            self._placed = placed
        return await self._now()

    async def compact(self) -> None:
        """Work into the roll-ups what folds have changed until now, then forget the changes."""
        async with self._turn() as (connection, view):
            view = await self._register(connection, view)
        for level, at_once in AT_ONCE.items():
            keys = list({key for segment in view.after(0, level) for key in segment.changes})
            for some in _sliced(keys, at_once):
                async with self._turn() as (connection, _):
                    await self._work_in(connection, some, view)
        async with self._turn() as (connection, _):
            await store.forget_changes(connection, view.state.revision)

    async def rebuild(self, view: View) -> bool:
        """Make the roll-ups of a commune or a province that is not ready; says whether there was one."""
        members = list(view.layout.members.values())
        torn = torn_provinces(members)
        waiting = next((m for m in members if m.ready < (COMMUNE if m.province_id in torn else PROVINCE)), None)
        if waiting is None:
            return False
        of_province = [member for member in members if member.province_id == waiting.province_id]
        missing = {member.commune_id for member in of_province if member.ready < COMMUNE}
        if to_make := missing - self._made:
            commune_id = to_make.pop()
            await self._rebuild_commune(commune_id, members)
            self._made.add(commune_id)
        elif missing:
            await self._say_ready([member.unit_id for member in members if member.commune_id in missing], COMMUNE)
            self._made -= missing
        else:
            await self._rebuild_province(waiting.province_id, of_province)
        return True

    async def _begin(self) -> None:
        """List the units that have cells; what is recorded in others later is outstanding."""
        async with self._turn(begun=False) as (connection, view):
            await store.forget_changes(connection, view.state.revision)
        if view.state.entries > BUSY:
            return  # While so much comes in, whatever was made would be behind at once.
        more = True
        while more:
            async with self._turn(begun=False) as (connection, _):
                more = await store.delete_some(connection, DELETED_AT_ONCE)
        async with transaction(self._engine, isolation="repeatable_read", readonly=True) as connection:
            units = await members_store.list_units(connection)
        async with self._turn(begun=False) as (connection, _):
            members = [Member(unit_id, *place_of(unit_id, self._units), 0) for unit_id in units]
            await store.begin_again(connection, await store.raise_version(connection), members)
        self._placed = -1

    async def _place_again(self, view: View) -> None:
        """Move units to where the map has them; the roll-ups that they leave and join are made again."""
        moved = {
            member.unit_id: Member(member.unit_id, *place_of(member.unit_id, self._units), 0)
            for member in view.layout.members.values()
            if (member.commune_id, member.province_id) != place_of(member.unit_id, self._units)
        }
        if not moved:
            return
        concerned = [*moved.values(), *(m for m in view.layout.members.values() if m.unit_id in moved)]
        communes = {member.commune_id for member in concerned}
        provinces = {member.province_id for member in concerned}
        now = [moved.get(member.unit_id, member) for member in view.layout.members.values()]
        changed = [
            Member(m.unit_id, m.commune_id, m.province_id, 0 if m.commune_id in communes else min(m.ready, COMMUNE))
            for m in now
            if m.commune_id in communes or m.province_id in provinces
        ]
        async with self._turn() as (connection, _):
            await store.disturb(connection)
            await members_store.save_members(connection, await store.raise_version(connection), changed)
            # Who has no members left is not made again.
            await store.delete_rollups(connection, COMMUNE, communes - {m.commune_id for m in now})
            await store.delete_rollups(connection, PROVINCE, provinces - {m.province_id for m in now})

    async def _register(self, connection: Connection, view: View) -> View:
        """Make the units that something was recorded in members; gives the view with them.

        All of theirs is outstanding: whatever roll-up they count in has nothing of it yet, and has them from now on.
        """
        strangers = [UUID(bytes=unit) for unit in view.strangers()]
        if not strangers:
            return view
        members = [Member(unit_id, *place_of(unit_id, self._units), PROVINCE) for unit_id in strangers]
        await members_store.save_members(connection, await store.raise_version(connection), members)
        return await look(connection, self._memory)

    async def _work_in(self, connection: Connection, keys: Sequence[RollupKey], view: View) -> None:
        bases = await store.read_rollups(connection, keys)
        # Another replica that was believed gone, or a rebuild, may have been further already.
        behind = [key for key in keys if key not in bases or bases[key][0] < view.state.revision]
        made = await brought_up(connection, behind, bases, view)
        await store.save_rollups(connection, view.state.revision, made)

    async def _rebuild_commune(self, commune_id: UUID, members: Sequence[Member]) -> None:
        units = [member.unit_id for member in members if member.commune_id == commune_id]
        async with self._reading() as (connection, _):
            months = await store.months_of(connection, units, [(COMMUNE, commune_id)])
        for month in months:
            async with self._turn() as (connection, view):
                view = await self._register(connection, view)
                units = [m.unit_id for m in view.layout.members.values() if m.commune_id == commune_id]
                made = await store.roll_up_cells(connection, commune_id, units, month)
                # What changed and is there no more must not be added to nothing later.
                for key in _changed(view, {commune_id}, month):
                    made.setdefault(key, Rollup(month, month))
                await store.delete_rollups(connection, COMMUNE, [commune_id], month)
                await store.save_rollups(connection, view.state.revision, made)

    async def _rebuild_province(self, province_id: UUID, members: Sequence[Member]) -> None:
        rolled = [(PROVINCE, province_id), *((COMMUNE, commune) for commune in {m.commune_id for m in members})]
        async with self._reading() as (connection, _):
            months = await store.months_of(connection, [], rolled)
        for month in months:
            async with self._turn() as (connection, view):
                view = await self._register(connection, view)
                if province_id in torn_provinces(view.layout.members.values()):
                    raise Disturbed
                made = await _united(connection, province_id, month, view)
                await store.delete_rollups(connection, PROVINCE, [province_id], month)
                await store.save_rollups(connection, view.state.revision, made)
        await self._say_ready([member.unit_id for member in members], PROVINCE)

    async def _say_ready(self, units: Sequence[UUID], level: int) -> None:
        async with self._turn() as (connection, _):
            await members_store.set_ready(connection, await store.raise_version(connection), units, level)

    async def _now(self) -> View:
        async with self._reading() as (_, view):
            if view.state.drops != self._drops:
                self._drops = view.state.drops
                self._made.clear()
            return view

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[tuple[Connection, View]]:
        async with transaction(self._engine, isolation="repeatable_read", readonly=True) as connection:
            epoch = (await store.read_state(connection)).epoch
            if epoch != self._epoch:
                # Other tables have taken the place of those that anything is remembered of.
                self._memory, self._epoch, self._drops, self._placed = Memory.of_size(0), epoch, -1, -1
            yield connection, await look(connection, self._memory)

    @asynccontextmanager
    async def _turn(self, *, begun: bool = True) -> AsyncIterator[tuple[Connection, View]]:
        """Write in a snapshot of its own, unless disturbed; then leave time for others."""
        started = time.monotonic()
        try:
            async with transaction(self._engine, isolation="repeatable_read") as connection:
                state = await store.take_turn(connection)
                if (state.epoch, state.begun, state.drops) != (self._epoch, begun, self._drops):
                    raise Disturbed
                view = await look(connection, self._memory)
                yield connection, view
        except BaseException:
            # It may have seen what was never committed.
            self._memory = Memory.of_size(0)
            raise
        await self._rest(time.monotonic() - started)


def unready(members: Collection[Member]) -> int:
    """Count the units that the roll-ups do not have as far up as they can."""
    torn = torn_provinces(members)
    return sum(member.ready < (COMMUNE if member.province_id in torn else PROVINCE) for member in members)


def torn_provinces(members: Iterable[Member]) -> set[UUID]:
    """Give the provinces that share a commune, as a map half changed has them: no union of communes makes them."""
    province_of: dict[UUID, UUID] = {}
    torn: set[UUID] = set()
    for member in members:
        province_id = province_of.setdefault(member.commune_id, member.province_id)
        if province_id != member.province_id:
            torn |= {province_id, member.province_id}
    return torn


def _changed(view: View, communes: Collection[UUID], month: date) -> set[RollupKey]:
    return {
        key
        for segment in view.after(0, COMMUNE)
        for key in segment.changes
        if key.month == month and key.unit_id in communes
    }


async def _united(connection: Connection, province_id: UUID, month: date, view: View) -> dict[RollupKey, Rollup]:
    """Unite the communes' roll-ups of a month as they are in this snapshot."""
    communes = {m.commune_id for m in view.layout.members.values() if m.province_id == province_id}
    bases = await store.read_month(connection, COMMUNE, communes, month)
    brought = await brought_up(connection, bases.keys() | _changed(view, communes, month), bases, view)
    parts: dict[RollupKey, list[Rollup]] = {}
    for key, rollup in brought.items():
        parts.setdefault(key._replace(level=PROVINCE, unit_id=province_id), []).append(rollup)
    return {key: rolled_up(of_key) for key, of_key in parts.items()}


async def brought_up(
    connection: Connection, keys: Iterable[RollupKey], bases: Mapping[RollupKey, tuple[int, Rollup]], view: View
) -> dict[RollupKey, Rollup]:
    """Work what changed into roll-ups; nothing was there before where there is no base."""
    parts: dict[RollupKey, list[Rollup]] = {}
    persons: list[store.Held] = []
    households: list[store.Held] = []
    after: dict[tuple[int, int], list[Segment]] = {}
    for key in keys:
        n, base = bases.get(key, (0, None))
        segments = after.get((n, key.level))
        if segments is None:
            segments = after[n, key.level] = view.after(n, key.level)
        changes = [segment.changes[key] for segment in segments if key in segment.changes]
        parts[key] = [*changes] if base is None else [base, *changes]
        gone_persons, gone_households = gone_from(changes)
        persons += [(key, number) for number in gone_persons]
        households += [(key, number) for number in gone_households]
    lost_persons = await _lost(connection, "person", persons)
    lost_households = await _lost(connection, "household", households)
    return {
        key: rolled_up(of_key, lost_persons.get(key, ()), lost_households.get(key, ())) for key, of_key in parts.items()
    }


async def _lost(connection: Connection, column: str, gone: Sequence[store.Held]) -> dict[RollupKey, list[int]]:
    there = await store.still_there(connection, column, gone)
    lost: dict[RollupKey, list[int]] = {}
    for (key, number), is_there in zip(gone, there, strict=True):
        if not is_there:
            lost.setdefault(key, []).append(number)
    return lost


def _sliced(keys: Sequence[RollupKey], size: int) -> Iterator[Sequence[RollupKey]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
