"""A year of field work: who works on which day, what is sent late, twice, or corrected, in the order of its arrival."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from typing import TypeAlias
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt

from libs.common.kafka import partition_of
from libs.contracts.topics import RECORDS
from tests.bench.world.draws import (
    FIRST_DAY,
    LINES,
    NO_PERSON,
    PROGRESS_TYPE,
    Draws,
    Numbers,
    Random,
    Told,
    corrected,
    mixed,
)
from tests.bench.world.land import Land, the_land

__all__ = ["DAYS", "FACTS_A_RECORD", "PARTITIONS", "SEED", "VERSION", "Field"]

Floats: TypeAlias = npt.NDArray[np.float64]

VERSION = 1  # Raised with every change of what is drawn: an older cached world is then made again.
SEED = 20250701
DAYS = 365
PARTITIONS = RECORDS.partitions

REPORTED = 0.10  # Partners' part of the records.
LINES_A_VISIT = sum(n * weight for n, weight in LINES) / sum(weight for _, weight in LINES)
FACTS_A_RECORD = (1 - REPORTED) * LINES_A_VISIT + REPORTED
PEOPLE_A_LINE = 0.53  # As many people for each line with a person: a year then meets 45 distinct ones in 100 lines.
PACE = 10_000_000 / DAYS  # Facts a day, for work beyond the year: the same pace whatever the world's size.
ACTIVE, ACTIVE_ON_CAMPAIGNS = 0.35, 0.8
CAMPAIGN_DAYS = (10, 20, 26)
LATE_WEEKS = 0.04
RESENT, CORRECTED = 0.08, 0.02
CORRECTED_WITHIN_DAYS = 45
EVENING = 10 * 3600  # UTC: volunteers' phones send from five in the afternoon on.


@dataclass(frozen=True)
class Field:
    """A world of about so many facts; everything follows from this number and the seed."""

    facts: int

    @cached_property
    def land(self) -> Land:
        """Where and by whom."""
        return the_land()

    @cached_property
    def records(self) -> int:
        """How many records a year has, without their revisions."""
        return round(self.facts / FACTS_A_RECORD)

    @property
    def messages(self) -> int:
        """About how many messages a year has: with what is resent, corrected, and what devices say of themselves."""
        on_a_day = self.land.weights * self.records / DAYS / ACTIVE
        speaking = ACTIVE * DAYS * float((1 - np.exp(-on_a_day)).sum())
        return round(self.records * (1 + RESENT + CORRECTED) + speaking)

    @cached_property
    def draws(self) -> Draws:
        """How records are drawn."""
        lines = self.facts * (1 - NO_PERSON) * self.land.weights
        return Draws(self.land, np.maximum(6, lines * PEOPLE_A_LINE).astype(np.int64))

    def year(self, partition: int) -> Iterator[Sequence[Told]]:
        """Give what reaches a partition, day by day."""
        made = ((day, self._day(partition, day)) for day in range(DAYS))
        return _arriving(made, np.random.default_rng([SEED, self.facts, partition]))

    def further(self, facts: int, *, day: int = DAYS, salt: int = 1, correct: bool = True) -> list[Told]:
        """Give about so many facts more, from this day on, at the pace of the largest world; another salt, others."""
        days = [min(PACE, facts - done) for done in np.arange(0, facts, PACE)]
        chance = np.random.default_rng([SEED, self.facts, salt])
        drawn = ((day + n, self._some(chance, day + n, round(each / FACTS_A_RECORD))) for n, each in enumerate(days))
        return [told for arrived in _arriving(drawn, chance, correct=correct) for told in arrived]

    def corrections(self, count: int, *, salt: int = 1, a_day: int = 25) -> list[Told]:
        """Give corrections of records of any month of the year."""
        chance = np.random.default_rng([SEED, self.facts, salt, 2])
        found: list[Told] = []
        while len(found) < count:
            of_day = self._day(int(chance.integers(PARTITIONS)), int(chance.integers(DAYS)))
            for at in chance.permutation(len(of_day))[:a_day]:
                found.append(corrected(of_day[at], 2 + salt, chance.random()))
        return [told._replace(day=DAYS) for told in found[:count]]

    def _day(self, partition: int, day: int) -> list[Told]:
        """Make the records that teams and partners of a partition make on a day."""
        chance = np.random.default_rng([SEED, self.facts, partition, day])
        visits, reports = self._planned[partition]
        teams, partners = self._of_partition[partition]
        return self._made(chance, day, teams, int(visits[day]), partners, int(reports[day]))

    def _some(self, chance: Random, day: int, records: int) -> list[Told]:
        reports = round(records * REPORTED)
        partners = np.arange(len(self.land.partners))
        return self._made(chance, day, np.arange(len(self.land.teams)), records - reports, partners, reports)

    def _made(
        self, chance: Random, day: int, teams: Numbers, visits: int, partners: Numbers, reports: int
    ) -> list[Told]:
        who = _working(chance, teams, self.land.weights[teams], day, visits)
        told = self.draws.visits(chance, day, who, _received(chance, day, who))
        if reports:
            of = partners[chance.integers(0, len(partners), reports)]
            told += self.draws.reports(chance, day, of, (np.full(reports, day), chance.integers(0, 16 * 3600, reports)))
        return told

    @cached_property
    def _of_partition(self) -> list[tuple[Numbers, Numbers]]:
        """Give the numbers of the teams and of the partners of each partition."""
        homes = [
            np.array([partition_of(each.bytes, PARTITIONS) for each in reporters])
            for reporters in ([team.record_id for team in self.land.teams], self.land.partners)
        ]
        return [(np.flatnonzero(homes[0] == n), np.flatnonzero(homes[1] == n)) for n in range(PARTITIONS)]

    @cached_property
    def _planned(self) -> list[tuple[Numbers, Numbers]]:
        """Give how many visits and reports a partition gets on each day."""
        shares = np.cumsum(_busy()) / np.sum(_busy())
        plan = []
        for teams, partners in self._of_partition:
            visits = self.records * (1 - REPORTED) * self.land.weights[teams].sum()
            reports = self.records * REPORTED * len(partners) / len(self.land.partners)
            plan.append(
                tuple(np.diff(np.round(shares * total), prepend=0).astype(np.int64) for total in (visits, reports))
            )
        return plan


def _busy() -> list[float]:
    """Say how busy each day of the year is: campaign days most, then weekends."""
    days = [FIRST_DAY + timedelta(days=n) for n in range(DAYS)]
    return [4.0 if day.day in CAMPAIGN_DAYS else 1.6 if day.weekday() >= 5 else 1.0 for day in days]


def _hashed(*parts: Numbers | int) -> Floats:
    """Give numbers from 0 to 1 that follow from the parts alone."""
    key = np.zeros(1, np.uint64)
    for part in parts:
        key = mixed(key ^ np.asarray(part).astype(np.uint64))
    return key / 2.0**64


def _working(chance: Random, teams: Numbers, weights: Floats, day: int, visits: int) -> Numbers:
    """Draw which team makes each visit, among those that go out on the day."""
    campaign = (FIRST_DAY + timedelta(days=day)).day in CAMPAIGN_DAYS
    weights = weights * (_hashed(teams, day) < (ACTIVE_ON_CAMPAIGNS if campaign else ACTIVE))
    edges = np.cumsum(weights)
    drawn: Numbers = teams[np.searchsorted(edges, chance.random(visits) * edges[-1], side="right")]
    return drawn


def _received(chance: Random, day: int, teams: Numbers) -> tuple[Numbers, Numbers]:
    """Say on which day and second visits reach us: a team's of a day together, those of some weeks weeks later."""
    late = _hashed(teams, day // 7, 1) < LATE_WEEKS
    days = day + np.where(late, 7 + (_hashed(teams, day // 7, 2) * 28).astype(np.int64), 0)
    seconds = EVENING + (_hashed(teams, days, 3) * 5 * 3600).astype(np.int64) + chance.integers(0, 300, len(teams))
    return days, seconds


def _arriving(
    days: Iterable[tuple[int, Sequence[Told]]], chance: Random, *, correct: bool = True
) -> Iterator[Sequence[Told]]:
    """Add what is sent again and what is corrected later, and give everything in the order in which it comes."""
    waiting: defaultdict[int, list[Told]] = defaultdict(list)
    for day, made in days:
        again = np.flatnonzero(chance.random(len(made)) < RESENT).tolist()
        wrong = np.flatnonzero(chance.random(len(made)) < CORRECTED).tolist() if correct else []
        for told in made:
            waiting[told.day].append(told)
        for at, after in zip(again, chance.integers(-3, 4, len(again)).tolist(), strict=True):
            told = made[at]
            waiting[told.day + max(0, after)].append(told._replace(day=told.day + max(0, after)))
        for at, draw in zip(wrong, chance.random(len(wrong)).tolist(), strict=True):
            told = corrected(made[at], 2, draw)
            told = told._replace(day=told.day + int(draw * 997 % CORRECTED_WITHIN_DAYS))
            waiting[told.day].append(told)
        for come in sorted(each for each in waiting if each <= day):
            yield _in_order(waiting.pop(come))
    for come in sorted(waiting):
        yield _in_order(waiting.pop(come))


def _in_order(arrived: list[Told]) -> Sequence[Told]:
    """Sort what comes on one day; behind its last record each reporter says that it has sent everything."""
    arrived.sort(key=lambda told: told.second)
    last = {told.reporter: told for told in arrived}
    ends = [_synced(told) for told in last.values()]
    return sorted([*arrived, *ends], key=lambda told: told.second)


def _synced(told: Told) -> Told:
    progress_id, reporter = _spoken(told.reporter)
    body = (
        f'{{"progress_id":"{progress_id}","revision":{told.day + 1},"reporter":{reporter},'
        f'"device":"d1","synced_through":"{told.received.isoformat()}"}}'
    )
    return told._replace(type=PROGRESS_TYPE, record=progress_id, revision=told.day + 1, body=body.encode())


@cache
def _spoken(reporter: bytes) -> tuple[str, str]:
    """Give the id of a reporter's progress, and the reporter as JSON."""
    partner = any(reporter == each.bytes for each in the_land().partners)
    known = UUID(bytes=reporter)
    return str(uuid5(known, "d1")), f'{{"kind":"{"partner" if partner else "team"}","id":"{known}"}}'
