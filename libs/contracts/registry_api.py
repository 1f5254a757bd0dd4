"""HTTP bodies of the registry: tokens, keys, the catalogue, units and teams as they are published in its events."""

from typing import Literal

from pydantic import Field

from libs.contracts.model import Contract
from libs.contracts.registry import MeasureV1, PlatformV1, TeamV1, TopicV1, UnitV1

__all__ = ["CatalogueView", "JsonWebKeys", "TeamPage", "TokenAnswer", "TokenRequest", "UnitPage"]


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
    """Everything a line can name: measures, platforms, topics."""

    measures: list[MeasureV1]
    platforms: list[PlatformV1]
    topics: list[TopicV1]


class UnitPage(Contract):
    """A page of unit versions; `next` is the cursor of the next page."""

    units: list[UnitV1]
    next: str | None


class TeamPage(Contract):
    """A page of teams; `next` is the cursor of the next page."""

    teams: list[TeamV1]
    next: str | None
