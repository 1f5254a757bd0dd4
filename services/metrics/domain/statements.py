"""Statements: figures that someone reported, kept as they were said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

__all__ = [
    "LEVELS",
    "Level",
    "MIXED",
    "RATIOS",
    "QUALIFIERS",
    "SHAPES",
    "Part",
    "Qualifier",
    "Said",
    "Shape",
    "Source",
    "Statement",
    "Words",
    "Wording",
]

Qualifier = Literal["exact", "just_under", "more_than", "about", "at_least", "order_of_magnitude"]
QUALIFIERS: tuple[Qualifier, ...] = ("exact", "just_under", "more_than", "about", "at_least", "order_of_magnitude")
Shape = Literal["snapshot", "flow", "cumulative", "target", "rank"]
Level = Literal["province", "district", "commune", "subcommune"]
LEVELS: tuple[Level, ...] = ("province", "district", "commune", "subcommune")
SHAPES: tuple[Shape, ...] = ("snapshot", "flow", "cumulative", "target", "rank")

MIXED = "mixed"
RATIOS = ("percent", "rank", "members_per_team", "members_per_household", "helpers_per_commune")
BLOCKING_FLAGS = frozenset({"magnitude_missing", "scope_ambiguous"})


@dataclass(frozen=True, slots=True)
class Wording:
    """The same in Vietnamese and in English."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Source:
    """Who said it; `said_on` is the day of the map by which its places are meant."""

    code: str
    names: Wording
    said_on: date


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an indicator that figures are about; `valid_to` is the first day on which it no longer exists."""

    code: str
    names: Wording
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Words:
    """What statements refer to, by code."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    caveats: Mapping[str, Wording] = field(default_factory=dict)
    units: Mapping[str, Wording] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """A reported figure; codes of places are those of its source's day, several are meant together.

    `level` None: the source does not say of which unit within the province it speaks.
    """

    id: str
    source: str
    indicator: str
    qualifier: Qualifier
    value: Decimal
    unit_of_count: str
    denominator: str | None
    shape: Shape
    since: date | None
    as_of: date | None
    due: date | None
    part: str | None
    level: Level | None
    province_code: str
    unit_codes: tuple[str, ...]
    sum_of: tuple[str, ...]
    flags: tuple[str, ...]
    note: str | None

    @property
    def ambiguous(self) -> bool:
        """Whether the source leaves open of which unit it speaks."""
        return self.level is None

    @property
    def place_codes(self) -> tuple[str, ...]:
        """The codes of the units it was said of, the province's where no other is named."""
        return self.unit_codes or (self.province_code,)

    @property
    def usable_in_rates(self) -> bool:
        """Whether it may be the numerator of a rate: a plain count of one unit, of a known unit of the map."""
        return (
            self.unit_of_count != MIXED
            and self.unit_of_count not in RATIOS
            and self.qualifier != "order_of_magnitude"
            and self.shape not in ("target", "rank")
            and BLOCKING_FLAGS.isdisjoint(self.flags)
        )


@dataclass(frozen=True, slots=True)
class Said:
    """All statements with the words they use, as of a revision."""

    revision: int = 0
    words: Words = field(default_factory=Words)
    statements: Mapping[str, tuple[int, Statement]] = field(default_factory=dict)
    """Each with its own revision, by id."""
