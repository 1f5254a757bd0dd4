"""The catalogue: what a line can record, which platforms, on what topic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from services.registry.domain.files import Row, toml_tables
from services.registry.domain.ids import record_id

__all__ = ["PLATFORM_KINDS", "UNITS_OF_COUNT", "Catalogue", "Measure", "Platform", "Topic", "UnitOfCount", "build"]

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


@dataclass(frozen=True)
class Names:
    """A name in Vietnamese and in English."""

    vi: str
    en: str


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


@dataclass(frozen=True)
class Topic:
    """What the help was about."""

    record_id: UUID
    code: str
    names: Names


@dataclass(frozen=True)
class Catalogue:
    """All of a file."""

    measures: Sequence[Measure]
    platforms: Sequence[Platform]
    topics: Sequence[Topic]


def build(name: str, content: bytes) -> Catalogue:
    """Make the catalogue from a TOML file; raises BadFile."""
    tables = toml_tables(name, content, "measures", "platforms", "topics")
    topics = [_topic(row) for row in tables["topics"]]
    catalogue = Catalogue(
        measures=[_measure(row, {topic.code for topic in topics}) for row in tables["measures"]],
        platforms=[_platform(row) for row in tables["platforms"]],
        topics=topics,
    )
    for rows in tables.values():
        _once(rows, ((row, [str(row.values.get("code"))]) for row in rows), "code")
    names = zip(tables["platforms"], ([*platform.aliases] for platform in catalogue.platforms), strict=True)
    _once(tables["platforms"], names, "aliases")
    return catalogue


def _once(rows: Sequence[Row], named: Iterable[tuple[Row, list[str]]], column: str) -> None:
    """See that no name stands twice, then that the file had no mistake at all."""
    seen: set[str] = set()
    for row, names in named:
        for name in names:
            if name in seen:
                row.wrong(column, f"“{name}” lặp lại", f'"{name}" is repeated')
            seen.add(name)
    if rows:
        rows[0].reading.done()


def _names(row: Row) -> Names:
    return Names(vi=row.text("vi"), en=row.text("en"))


def _code(row: Row) -> str:
    return row.matching(
        "code", r"[A-Za-z0-9][A-Za-z0-9_-]*", "chỉ gồm chữ, số, - và _", "takes letters, digits, - and _"
    )


def _topic(row: Row) -> Topic:
    row.unknown_beside("code", "vi", "en")
    code = _code(row)
    return Topic(record_id("topic", code), code, _names(row))


def _platform(row: Row) -> Platform:
    row.unknown_beside("code", "vi", "en", "kind", "aliases", "valid_from", "valid_to")
    code = _code(row)
    begin, end = row.period("valid_from", "valid_to")
    kind = row.choice("kind", PLATFORM_KINDS)
    return Platform(record_id("platform", code), code, _names(row), kind, row.texts("aliases"), begin, end)


def _measure(row: Row, topics: set[str]) -> Measure:
    row.unknown_beside("code", "version", "vi", "en", "unit_of_count", "topic", "stages", "valid_from", "valid_to")
    code = _code(row)
    version = row.values.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        row.wrong("version", "phải là số nguyên từ 1", "must be a whole number from 1")
        version = 1
    topic = row.text("topic")
    if topic not in topics:
        row.wrong("topic", f"không có chủ đề {topic}", f"there is no topic {topic}")
    begin, end = row.period("valid_from", "valid_to")
    return Measure(
        record_id=record_id("measure", code),
        code=code,
        version=version,
        names=_names(row),
        unit_of_count=row.choice("unit_of_count", UNITS_OF_COUNT),
        topic=topic,
        stages=row.texts("stages"),
        valid_from=begin,
        valid_to=end,
    )
