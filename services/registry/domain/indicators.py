"""Indicators: what is reported of a unit, in which unit of count, over what."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, cast, get_args
from uuid import UUID

from libs.common.files import Row
from services.registry.domain.ids import record_id

__all__ = [
    "AGGREGATIONS",
    "BASES",
    "INDICATOR_KINDS",
    "OBSERVATION_KINDS",
    "Base",
    "Indicator",
    "Names",
    "code_of",
    "names_of",
    "read_indicator",
    "version_of",
]

Base = Literal[
    "population_total",
    "population_unspecified",
    "population_14_plus",
    "population_15_plus",
    "citizens_16_plus",
    "population_adult",
    "population_working_age",
    "internet_users",
    "households",
    "business_households",
    "farming_households",
    "agri_cooperatives",
    "enterprises",
    "subcommune_units",
    "commune_units",
    "health_facilities",
    "banks",
    "state_agencies",
    "higher_ed_institutions",
    "k12_schools",
    "subscriptions",
]
BASES: tuple[Base, ...] = get_args(Base)
Kind = Literal["network", "field", "adoption", "context", "model", "rank", "quality"]
INDICATOR_KINDS: tuple[Kind, ...] = get_args(Kind)
Aggregation = Literal["sum", "last", "ratio_of_sums", "distinct", "none"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
ObservationKind = Literal["operational", "partner", "administrative", "survey", "press"]
OBSERVATION_KINDS: tuple[ObservationKind, ...] = get_args(ObservationKind)

COLUMNS = (
    "code",
    "version",
    "vi",
    "en",
    "kind",
    "unit_of_count",
    "other_units",
    "denominator",
    "other_denominators",
    "per",
    "aggregation",
    "observation_kind",
    "measures",
    "framework_refs",
    "comparability_notes",
    "valid_from",
    "valid_to",
)


@dataclass(frozen=True)
class Names:
    """A name in Vietnamese and in English."""

    vi: str
    en: str


@dataclass(frozen=True)
class Indicator:
    """Something reported of a unit; `version` is raised when its meaning changes.

    Its first unit of count and denominator are the ones it is meant in; the others it is reported in, too. `per` is
    what it is a share or a mean of, where that is no base of the register.
    """

    record_id: UUID
    code: str
    version: int
    names: Names
    kind: Kind
    unit_of_count: str
    other_units: tuple[str, ...]
    denominator: Base | None
    other_denominators: tuple[Base, ...]
    per: str | None
    aggregation: Aggregation
    observation_kind: ObservationKind
    measures: tuple[str, ...]
    framework_refs: tuple[str, ...]
    comparability_notes: str | None
    valid_from: date | None
    valid_to: date | None


def read_indicator(row: Row) -> Indicator:
    """Make an indicator of a table of the file; what is wrong is noted at the row."""
    row.unknown_beside(*COLUMNS)
    code = code_of(row)
    begin, end = row.period("valid_from", "valid_to")
    denominator = row.choice("denominator", BASES) if row.optional("denominator") else None
    others = row.texts("other_denominators")
    for other in set(others) - set(BASES):
        row.wrong("other_denominators", f"“{other}” không phải mẫu số", f'"{other}" is no base of the register')
    aggregation = row.choice("aggregation", AGGREGATIONS)
    per = row.optional("per")
    if aggregation == "ratio_of_sums" and denominator is None and per is None:
        row.wrong("denominator", "tỷ lệ phải có denominator hoặc per", "a ratio needs a denominator or per")
    return Indicator(
        record_id("indicator", code),
        code,
        version_of(row),
        names_of(row),
        row.choice("kind", INDICATOR_KINDS),
        row.matching("unit_of_count", r"[a-z][a-z0-9_]*", "chỉ gồm chữ thường, số và _", "takes a-z, 0-9 and _"),
        row.texts("other_units"),
        denominator,
        cast(tuple[Base, ...], others),
        per,
        aggregation,
        row.choice("observation_kind", OBSERVATION_KINDS),
        row.texts("measures"),
        row.texts("framework_refs"),
        row.optional("comparability_notes"),
        begin,
        end,
    )


def names_of(row: Row) -> Names:
    """Give the two names of a row."""
    return Names(vi=row.text("vi"), en=row.text("en"))


def code_of(row: Row) -> str:
    """Give the code of a row."""
    return row.matching(
        "code", r"[A-Za-z0-9][A-Za-z0-9_-]*", "chỉ gồm chữ, số, - và _", "takes letters, digits, - and _"
    )


def version_of(row: Row) -> int:
    """Give the version of a row."""
    version = row.values.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version >= 1:
        return version
    row.wrong("version", "phải là số nguyên từ 1", "must be a whole number from 1")
    return 1
