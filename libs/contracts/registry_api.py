"""HTTP bodies of the registry: tokens, keys, the catalogue, units and teams as they are published in its events."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.contracts.model import Contract, Text
from libs.contracts.reference import IndicatorV1
from libs.contracts.registry import Level, MeasureV1, PlatformV1, TeamV1, TopicV1, UnitV1

__all__ = [
    "CatalogueView",
    "JsonWebKeys",
    "Lineage",
    "LineageEdge",
    "ResolveCodes",
    "ResolvedCode",
    "ResolvedCodes",
    "TeamPage",
    "TokenAnswer",
    "TokenRequest",
    "UnitBrief",
    "UnitPage",
]

MAX_CODES = 1000


class TokenRequest(Contract):
    """A token request (RFC 6749, 4.4), form-encoded; the client's id and secret stand in Authorization: Basic."""

    grant_type: Literal["client_credentials"]
    scope: str | None = Field(default=None, description="Scopes separated by spaces; default: all that the client has")


class TokenAnswer(Contract):
    """An access token (RFC 6749, 5.1)."""

    access_token: str = Field(description="Send it as Authorization: Bearer …")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds")
    scope: str = Field(description="Scopes the token has, separated by spaces")


class JsonWebKeys(Contract):
    """The public keys with which access tokens are signed (RFC 7517)."""

    keys: list[dict[str, str]]


class CatalogueView(Contract):
    """Everything a line can name (measures, platforms, topics), and the indicators that are reported of a unit."""

    measures: list[MeasureV1]
    platforms: list[PlatformV1]
    topics: list[TopicV1]
    indicators: list[IndicatorV1]


class UnitPage(Contract):
    """A page of unit versions; `next` is the cursor of the next page."""

    units: list[UnitV1]
    next: str | None


class UnitBrief(Contract):
    """What tells a unit version from others."""

    unit_id: UUID
    code: Text | None
    level: Level
    type: Text
    name: Text
    valid_from: date | None
    valid_to: date | None = Field(description="First day on which it is no longer valid; null: still valid")


class LineageEdge(Contract):
    """Territory that went from a unit to another."""

    source: UnitBrief
    target: UnitBrief
    share: Literal["whole", "part"] = Field(description="whole: all of the source's territory went to the target")
    effective: date
    decree: Text | None


class Lineage(Contract):
    """Where a unit's territory went (forward) or came from (backward), generation by generation."""

    unit: UnitBrief
    direction: Literal["forward", "backward"]
    edges: list[LineageEdge]


class ResolveCodes(Contract):
    """Codes as they stand in a list of some day."""

    codes: list[Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.-]{1,20}$")]] = Field(
        min_length=1, max_length=MAX_CODES
    )
    codes_as_of: date = Field(description="The day of the list from which the codes are")
    on: date | None = Field(default=None, description="The day on whose map they are asked for; default: today")


class ResolvedCode(Contract):
    """What a code means: `listed` bore it in the list, `units` hold its territory on the day."""

    code: str
    status: Literal["same", "superseded", "divided", "ended", "not_listed", "unknown"] = Field(
        description="same: the unit still stands; superseded: all of it lies in one other; divided: among several; "
        "ended: it has no successor; not_listed: no unit bore the code on the day of the list, some other day one did; "
        "unknown: none ever did"
    )
    listed: UnitBrief | None
    units: list[UnitBrief]


class ResolvedCodes(Contract):
    """What codes of the list of a day mean on another, in the order asked."""

    codes_as_of: date
    on: date
    codes: list[ResolvedCode]


class TeamPage(Contract):
    """A page of teams; `next` is the cursor of the next page."""

    teams: list[TeamV1]
    next: str | None
