"""What a decree orders, as it is written down; nothing is looked up yet.

A unit is named by its id, by the code that it bears on the eve of the effective date, or, where this reform makes it,
by `#` and its key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias
from uuid import UUID

from services.registry.domain.units import Level, Share

__all__ = [
    "SUBCOMMUNE_TYPES",
    "TYPES",
    "AbolishLevel",
    "ChangeType",
    "Create",
    "Merge",
    "NewUnit",
    "Operation",
    "Part",
    "Place",
    "Reform",
    "Rename",
    "Source",
    "Split",
    "Transfer",
    "short_name_of",
]

SUBCOMMUNE_TYPES: Mapping[str, str] = {
    "thon": "thôn",
    "ban": "bản",
    "tieu_khu": "tiểu khu",
    "khom": "khóm",
    "ap": "ấp",
    "to_dan_pho": "tổ dân phố",
    "buon": "buôn",
    "xom": "xóm",
    "khu_pho": "khu phố",
    "khu": "khu",
    "khu_dan_cu": "khu dân cư",
    "lang": "làng",
    "bon": "bon",
    "phum": "phum",
    "soc": "sóc",
}

TYPES: Mapping[Level, Mapping[str, str]] = {
    "province": {"tinh": "tỉnh", "thanh_pho": "thành phố"},
    "district": {"huyen": "huyện", "quan": "quận", "thi_xa": "thị xã", "thanh_pho": "thành phố"},
    "commune": {"xa": "xã", "phuong": "phường", "thi_tran": "thị trấn", "dac_khu": "đặc khu"},
    "subcommune": SUBCOMMUNE_TYPES,
}
"""The types of each level, with the words with which a name may begin."""


def short_name_of(level: Level, type_: str, name: str) -> str:
    """Give a name without the words of its type, where it begins with them: Sa Đéc for Phường Sa Đéc."""
    words = TYPES[level].get(type_, "")
    rest = name[len(words) :].strip() if words and name.lower().startswith(f"{words} ") else ""
    return rest or name


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit that begins with the reform; `parent` is one that is open after it."""

    key: str
    level: Level
    type: str
    name: str
    short_name: str | None = None
    code: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where territory goes: a unit that there is, one made elsewhere in the reform, or a new one."""

    unit: str | None = None
    new: NewUnit | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A unit whose territory is taken; `units` of it, one level below, go the same way."""

    unit: str
    share: Share = "whole"
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part of a unit goes, and which units of it, one level below, go the same way."""

    to: Place
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Create:
    """A unit begins whose territory was no unit's."""

    new: NewUnit


@dataclass(frozen=True, slots=True)
class Merge:
    """Units, or parts of them, become one; a target that there is keeps its name and goes on with more territory."""

    sources: tuple[Source, ...]
    target: Place


@dataclass(frozen=True, slots=True)
class Split:
    """A unit ends, and its territory is divided."""

    source: str
    targets: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A unit goes to another parent with all that lies in it."""

    unit: str
    new_parent: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A unit gets another name or code; None keeps what it has."""

    unit: str
    name: str | None = None
    short_name: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeType:
    """A unit becomes one of another type: a township a ward."""

    unit: str
    type: str


@dataclass(frozen=True, slots=True)
class AbolishLevel:
    """A level ends, everywhere or within a unit; what lay in its units lies in what held them."""

    level: Literal["district", "subcommune"]
    within: str | None = None


Operation: TypeAlias = Create | Merge | Split | Transfer | Rename | ChangeType | AbolishLevel


@dataclass(frozen=True, slots=True)
class Reform:
    """A decree that holds from a day on; each operation stands at a JSON pointer of its own."""

    reform_id: UUID
    decree: str
    effective: date
    operations: tuple[tuple[str, Operation], ...]
