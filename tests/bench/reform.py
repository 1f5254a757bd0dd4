"""P12: a hundred communes become fifty over ten million facts: how long until every answer is that of the new map."""

import itertools
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp

from deploy.local.child import LocalError
from services.registry.domain.atlas import Atlas
from services.registry.domain.reform.applying import Outcome, apply
from services.registry.domain.reform.operations import Merge, NewUnit, Operation, Place, Reform, Source
from services.registry.domain.units import Unit
from services.registry.events import unit_of
from tests.bench.bench import CACHE, Bench
from tests.bench.figures import Figure
from tests.bench.province import FACTS, LAST_DAY, ask, province_year
from tests.bench.world.databases import Worlds, open_worlds
from tests.bench.world.draws import FIRST_DAY
from tests.bench.world.land import Registry, the_land
from tests.bench.world.processes import Stage, open_stage

__all__ = ["run"]

MERGED = 100
EFFECTIVE = date(2026, 1, 1)
DEADLINE_SECONDS = 60
Json = dict[str, Any]
Numbers = dict[str, tuple[int, int]]
"""Lượt and people by the id of a unit."""


async def run(bench: Bench) -> list[Figure]:
    """Enact over a copy of the largest world, once: afterwards it is another map."""
    async with (
        open_worlds(bench.local / "world", bench.say) as worlds,
        open_stage(bench.run_dir / "reform", CACHE) as stage,
    ):
        url = await worlds.copy(FACTS, "reform")
        try:
            return await _measure(bench, worlds, stage, url)
        finally:
            await worlds.drop("reform")


async def _measure(bench: Bench, worlds: Worlds, stage: Stage, url: str) -> list[Figure]:
    async with stage.processes() as supervisor, aiohttp.ClientSession() as http:
        consumer, api = stage.consumer(url), stage.api(url)
        await supervisor.start(consumer, api)
        pairs = _pairs()
        atlas, reform = _atlas(), _decree(pairs)
        begun = time.perf_counter()
        outcome = apply(atlas, reform)
        decided = time.perf_counter() - begun
        if outcome.faults:
            raise LocalError(f"the reform cannot be: {outcome.faults[0]}")
        portal = _Portal(http, api.port, stage.registry, pairs, outcome)
        await portal.look_before()
        await portal.enact()
        await portal.until_right()
    bench.say(f"P12: {len(outcome.states):,} states of units; {len(portal.asked)} answers meanwhile")
    return portal.figures(decided)


def _pairs() -> list[tuple[Unit, Unit]]:
    communes = the_land().communes[:MERGED]
    return list(zip(communes[::2], communes[1::2], strict=True))


def _atlas() -> Atlas:
    """Give the map as the registry keeps it."""
    land, atlas = the_land(), Atlas()
    for unit in land.units:
        atlas.take(unit)
    for hamlet in land.hamlets:
        atlas.take(unit_of(hamlet.model_dump_json().encode()))
    return atlas


def _decree(pairs: Sequence[tuple[Unit, Unit]]) -> Reform:
    province = the_land().province
    operations: list[tuple[str, Operation]] = [
        (f"/operations/{number}", Merge((_whole(one), _whole(other)), _becomes(number, one, province)))
        for number, (one, other) in enumerate(pairs)
    ]
    return Reform(uuid4(), "01/2026/NQ-UBTVQH", EFFECTIVE, tuple(operations))


def _whole(unit: Unit) -> Source:
    return Source(str(unit.record_id))


def _becomes(number: int, one: Unit, province: Unit) -> Place:
    name = f"{'Phường' if one.type == 'phuong' else 'Xã'} {one.short_name} mới"
    new = NewUnit(f"new-{number}", "commune", one.type, name, code=one.code, parent=str(province.record_id))
    return Place(new=new)


@dataclass
class _Portal:
    """Asks before, meanwhile and afterwards; each answer is of one map as a whole, the old or the new."""

    http: aiohttp.ClientSession
    port: int
    registry: Registry
    pairs: Sequence[tuple[Unit, Unit]]
    outcome: Outcome
    before: Numbers = field(default_factory=dict)
    wanted: Numbers = field(default_factory=dict)
    year: list[Json] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    enacted: float = 0.0
    right: float = 0.0

    async def look_before(self) -> None:
        """Ask for what the old map says, and for what the new one must say: each pair together, people as a union."""
        self.before = await self._communes("current")
        after = dict(self.outcome.reached)
        for one, other in self.pairs:
            total = (await self._ask(_in_units(one.record_id, other.record_id)))["total"]
            self.wanted[str(after[one.record_id])] = (total["luot"], total["nguoi"])
        merged = {str(unit.record_id) for unit in itertools.chain.from_iterable(self.pairs)}
        self.wanted |= {unit_id: numbers for unit_id, numbers in self.before.items() if unit_id not in merged}
        self.year = (await self._ask(province_year()))["rows"]
        self.asked.clear()

    async def enact(self) -> None:
        """Tell what the registry would tell, in one transaction of its log."""
        self.enacted = time.perf_counter()
        await self.registry.tell_reform(self.outcome.states)

    async def until_right(self) -> None:
        """Ask by commune until that is right; from then on the year, each new unit and the old map must be right."""
        while (found := await self._communes("current")) != self.wanted:
            if found != self.before:
                raise LocalError(f"an answer is of neither map: {_first_difference(found, self.wanted)}")
            if time.perf_counter() - self.enacted > DEADLINE_SECONDS:
                raise LocalError(f"the new map is not seen after {DEADLINE_SECONDS} s")
        self.right = time.perf_counter() - self.enacted
        self.asked.clear()
        year = await self._ask(province_year() | {"boundaries": "current"})
        if year["rows"] != self.year:
            raise LocalError("the province's year is another by another map")
        for unit_id in itertools.islice(map(str, self.outcome.begun), MERGED // 2):
            await self._see_unit(UUID(unit_id))
        if await self._communes((EFFECTIVE - timedelta(days=1)).isoformat()) != self.before:
            raise LocalError("the old map is no longer what it was")

    async def _see_unit(self, unit_id: UUID) -> None:
        if str(unit_id) not in self.wanted:
            return
        total = (await self._ask(_in_units(unit_id) | {"boundaries": "current"}))["total"]
        if (total["luot"], total["nguoi"]) != self.wanted[str(unit_id)]:
            raise LocalError(f"{unit_id}: {total} where {self.wanted[str(unit_id)]} is right")

    async def _communes(self, boundaries: str) -> Numbers:
        answer = await self._ask({**_ALL, "group_by": ["unit:commune"], "boundaries": boundaries})
        return {row["group"]["unit:commune"]: (row["luot"], row["nguoi"]) for row in answer["rows"]}

    async def _ask(self, question: Json) -> Json:
        took, answer = await ask(self.http, self.port, self.registry, question)
        self.asked.append(took)
        return answer

    def figures(self, decided: float) -> list[Figure]:
        """Give the figures, in seconds from the moment of sending."""
        p95 = sorted(self.asked)[math.ceil(0.95 * len(self.asked)) - 1]
        note = f"{len(self.outcome.states):,} states of units; no fact is written"
        return [
            Figure("P12", "until_right", "s", (self.right,), at_most=5, note=note),
            Figure("P12", "decree", "s", (decided,), note="what the registry works out before it writes", at_most=2),
            Figure(
                "P12",
                "p50_ms",
                "ms",
                (statistics.median(self.asked),),
                note="answers by the new map, each asked for the first time",
            ),
            Figure("P12", "p95_ms", "ms", (p95,)),
        ]


_ALL: Json = {
    "measures": ["FLD-07"],
    "from": FIRST_DAY.isoformat(),
    "to": LAST_DAY.isoformat(),
    "filters": {"reporter_kind": "team"},
    "answers": ["luot", "nguoi"],
}


def _in_units(*unit_ids: UUID) -> Json:
    return {**_ALL, "filters": {**_ALL["filters"], "unit": [str(unit_id) for unit_id in unit_ids]}}


def _first_difference(found: Numbers, wanted: Numbers) -> str:
    unit_id = next(key for key in sorted(found.keys() | wanted.keys()) if found.get(key) != wanted.get(key))
    return f"{unit_id}: {found.get(unit_id)}, {wanted.get(unit_id)} by the new one"
