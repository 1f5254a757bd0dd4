"""The base of every contract class and the small types they share."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["ClientId", "Contract", "DateTime", "Language", "Names", "Pseudonym", "Text"]

FIRST_YEAR, LAST_YEAR = 1970, 2200

Language = Literal["vi", "en"]


class Contract(BaseModel):
    """A frozen value that refuses unknown fields and does not coerce types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("nul_character")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]
"""A short text; U+0000, which PostgreSQL cannot store, is refused."""


def _within_reason(value: datetime) -> datetime:
    # Arithmetic with the offset would leave the calendar at its ends.
    if not FIRST_YEAR <= value.year < LAST_YEAR:
        raise ValueError("date_out_of_range")
    return value


DateTime = Annotated[AwareDatetime, AfterValidator(_within_reason)]
"""RFC 3339 date and time between 1970 and 2200; the offset is mandatory."""


def _made_by_chance(value: UUID) -> UUID:
    # Name-based ids can be computed, and are what the system makes its own of.
    if value.version not in (4, 7):
        raise ValueError("uuid_version")
    return value


ClientId = Annotated[UUID, AfterValidator(_made_by_chance)]
"""An id that a client makes: UUID version 7, or 4 (RFC 9562)."""

Pseudonym = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A keyed pseudonym of 128 bits in hexadecimal; never the raw value."""


class Names(Contract):
    """A name in Vietnamese and in English."""

    vi: Text
    en: Text = Field(description="English name")
