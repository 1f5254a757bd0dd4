"""How the day goes in each province, told every ten seconds: records, lượt, people and teams, and what is complete."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from prometheus_client import CollectorRegistry, Gauge

from libs.common.db import Engine, Unavailable, transaction
from libs.common.meters import GaugeOf
from libs.common.telemetry import get_logger
from services.metrics.domain.clock import local_day
from services.metrics.domain.completeness import complete_through
from services.metrics.domain.map import UnitMap
from services.metrics.domain.today import Figures, Part, Today
from services.metrics.store import query as store
from services.metrics.store.lately import reporters_lately

__all__ = ["Campaign", "province_of"]

logger = get_logger(__name__)

EVERY_SECONDS = 10.0
RESTS = 20  # As long as the work, so that it never takes more than a twentieth of the process.

CONSUMER = "metrics consumer"
TODAY = GaugeOf(
    "campaign_rows_today",
    "flowing",
    CONSUMER,
    "Số bản ghi nhận được hôm nay (theo giờ Việt Nam, lúc hệ thống nhận, không phải ngày xảy ra), theo tỉnh hiện nay. "
    "Lấy lần sửa mới nhất: sửa hôm nay thì tính hôm nay, đã hủy thì không tính. Mỗi bản tiến trình đều biết cả ngày: "
    "lấy giá trị lớn nhất của mọi bản, không cộng. Tỉnh chưa biết gì thì không có chuỗi số.",
    "Records received today (by the clock of Vietnam, when the system took them, not when they happened), by province "
    "of today. The newest revision counts: what is corrected today counts today, a void does not. Every replica "
    "knows the whole day: take the maximum over all, never the sum. A province of which nothing is known has none.",
    ("province",),
)
TURNS = GaugeOf(
    "campaign_turns_today",
    "flowing",
    CONSUMER,
    "Số lượng (lượt, giao dịch … theo đơn vị của chỉ tiêu) trong các bản ghi nhận được hôm nay, theo tỉnh và mã chỉ "
    "tiêu. Việc có thể đã xảy ra từ trước. Không cộng các chỉ tiêu có đơn vị khác nhau.",
    "Quantities (lượt, transactions …, in the measure's unit of count) of the records received today, by province and "
    "code of the measure. The work may be of earlier days. Measures of different units of count do not add up.",
    ("province", "measure"),
)
PEOPLE = GaugeOf(
    "campaign_people_today",
    "flowing",
    CONSUMER,
    "Số người khác nhau trong các bản ghi nhận được hôm nay, theo tỉnh và mã chỉ tiêu: hợp của các tập, không phải "
    "tổng, nên không được cộng. Dưới METRICS_SMALLEST_SHOWN thì không có chuỗi số (không phải 0).",
    "Different people in the records received today, by province and code of the measure: a union of sets, no sum, so "
    "it must not be added up. Below METRICS_SMALLEST_SHOWN there is no series (which is not 0).",
    ("province", "measure"),
)
TEAMS = GaugeOf(
    "campaign_teams_today",
    "flowing",
    CONSUMER,
    "Số tổ có bản ghi nhận được hôm nay, theo tỉnh.",
    "Teams of which a record was received today, by province.",
    ("province",),
)
COMPLETE = GaugeOf(
    "complete_through_age_seconds",
    "right",
    CONSUMER,
    "Số liệu của tỉnh đã đủ đến cách đây bao lâu: mốc sớm nhất mà thiết bị của mọi tổ, đối tác có báo cáo gần đây "
    "(tháng mới nhất có số liệu và tháng trước đó) nói là đã gửi hết, trừ bản ghi đang chờ. Không có chuỗi số nếu "
    "có thiết bị chưa nói.",
    "How long ago the province's numbers are complete until: the earliest moment until which the devices of all who "
    "have reported lately (in the newest month with any numbers, or the one before) say that everything was sent, less "
    "what is held. No series where one has never said.",
    ("province",),
)


def province_of(units: UnitMap, unit_id: UUID, now: datetime) -> str:
    """Give the two digits of the province of today that holds a unit of any time; empty where none does."""
    unit, day = units.get(unit_id), local_day(now)
    holders = (units.get(holder) for holder in (unit.within if unit else ()))
    return next((u.code or "" for u in holders if u and u.level == "province" and u.valid_on(day)), "")


@dataclass(frozen=True)
class _Meters:
    rows: Gauge
    turns: Gauge
    people: Gauge
    teams: Gauge
    complete: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "_Meters":
        return cls(*(declared.on(registry) for declared in (TODAY, TURNS, PEOPLE, TEAMS, COMPLETE)))

    def tell(self, figures: Figures, smallest_shown: int) -> None:
        for gauge in (self.rows, self.turns, self.people, self.teams):
            gauge.clear()
        for province, part in figures.items():
            self.rows.labels(province).set(part.rows)
            self.teams.labels(province).set(len(part.teams))
            for measure, turns in part.turns.items():
                self.turns.labels(province, measure).set(turns)
            for measure, people in part.people.items():
                if len(people) >= smallest_shown:
                    self.people.labels(province, measure).set(len(people))


class Campaign:
    """Tells of the day; `whole` says whether all of it is known."""

    def __init__(
        self,
        engine: Engine,
        registry: CollectorRegistry,
        units: UnitMap,
        today: Today,
        whole: Callable[[], bool],
        now: Callable[[], datetime],
        smallest_shown: int,
    ) -> None:
        self._engine = engine
        self._meters = _Meters.on(registry)
        self._units = units
        self._today = today
        self._whole = whole
        self._now = now
        self._smallest_shown = smallest_shown
        self._known: frozenset[str] = frozenset()
        self._told: date | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Tell until told to stop; PostgreSQL being away is waited out."""
        while not stop.is_set():
            began = time.monotonic()
            await self.look()
            rest = max(EVERY_SECONDS, RESTS * (time.monotonic() - began))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), rest if self._whole() else 1.0)

    async def look(self) -> None:
        """Tell how it stands now; the day only while all of it is known."""
        try:
            await self._tell_complete()
        except Unavailable as error:
            logger.warning("campaign.not_told_now", error=str(error))
        day = local_day(self._now())
        if self._whole():
            self._today.turn_to(day)
            await self._tell_today()
            self._told = day
        elif self._told != day:
            self._meters.tell({}, self._smallest_shown)

    async def _tell_today(self) -> None:
        figures: Figures = {province: Part() for province in self._known}
        places: dict[UUID, str] = {}

        def province(unit_id: UUID) -> str:
            if unit_id not in places:
                places[unit_id] = province_of(self._units, unit_id, self._now())
            return places[unit_id]

        for _ in self._today.slices(province, figures):
            await asyncio.sleep(0)
        self._meters.tell(figures, self._smallest_shown)

    async def _tell_complete(self) -> None:
        async with transaction(self._engine, isolation="repeatable_read", readonly=True) as connection:
            active: dict[str, set[UUID]] = {}
            for unit_id, reporters in (await reporters_lately(connection)).items():
                if code := province_of(self._units, unit_id, self._now()):
                    active.setdefault(code, set()).update(reporters)
            told = {code: await store.synced(connection, reporters) for code, reporters in active.items()}
        self._known = frozenset(active)
        self._meters.complete.clear()
        for code, reporters in active.items():
            through = complete_through(reporters, told[code])
            if through is not None:
                self._meters.complete.labels(code).set((self._now() - through).total_seconds())
