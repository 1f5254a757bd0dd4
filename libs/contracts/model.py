"""The base of every contract class and the small types they share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Contract", "DateTime", "Language", "Names", "Pseudonym", "Text"]

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

DateTime = AwareDatetime
"""RFC 3339 date and time; the offset is mandatory."""

Pseudonym = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A keyed pseudonym of 128 bits in hexadecimal; never the raw value."""


class Names(Contract):
    """A name in Vietnamese and in English."""

    vi: Text
    en: Text = Field(description="English name")
