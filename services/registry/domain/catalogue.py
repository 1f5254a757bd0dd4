"""The catalogue: what a line can record, which platforms, on what topic; what is reported of a unit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from libs.common.files import Row, toml_tables
from libs.common.spellings import spelling
from services.registry.domain.ids import record_id
from services.registry.domain.indicators import Indicator, Names, code_of, names_of, read_indicator, version_of

__all__ = [
    "PLATFORM_KINDS",
    "UNITS_OF_COUNT",
    "Catalogue",
    "Measure",
    "Platform",
    "Topic",
    "UnitOfCount",
    "build",
    "check_meaning",
]

UnitOfCount = Literal[
    "encounter",
    "person",
    "case",
    "install",
    "account",
    "subscription",
    "certificate",
    "business_encounter",
    "business_household_encounter",
]
UNITS_OF_COUNT: tuple[UnitOfCount, ...] = (
    "encounter",
    "person",
    "case",
    "install",
    "account",
    "subscription",
    "certificate",
    "business_encounter",
    "business_household_encounter",
)
PLATFORM_KINDS = (
    "citizen_app",
    "e_id",
    "portal",
    "wallet",
    "bank_app",
    "marketplace",
    "messenger",
    "social_network",
    "browser",
    "health",
    "education",
)


KINDS = ("topics", "measures", "platforms", "indicators")
DATED = ("valid_from", "valid_to")
SPELT = ("aliases", "framework_refs")


@dataclass(frozen=True)
class Measure:
    """Something a line can record; `version` is raised when its meaning changes."""

    record_id: UUID
    code: str
    version: int
    names: Names
    unit_of_count: UnitOfCount
    topic: str
    stages: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    aliases: tuple[str, ...] = ()
    framework_refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Platform:
    """An application or platform that people are helped with."""

    record_id: UUID
    code: str
    names: Names
    kind: str
    aliases: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    framework_refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """What the help was about."""

    record_id: UUID
    code: str
    names: Names
    valid_from: date | None = None
    valid_to: date | None = None
    aliases: tuple[str, ...] = ()
    framework_refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """All of some files; `places` says where each record stands in them."""

    measures: Sequence[Measure]
    platforms: Sequence[Platform]
    topics: Sequence[Topic]
    indicators: Sequence[Indicator]
    places: Mapping[UUID, Row]


def build(*files: tuple[str, bytes]) -> Catalogue:
    """Make the catalogue from TOML files, each given as name and content; raises BadFile."""
    tables: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    for name, content in files:
        for kind, rows in toml_tables(name, content, *KINDS).items():
            tables[kind] += rows
    topics = [_topic(row) for row in tables["topics"]]
    measures = [_measure(row, {topic.code for topic in topics}) for row in tables["measures"]]
    platforms = [_platform(row) for row in tables["platforms"]]
    indicators = [read_indicator(row) for row in tables["indicators"]]
    _once(tables["topics"], [(topic.code, *topic.aliases) for topic in topics])
    _once(tables["measures"], [(measure.code, *measure.aliases) for measure in measures])
    _once(tables["platforms"], [(platform.code, *platform.aliases) for platform in platforms])
    _once(tables["indicators"], [(indicator.code,) for indicator in indicators])
    records: list[Topic | Measure | Platform | Indicator] = [*topics, *measures, *platforms, *indicators]
    rows = [row for kind in KINDS for row in tables[kind]]
    places: dict[UUID, Row] = {record.record_id: row for record, row in zip(records, rows, strict=True)}
    _done(places)
    return Catalogue(measures, platforms, topics, indicators, places)


def check_meaning(read: Catalogue, known: Mapping[UUID, Measure | Indicator]) -> None:
    """See that what changes its meaning raises its version, and that indicators count measures there are.

    `known` are the measures and indicators as they stand. Raises BadFile.
    """
    changing: list[Measure | Indicator] = [*read.measures, *read.indicators]
    for record in changing:
        before = known.get(record.record_id)
        if before is not None:
            _check_version(read.places[record.record_id], before, record)
    codes = {measure.code for measure in read.measures}
    codes |= {record.code for record in known.values() if isinstance(record, Measure)}
    for indicator in read.indicators:
        for code in set(indicator.measures) - codes:
            read.places[indicator.record_id].wrong(
                "measures", f"không có chỉ tiêu {code}", f"there is no measure {code}"
            )
    _done(read.places)


def _check_version(row: Row, before: Measure | Indicator, now: Measure | Indicator) -> None:
    if now.version < before.version:
        row.wrong("version", f"đang là {before.version}, không lùi", f"is {before.version}, and never goes back")
    following = before.version + 1
    for column in ("unit_of_count", "denominator", "per"):
        was, shall = getattr(before, column, None) or "∅", getattr(now, column, None) or "∅"
        if was != shall and now.version < following:
            row.wrong(
                column,
                f"đổi từ “{was}” thành “{shall}” là đổi ý nghĩa: hãy tăng version lên {following}",
                f'from "{was}" to "{shall}" changes the meaning: raise version to {following}',
            )


def _done(places: Mapping[UUID, Row]) -> None:
    for reading in dict.fromkeys(id(row.reading) for row in places.values()):
        next(row.reading for row in places.values() if id(row.reading) == reading).done()


def _once(rows: Sequence[Row], named: Sequence[Sequence[str]]) -> None:
    """See that no spelling of a code stands for two."""
    bearers: defaultdict[str, set[int]] = defaultdict(set)
    for number, names in enumerate(named):
        for name in names:
            bearers[spelling(name)].add(number)
    codes = {spelling(names[0]): number for number, names in reversed(list(enumerate(named)))}
    for number, (row, names) in enumerate(zip(rows, named, strict=True)):
        for name in names:
            if min(bearers[spelling(name)]) < number:
                column = "code" if codes.get(spelling(name), number) < number else "aliases"
                row.wrong(column, f"“{name}” lặp lại", f'"{name}" is repeated')
                break


def _topic(row: Row) -> Topic:
    row.unknown_beside("code", "vi", "en", *DATED, *SPELT)
    code = code_of(row)
    begin, end = row.period(*DATED)
    return Topic(record_id("topic", code), code, names_of(row), begin, end, *map(row.texts, SPELT))


def _platform(row: Row) -> Platform:
    row.unknown_beside("code", "vi", "en", "kind", *DATED, *SPELT)
    code = code_of(row)
    begin, end = row.period(*DATED)
    kind = row.choice("kind", PLATFORM_KINDS)
    aliases, refs = map(row.texts, SPELT)
    return Platform(record_id("platform", code), code, names_of(row), kind, aliases, begin, end, refs)


def _measure(row: Row, topics: set[str]) -> Measure:
    row.unknown_beside("code", "version", "vi", "en", "unit_of_count", "topic", "stages", *DATED, *SPELT)
    code = code_of(row)
    topic = row.text("topic")
    if topic not in topics:
        row.wrong("topic", f"không có chủ đề {topic}", f"there is no topic {topic}")
    begin, end = row.period(*DATED)
    return Measure(
        record_id("measure", code),
        code,
        version_of(row),
        names_of(row),
        row.choice("unit_of_count", UNITS_OF_COUNT),
        topic,
        row.texts("stages"),
        begin,
        end,
        *map(row.texts, SPELT),
    )
