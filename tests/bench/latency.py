"""P6: how late a row is in the answers, at fixed rates, beside a bare produce and consume on the same broker."""

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import aiohttp
import msgspec

from tests.bench.bench import Bench
from tests.bench.cpu import Meter
from tests.bench.figures import Figure
from tests.bench.floors import produce_consume
from tests.bench.services import Services, open_services
from tests.bench.visits import Batch, batches
from tests.support.kafka import own_topic

__all__ = ["run"]

RATES = (200, 1_000, 3_000)
BOUNDS: dict[int, tuple[float | None, float | None]] = {200: (None, None), 1_000: (80, 40), 3_000: (250, 120)}
"""The 99th percentile that each rate has to keep, and the aim, in milliseconds."""

ROWS_A_BATCH = 50
SECONDS = 5.0
PROBES_A_SECOND = 10
RETRY_SECONDS = 0.5
QUESTION = {"measures": "FLD-07", "from": "2025-05-10", "to": "2025-05-10"}
PROCESSES = ("gateway", "visits-api", "visits-relay", "metrics-consumer", "metrics-api")


async def run(bench: Bench) -> list[Figure]:
    """Send at each rate in every round; probe some batches by a query that waits for their receipts' position."""
    taken: dict[str, list[float]] = {}
    every: dict[int, list[float]] = {rate: [] for rate in RATES}
    async with (
        open_services(bench, *PROCESSES, label="latency") as services,
        aiohttp.ClientSession(services.url("gateway"), connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        for number in range(bench.rounds + 1):
            bare = await produce_consume(services.kafka.bootstrap, own_topic("bench.bare"))
            found = {"bare": bare}
            for rate in RATES:
                meter = Meter({**services.pids(*PROCESSES), **await _servers(bench)})
                sending = _Sending(services, http, rate, seed=1000 * rate + number)
                await sending.run()
                found |= {f"{rate}": sending.visible, f"probe_{rate}": sending.probe}
                bench.say(f"P6: {rate}/s: {sending.told()}; a core: {meter.read().told()}")
                if number:
                    every[rate] += sending.visible
            if number:
                for name, values in found.items():
                    for share in (50, 99):
                        taken.setdefault(f"p{share}_ms_{name}", []).append(_percentile(values, share))
    return [_figure(name, values, every) for name, values in taken.items()]


async def _servers(bench: Bench) -> dict[str, int]:
    return {"postgres": (await bench.postgres()).pid, "kafka": (await bench.kafka()).pid}


def _figure(name: str, values: Sequence[float], every: dict[int, list[float]]) -> Figure:
    """Make a figure; the 99th percentiles of what is visible have bounds."""
    share, _, what = name.partition("_ms_")
    at_most, aim = BOUNDS[int(what)] if what.isdigit() and share == "p99" else (None, None)
    note = f"all rounds together: {_told(every[int(what)])}" if what.isdigit() else ""
    return Figure("P6", name, "ms", tuple(values), at_most=at_most, aim=aim, note=note)


def _told(values: Sequence[float]) -> str:
    return f"p50 {_percentile(values, 50):.1f} ms, p99 {_percentile(values, 99):.1f} ms of {len(values)}"


def _percentile(values: Sequence[float], share: float) -> float:
    """Give the value, in milliseconds, that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)] * 1000


@dataclass
class _Sending:
    """Sends batches at a fixed rate, whatever the answers take, and asks for some of them until they are counted.

    `visible` is from the arrival of the receipts of a batch until an answer has it counted; `probe` is what the same
    question takes about what was counted long ago, which is part of the former.
    """

    services: Services
    http: aiohttp.ClientSession
    rate: int
    seed: int
    visible: list[float] = field(default_factory=list)
    probe: list[float] = field(default_factory=list)
    refused: int = 0

    def told(self) -> str:
        """Say how late rows were for people."""
        return _told(self.visible) + (f", {self.refused} batches put off by 503" if self.refused else "")

    async def run(self) -> None:
        """Send for some seconds; raises RuntimeError where a batch is refused or not counted in time."""
        every = ROWS_A_BATCH / self.rate
        made = list(islice(batches(self.seed, ROWS_A_BATCH, 10**9), int(SECONDS / every)))
        probed = max(1, round(len(made) / (SECONDS * PROBES_A_SECOND)))
        chance = random.Random(self.seed)  # noqa: S311 - to ask at no fixed beat, not for secrets
        asked = {chance.randrange(first, first + probed) for first in range(0, len(made), probed)}
        writer, reader = await self.services.headers("app"), await self.services.headers("portal")
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, batch in enumerate(made):
                await asyncio.sleep(begun + number * every - time.perf_counter())
                group.create_task(self._one(batch, writer, reader if number in asked else None))

    async def _one(self, batch: Batch, writer: dict[str, str], reader: dict[str, str] | None) -> None:
        headers = {**writer, "content-type": "application/json"}
        while (told := await self._post(batch, headers)) is None:
            self.refused += 1
            await asyncio.sleep(RETRY_SECONDS)
        accepted = time.perf_counter()
        if reader is not None:
            await self._ask(reader, told["position"])
            counted = time.perf_counter()
            self.visible.append(counted - accepted)
            await self._ask(reader, told["position"])
            self.probe.append(time.perf_counter() - counted)

    async def _post(self, batch: Batch, headers: dict[str, str]) -> dict[str, Any] | None:
        """Give what a batch was answered, None where it has to be sent again."""
        async with self.http.post("/v1/visits:batch", data=batch.body(), headers=headers) as answer:
            told: dict[str, Any] = msgspec.json.decode(await answer.read())
        if answer.status == 503:
            return None
        counts = told.get("counts", {})
        if counts.get("accepted", 0) + counts.get("duplicate", 0) != ROWS_A_BATCH:
            raise RuntimeError(f"{answer.status}: {str(told)[:1000]}")
        return told

    async def _ask(self, reader: dict[str, str], position: str) -> None:
        question = {**QUESTION, "at_least": position}
        async with self.http.get("/v1/metrics", params=question, headers=reader) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {body[:1000].decode(errors='replace')}")
