"""Whether what is counted is what the log says, and the log what a manifest says."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from deploy.ops.command import Progress
from deploy.ops.recovery.manifest import Manifest
from deploy.ops.recovery.numbers import Numbers, of_log, of_metrics
from libs.common.db import Connection, connect
from libs.common.log import BEGINNING, Position

__all__ = ["Checked", "check"]

NAME = "ops recovery"
POLL_SECONDS = 0.3
END = """SELECT log.epoch, log.xid::text::bigint, log.seq FROM log
         ORDER BY log.epoch DESC, log.xid DESC, log.seq DESC LIMIT 1"""
FOLDED = """SELECT epoch, xid, seq FROM inbox WHERE topic = 'tungnha.visits.records' ORDER BY epoch, xid, seq LIMIT 1"""


@dataclass
class Checked:
    """What was found: differences of the log from the manifest, of metrics from the log; whether all is folded."""

    log: list[str]
    metrics: list[str]
    folded: bool
    numbers: Numbers
    dead: int


async def check(urls: Mapping[str, str], manifest: Manifest | None, *, wait_seconds: float) -> Checked:
    """Compare, waiting until metrics has folded the log and nothing was written while it was compared."""
    async with AsyncExitStack() as stack:
        log, metrics = [await _open(stack, urls[name]) for name in ("visits", "metrics")]
        differing = await _log_differences(log, manifest) if manifest else []
        deadline, waiting = asyncio.get_running_loop().time() + wait_seconds, Progress("đang chờ đếm xong · folding")
        while True:
            end = await _position(log, END)
            folded = await _position(metrics, FOLDED) >= end
            late = asyncio.get_running_loop().time() >= deadline
            if folded or late:
                mine, theirs = await _both(log, metrics)
                wrong = theirs.differences(mine)
                if not wrong or late or (folded and await _position(log, END) == end):
                    dead = await metrics.fetchval("SELECT count(*) FROM dead_letters")
                    waiting.end()
                    return Checked(differing, wrong, folded, mine, dead)
            waiting.at(int((await metrics.fetchval("SELECT count(*) FROM heads")) or 0), unit="records")
            await asyncio.sleep(POLL_SECONDS)


async def _open(stack: AsyncExitStack, url: str) -> Connection:
    connection = await connect(url, application_name=NAME, transaction_timeout_seconds=0)
    stack.push_async_callback(connection.close)
    return connection


async def _position(connection: Connection, statement: str) -> Position:
    row = await connection.fetchrow(statement)
    return Position(*row) if row else BEGINNING


async def _log_differences(log: Connection, manifest: Manifest) -> list[str]:
    """Compare what was written up to the backup's epoch; later rows are of an epoch of their own."""
    async with log.transaction(isolation="repeatable_read", readonly=True):
        return manifest.numbers.differences(await of_log(log, manifest.databases["visits"].epoch))


async def _both(log: Connection, metrics: Connection) -> tuple[Numbers, Numbers]:
    counting = Progress("đang so số liệu · comparing the numbers")
    async with log.transaction(isolation="repeatable_read", readonly=True):
        mine = await of_log(log, told=lambda cells: counting.at(cells, unit="cells"))
    async with metrics.transaction(isolation="repeatable_read", readonly=True):
        theirs = await of_metrics(metrics, people=mine.people is not None, told=lambda cells: counting.at(cells))
    counting.end()
    return mine, theirs
