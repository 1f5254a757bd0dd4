"""One look at everything that can be reached, with the functions of the watch; what is away is left out, and said."""

import asyncio
import math
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from deploy.ops.command import Progress
from deploy.ops.databases import reading
from deploy.ops.status.seen import Compared, Database, Process, Sample, Seen
from deploy.ops.watch import fold_side, log_side, servers
from deploy.ops.watch.conservation import Audit, AuditPace
from deploy.ops.watch.held import read_held
from libs.common.db import Engine, Unavailable
from libs.common.log import BEGINNING, Position, oldest_behind

__all__ = ["look"]

ANSWER_SECONDS = 3.0
RECENT_ROWS = 20_000
SAMPLED_HEADS = 5_000
PAGE_ROWS = 1000
SUSPECT_SECONDS = 5.0
AGAIN_SECONDS = 1.0


async def look(
    engines: Mapping[str, Engine], processes: Mapping[str, str], folder: Path | None, *, whole: bool, progress: Progress
) -> Seen:
    """Look; `whole` compares all of the log and all that is folded, else what is recent and a part of it."""
    seen = Seen()
    seen.processes = list(await asyncio.gather(*(_ask(name, url) for name, url in processes.items())))
    for name, database in zip(engines, await asyncio.gather(*map(_database, engines, engines.values())), strict=True):
        seen.databases[name] = database
    if folder is not None:
        usage = shutil.disk_usage(folder)
        seen.disk = (usage.free, usage.total)
    there = {name for name, database in seen.databases.items() if not database.error}
    if "visits" in there:
        seen.held = await read_held(engines["visits"])
    if "registry" in there:
        async with reading(engines["registry"]) as connection:
            seen.members_read = await servers.audited(connection, "members_read", 3600)
    if "metrics" in there:
        async with reading(engines["metrics"]) as connection:
            seen.dead_letters = sum((await servers.dead_letters(connection)).values())
    if {"visits", "metrics"} <= there:
        await _compare(engines["visits"], engines["metrics"], seen, whole=whole, progress=progress)
    return seen


async def _database(name: str, engine: Engine) -> Database:
    try:
        async with reading(engine) as connection:
            begun = time.perf_counter()
            server = await servers.server(connection)
            took, size = time.perf_counter() - begun, await servers.size_bytes(connection)
        unpublished = await _unpublished_seconds(engine) if name != "metrics" else None
    except (Unavailable, asyncpg.PostgresError) as error:
        return Database(error=(str(error) or type(error).__name__).splitlines()[0])
    return Database(server=server, size_bytes=size, answer_seconds=took, unpublished_seconds=unpublished)


async def _unpublished_seconds(engine: Engine) -> float:
    """How long something has not been sent, by a relay that does not get on.

    One that sends everything again, as the registry's does every hour, is behind old rows, and moves.
    """
    seconds, before = 0.0, None
    for attempt in range(2):
        async with reading(engine) as connection:
            at = await log_side.relayed(connection)
            oldest_at = await oldest_behind(connection, at)
        seconds = max(0.0, time.time() - oldest_at) if oldest_at is not None else 0.0
        if seconds < SUSPECT_SECONDS or (before is not None and at != before):
            return min(seconds, SUSPECT_SECONDS)
        before = at
        if attempt == 0:
            await asyncio.sleep(AGAIN_SECONDS)
    return seconds


async def _compare(visits: Engine, metrics: Engine, seen: Seen, *, whole: bool, progress: Progress) -> None:
    audit = Audit(visits, metrics, AuditPace(confirm_seconds=0))
    here = await audit.reached()
    async with reading(visits) as connection:
        unfolded = await log_side.beyond(connection, here)
        begin = BEGINNING if whole else await log_side.rows_back(connection, here, RECENT_ROWS)
    seen.unfolded_records = unfolded.records
    seen.unfolded_seconds = max(0.0, time.time() - unfolded.oldest_at) if unfolded.oldest_at is not None else 0.0
    rows = await _over_log(audit, begin, here, progress)
    heads, complete = await _over_folded(audit, math.inf if whole else SAMPLED_HEADS, rows, progress)
    progress.end()
    everything = complete and begin == BEGINNING
    seen.compared = Compared(len(audit.missing), len(audit.unknown), rows, heads, everything)


async def _over_log(audit: Audit, begin: Position, here: Position, progress: Progress) -> int:
    at, rows = begin, 0
    while at < here:
        page = await audit.compare(at, here, PAGE_ROWS)
        at, rows = page.reached, rows + page.rows
        progress.at(rows, unit="dòng · rows")
    return rows


async def _over_folded(audit: Audit, most: float, rows: int, progress: Progress) -> tuple[int, bool]:
    """Compare what is folded with the log, `most` of each table from anywhere on; says how many, and whether all."""
    heads, complete = 0, True
    for table in fold_side.TABLES:
        start = uuid4()
        after: log_side.Folded | None = log_side.Folded(start, 0, 0)
        of_table, round_the_end = 0, False
        while of_table < most:
            page = await audit.folded_page(table, after, PAGE_ROWS)
            fresh = [each for each in page if not round_the_end or each.record_id <= start]
            await audit.compare_folded(fresh)
            of_table += len(fresh)
            progress.at(rows + heads + of_table, unit="dòng · rows")
            after = page[-1] if len(page) == PAGE_ROWS else None
            if after is None and not round_the_end:
                round_the_end = True
            elif round_the_end and (after is None or len(fresh) < len(page)):
                break
        else:
            complete = False
        heads += of_table
    return heads, complete


async def _ask(name: str, url: str) -> Process:
    """Ask a process whether it is ready, and for its metrics."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http:
            async with http.get(f"{url}/health/ready") as answer:
                parts = (await answer.json(content_type=None)).get("parts", {})
                ready = answer.status == 200
            async with http.get(f"{url}/metrics") as answer:
                samples = _samples(await answer.text())
    except (aiohttp.ClientConnectionError, OSError, TimeoutError):
        return Process(name, ready=False)
    except (aiohttp.ClientError, ValueError, AttributeError) as error:
        return Process(name, ready=False, why_not=str(error) or type(error).__name__)
    missing = ", ".join(part for part, there in parts.items() if not there)
    return Process(name, ready, "" if ready else missing, samples)


def _samples(text: str) -> list[Sample]:
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
