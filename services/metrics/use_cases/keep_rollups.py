"""The loop that keeps the roll-ups near the present, beside the fold; one replica's at a time."""

import asyncio
import time
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge

from libs.common.consume import Backlog
from libs.common.db import Engine, Unavailable
from libs.common.leader import Leadership, lead
from libs.common.meters import GaugeOf
from libs.common.process import Patience
from libs.common.telemetry import get_logger
from services.metrics.domain.map import UnitMap
from services.metrics.domain.rollups import PROVINCE
from services.metrics.use_cases.rollup_view import View
from services.metrics.use_cases.rollups import Disturbed, Maker

__all__ = ["RollupPace", "keep_rollups"]

logger = get_logger(__name__)

CONSUMER = "metrics consumer"
OUTSTANDING = GaugeOf(
    "rollup_outstanding_entries",
    "fast",
    CONSUMER,
    "Thay đổi của các ô chưa được cộng vào bảng tổng; nhiều thì câu hỏi chậm, không sai. 0 ở bản đang chờ thay.",
    "Changes of cells that are not in the roll-ups yet; many make queries slow, not wrong. 0 where another replica "
    "leads.",
)
UNREADY = GaugeOf(
    "rollup_unready_units",
    "fast",
    CONSUMER,
    "Đơn vị phải trả lời bằng các ô vì chưa có bảng tổng.",
    "Units whose cells answer, for want of roll-ups.",
)
COMPACTION = GaugeOf(
    "rollup_compaction_seconds",
    "fast",
    CONSUMER,
    "Lần cộng bảng tổng gần nhất kéo dài bao lâu.",
    "How long the last compaction of the roll-ups took.",
)

LEASE_SECONDS = 10.0


class _Stopped(Exception):
    """Told to stop between two pieces, each of which was whole."""


@dataclass(frozen=True)
class RollupPace:
    """When changes are worked in: so many are outstanding, or so much time is over. Rests are multiples of the work.

    While more than `busy_messages` lie before the fold it is catching up: it has the processor, and changes wait until
    there are `most_entries`.
    """

    entries: int = 10_000
    busy_messages: int = 1_000
    most_entries: int = 100_000
    seconds: float = 30.0
    look_seconds: float = 1.0
    rest: float = 1.0


@dataclass(frozen=True)
class _Meters:
    outstanding: Gauge
    unready: Gauge
    seconds: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "_Meters":
        return cls(OUTSTANDING.on(registry), UNREADY.on(registry), COMPACTION.on(registry))

    def note(self, view: View) -> None:
        self.outstanding.set(view.state.entries)
        members = view.layout.members.values()
        self.unready.set(sum(not view.usable or member.ready < PROVINCE for member in members))


async def keep_rollups(
    engine: Engine,
    url: str,
    units: UnitMap,
    pace: RollupPace,
    backlog: Backlog,
    registry: CollectorRegistry,
    stop: asyncio.Event,
    *,
    leading: str = "metrics rollups",
) -> None:
    """Lead, and keep the roll-ups until told to stop; PostgreSQL being away is waited out.

    `leading` tells those of other tables in the same database apart.
    """
    meters, patience = _Meters.on(registry), Patience()

    async def rest(seconds: float) -> None:
        await _pause(stop, seconds * pace.rest)
        if stop.is_set():
            raise _Stopped

    while not stop.is_set():
        try:
            async with lead(url, leading, lease_seconds=LEASE_SECONDS, stop=stop, beat=lambda: None) as leadership:
                if leadership is not None:
                    patience.succeeded()
                    await _keep(leadership, Maker(engine, units, rest), pace, backlog, meters, stop)
        except _Stopped:
            return
        except Disturbed:
            logger.info("rollups.disturbed")
        except Unavailable as error:
            logger.warning("rollups.interrupted", error=repr(error))
            await patience.wait()


async def _keep(
    leadership: Leadership, maker: Maker, pace: RollupPace, backlog: Backlog, meters: _Meters, stop: asyncio.Event
) -> None:
    compacted_at = time.monotonic()
    while not stop.is_set():
        await leadership.connection.execute("SELECT")  # Where the lock is lost this fails: two need not do the work.
        view = await maker.prepare()
        meters.note(view)
        entries, late = view.state.entries, time.monotonic() - compacted_at > pace.seconds
        busy = backlog.messages > pace.busy_messages
        if view.usable and entries >= (pace.most_entries if busy else 1 if late else pace.entries):
            started = time.monotonic()
            await maker.compact()
            compacted_at = time.monotonic()
            meters.seconds.set(compacted_at - started)
        elif not (view.usable and await maker.rebuild(view)):
            await _pause(stop, pace.look_seconds)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
