"""HTTP bodies of units as the registry keeps them: the whole code list, and units below commune level."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from libs.contracts.model import ClientId, Contract, Text
from libs.contracts.registry import Level
from libs.contracts.visits_api import FieldError

__all__ = [
    "MAX_UNITS_A_BATCH",
    "MAX_UNITS_BYTES",
    "EndUnit",
    "NewSubcommune",
    "NewSubcommunes",
    "RenameUnit",
    "UnitEntry",
    "UnitList",
    "UnitRow",
    "UnitRows",
]

MAX_UNITS_A_BATCH = 5000
MAX_UNITS_BYTES = 4 * 1024 * 1024

SubcommuneType = Literal[
    "thon",
    "ban",
    "tieu_khu",
    "khom",
    "ap",
    "to_dan_pho",
    "buon",
    "xom",
    "khu_pho",
    "khu",
    "khu_dan_cu",
    "lang",
    "bon",
    "phum",
    "soc",
]


class UnitEntry(Contract):
    """A line of the code list."""

    unit_id: UUID
    code: Text | None
    level: Level
    type: Text
    name: Text
    short_name: Text
    parent_code: Text | None
    parent_id: UUID | None
    valid_from: date | None
    valid_to: date | None


class UnitList(Contract):
    """Every unit that is valid on a day, by level and code."""

    valid_on: date
    units: list[UnitEntry]


class NewSubcommune(Contract):
    """A unit below commune level. Its id is made of `id`, which the client makes: sent again, it is the same unit."""

    id: ClientId
    parent: Text = Field(description="The commune: its id, or its code on `valid_from`, by default today")
    type: SubcommuneType
    name: Text = Field(description="As it is called, with its type: Khóm 1, Bản Nà Tấu; need not be unique")
    short_name: Text | None = Field(default=None, description="By default the name without the words of its type")
    valid_from: date | None = Field(default=None, description="By default since the commune began")


class NewSubcommunes(Contract):
    """Units below commune level, each answered by itself."""

    rows: Annotated[list[NewSubcommune], Field(min_length=1, max_length=MAX_UNITS_A_BATCH)]


class UnitRow(Contract):
    """What became of a row."""

    index: int
    id: UUID | None
    status: Literal["accepted", "duplicate", "rejected"]
    unit_id: UUID | None
    errors: list[FieldError] = []


class UnitRows(Contract):
    """What became of each row, in the order sent."""

    accepted: int
    duplicate: int
    rejected: int
    rows: list[UnitRow]


class RenameUnit(Contract):
    """Another name or type from a day on; the unit goes on as a new version, with all of its territory."""

    revision: int = Field(ge=1, description="The revision that one has seen")
    on: date = Field(description="First day of the new name, today or before")
    name: Text
    short_name: Text | None = None
    type: SubcommuneType | None = None
    decision: Text | None = Field(default=None, description="Number of the decision")


class EndUnit(Contract):
    """A unit that is no more from a day on, and that nothing succeeds; a merger is a reform."""

    revision: int = Field(ge=1, description="The revision that one has seen")
    on: date = Field(description="First day on which it is no longer valid, today or before")
