"""Records of one day as the visits service tells of them, drawn from a seed: whom, where, what, how many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from libs.contracts.records import ProgressV1, RecordV1
from libs.contracts.topics import type_of
from tests.bench.world.land import Land

__all__ = ["FIRST_DAY", "PROGRESS_TYPE", "RECORD_TYPE", "Draws", "Told", "corrected", "mixed"]

RECORD_TYPE, PROGRESS_TYPE = type_of(RecordV1), type_of(ProgressV1)
FIRST_DAY = date(2025, 7, 1)
NO_PERSON = 0.30
VISITS, REPORTS = 0, 1

Numbers: TypeAlias = npt.NDArray[np.int64]
Bits: TypeAlias = npt.NDArray[np.uint64]
Random: TypeAlias = np.random.Generator

LINES = ((1, 28), (2, 30), (3, 22), (4, 13), (5, 7))
QUANTITIES = ((1, 55), (2, 20), (3, 15), (4, 10))
WORK = (
    ("FLD-05", "vneid", "activated", 20),
    ("FLD-05", "vneid", "integrated", 5),
    ("FLD-07", "e-dongthap", "", 18),
    ("FLD-08", "viettel-money", "", 7),
    ("FLD-08", "vnpt-money", "", 5),
    ("FLD-08", "lienviet24h", "", 3),
    ("FLD-09", "dvc-quoc-gia", "", 15),
    ("FLD-11", "ngan-hang-dien-tu", "", 7),
    ("FLD-12", "", "", 4),
    ("FLD-13", "so-suc-khoe-dien-tu", "", 6),
    ("FLD-14", "", "", 3),
    ("FLD-15", "zalo", "", 4),
    ("FLD-16", "dvc-quoc-gia", "", 3),
)
"""Measure, platform, stage, and how often: ten measures."""
REPORTED = ((2, 40), (3, 20), (4, 20), (5, 20))
"""Which of the work partners report, and how often."""
CHANNELS = ('"door_to_door"', '"door_to_door"', '"door_to_door"', '"campaign"', '"community_meeting"')
KINDS = ("national_id", "phone", "ref", "receipt")
PATTERNS = ((0, 1),) * 9 + ((0, None),) * 3 + ((1, None),) * 6 + ((2, None),) * 2
"""Which references a person has, by twentieths: most a national id, half of them with a phone."""
HOUSEHOLD = 7
CLOCK = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(24 * 3600)]


class Told(NamedTuple):
    """A record at a revision, or how far a reporter has sent: when it was received, the body of its message."""

    type: str
    reporter: bytes
    record: str
    revision: int
    day: int
    second: int
    body: bytes

    @property
    def received(self) -> datetime:
        """When it reached us."""
        return datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(days=self.day, seconds=self.second)


def mixed(numbers: Bits) -> Bits:
    """Scatter numbers over all 64 bits, the same way every time (splitmix64)."""
    x = numbers + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _texts(high: Bits, low: Bits) -> list[str]:
    """Write pairs of 64 bits as 32 hexadecimal digits."""
    digits = np.stack((high, low), axis=1).astype(">u8").tobytes().hex()
    return [digits[at : at + 32] for at in range(0, len(digits), 32)]


def _pseudonyms(kinds: Numbers, teams: Numbers, numbers: Numbers) -> list[str]:
    key = (kinds << 58 | teams << 40 | numbers).astype(np.uint64)
    return _texts(mixed(key), mixed(key ^ np.uint64(0x5851F42D4C957F2D)))


def _drawn(chance: Random, weighted: Sequence[tuple[Any, ...]], size: int) -> Numbers:
    """Draw places in a list whose entries end with their weight."""
    edges = np.cumsum([entry[-1] for entry in weighted])
    drawn: Numbers = np.searchsorted(edges, chance.random(size) * edges[-1], side="right")
    return drawn


def _record_ids(chance: Random, day: int, seconds: Numbers) -> list[str]:
    """Make version 7 UUIDs of the moments."""
    begin = int(datetime.combine(FIRST_DAY, datetime.min.time(), UTC).timestamp()) + day * 86400 - 7 * 3600
    ms = (begin + seconds) * 1000 + chance.integers(0, 1000, len(seconds))
    high = ms.astype(np.uint64) << np.uint64(16) | np.uint64(7 << 12)
    high |= chance.integers(0, 1 << 12, len(seconds), dtype=np.uint64)
    low = chance.integers(0, 1 << 62, len(seconds), dtype=np.uint64) | np.uint64(2 << 62)
    return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in _texts(high, low)]


@dataclass(frozen=True)
class Draws:
    """Draws days of work; `population` is how many people each team meets at all."""

    land: Land
    population: Numbers

    @cached_property
    def _who(self) -> tuple[list[tuple[bytes, str]], ...]:
        """Give the ids of teams and of partners, as bytes and as text."""
        reporters = ([team.record_id for team in self.land.teams], self.land.partners)
        return tuple([(each.bytes, str(each)) for each in ids] for ids in reporters)

    @cached_property
    def _units(self) -> list[str]:
        return [str(team.unit_id) for team in self.land.teams]

    @cached_property
    def _communes(self) -> list[str]:
        return [str(commune.record_id) for commune in self.land.commune_of]

    def visits(self, chance: Random, day: int, teams: Numbers, received: tuple[Numbers, Numbers]) -> list[Told]:
        """Make one visit for each entry of `teams`; `received` has the day and second of each."""
        counts = _drawn(chance, LINES, len(teams)) + 1
        homes = (chance.random(len(teams)) * (self.population[teams] // 3)).astype(np.int64)
        per_line = np.repeat(teams, counts)
        people = np.repeat(homes, counts) * 3 + chance.integers(0, 3, counts.sum())
        lines = self._lines(chance, _drawn(chance, WORK, counts.sum()), per_line, people, counts)
        households = _pseudonyms(np.full(len(teams), HOUSEHOLD), teams, homes)
        return self._records(chance, day, VISITS, teams, received, lines, households)

    def reports(self, chance: Random, day: int, partners: Numbers, received: tuple[Numbers, Numbers]) -> list[Told]:
        """Make one partner's report for each entry of `partners`; half of the people are such as teams meet too."""
        size = len(partners)
        teams = np.searchsorted(np.cumsum(self.land.weights), chance.random(size)).clip(0, len(self.population) - 1)
        people = (chance.random(size) * self.population[teams] * 2).astype(np.int64)
        which = np.array([entry[0] for entry in REPORTED])[_drawn(chance, REPORTED, size)]
        lines = self._lines(chance, which, teams, people, np.ones(size, np.int64))
        units = [self._communes[team] for team in teams.tolist()]
        return self._records(chance, day, REPORTS, partners, received, lines, [], units)

    def _lines(self, chance: Random, work: Numbers, teams: Numbers, people: Numbers, counts: Numbers) -> list[str]:
        """Write the lines of all records, and join those of each."""
        size = len(work)
        nobody = chance.random(size) < NO_PERSON
        quantities = np.where(nobody, _drawn(chance, QUANTITIES, size) + 1, 1 + (chance.random(size) < 0.02))
        pattern = mixed((teams << 24 | people).astype(np.uint64)) % np.uint64(len(PATTERNS))
        first = np.array([kinds[0] for kinds in PATTERNS])[pattern]
        named = _pseudonyms(first, teams, people)
        phones = _pseudonyms(np.ones(size, np.int64), teams, people)
        ends = np.cumsum(counts)
        numbers = np.arange(1, size + 1) - np.repeat(ends - counts, counts)
        texts = [
            f'{{"line":{number},{_WORK[which][0]}{quantity}{_WORK[which][1]}{_person(*person)}}}'
            for number, which, quantity, *person in zip(
                numbers.tolist(), work.tolist(), quantities.tolist(), nobody.tolist(), pattern.tolist(), named, phones,
                strict=True,
            )
        ]  # fmt: skip
        return [",".join(texts[end - some : end]) for end, some in zip(ends.tolist(), counts.tolist(), strict=True)]

    def _records(
        self,
        chance: Random,
        day: int,
        kind: int,
        reporters: Numbers,
        received: tuple[Numbers, Numbers],
        lines: Sequence[str],
        households: Sequence[str],
        units: Sequence[str] = (),
    ) -> list[Told]:
        seconds = _seconds(chance, len(reporters))
        ids, local = _record_ids(chance, day, seconds), _written_day(day)
        where = units or [self._units[team] for team in reporters.tolist()]
        told = []
        for n, (record, reporter, second, got_day, got_second) in enumerate(
            zip(ids, reporters.tolist(), seconds.tolist(), received[0].tolist(), received[1].tolist(), strict=True)
        ):
            reporter_id, reporter_text = self._who[kind][reporter]
            moment = f"{local}T{CLOCK[second]}+07:00"
            body = (
                f'{{"record_id":"{record}","revision":1,"edition":0,{_KIND[kind]}"id":"{reporter_text}"}},'
                f'"unit_id":"{where[n]}","day":"{local}","occurred_at":"{moment}",'
                f'"received_at":"{_written_day(got_day)}T{CLOCK[got_second]}Z","flags":[],"lines":[{lines[n]}]'
                + (f',"channel":{CHANNELS[second % 5]},"recorded_by":"m-{second % 4}"' if kind == VISITS else "")
                + (f',"household":"{households[n]}"' if households and second % 8 else "")
                + (f',"consent":{{"text":"v1","at":"{moment}","how":"oral"}}' if "person" in lines[n] else "")
                + "}"
            )
            told.append(Told(RECORD_TYPE, reporter_id, record, 1, got_day, got_second, body.encode()))
        return told


@cache
def _written_day(day: int) -> str:
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def _written(measure: str, platform: str, stage: str, _: int) -> tuple[str, str]:
    """Give a line's text before and behind its quantity."""
    behind = (f',"platform":"{platform}"' if platform else "") + (f',"stage":"{stage}"' if stage else "")
    return f'"measure":"{measure}","quantity":', behind


_WORK = [_written(*entry) for entry in WORK]
_KIND = (
    '"kind":"visit","state":"recorded","reporter":{"kind":"team",',
    '"kind":"partner_report","state":"recorded","reporter":{"kind":"partner",',
)


def _person(nobody: bool, pattern: int, named: str, phone: str) -> str:
    if nobody:
        return ""
    first, second = PATTERNS[pattern]
    also = f',"phone":"{phone}"' if second is not None else ""
    return f',"person":{{"level":1,"{KINDS[first]}":"{named}"{also}}}'


def _seconds(chance: Random, size: int) -> Numbers:
    """Draw when people are met: six in ten from half past five in the evening, others by day."""
    evening = chance.random(size) < 0.6
    drawn = np.where(evening, 17.5 * 3600 + chance.random(size) * 3.5 * 3600, 7.5 * 3600 + chance.random(size) * 36000)
    return drawn.astype(np.int64)


def corrected(told: Told, revision: int, draw: float) -> Told:
    """Give a later revision: mostly another quantity, sometimes without the last line's person, sometimes voided."""
    body = msgspec.json.decode(told.body)
    body["revision"] = revision
    if draw < 0.60:
        body["lines"][0]["quantity"] += 1
    elif draw < 0.85:
        body["lines"][-1].pop("person", None)
        body["lines"][-1]["quantity"] += 1
    else:
        body["lines"], body["state"] = [], "voided"
    return told._replace(revision=revision, body=msgspec.json.encode(body))
