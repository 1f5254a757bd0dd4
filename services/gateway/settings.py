"""Every setting of the gateway."""

from typing import Annotated

from pydantic import Field, HttpUrl

from libs.common.settings import CommonSettings

__all__ = ["Settings"]

Seconds = Annotated[float, Field(gt=0)]


class Settings(CommonSettings):
    """Read from the environment; times are in seconds."""

    port: int = Field(default=8000, ge=0, le=65535, validation_alias="GATEWAY_PORT")
    registry_url: HttpUrl = Field(validation_alias="GATEWAY_REGISTRY_URL", description="Base address of the registry")
    visits_url: HttpUrl = Field(validation_alias="GATEWAY_VISITS_URL", description="Base address of visits")
    metrics_url: HttpUrl = Field(validation_alias="GATEWAY_METRICS_URL", description="Base address of metrics")
    public_url: HttpUrl | None = Field(
        default=None,
        validation_alias="GATEWAY_PUBLIC_URL",
        description="Where clients reach the gateway, for the OpenAPI document; default: relative to it",
    )
    connect_seconds: Seconds = Field(default=2, validation_alias="GATEWAY_CONNECT_SECONDS")
    # A query with at_least waits for up to some seconds, and a full batch is stored within one.
    answer_seconds: Seconds = Field(default=30, validation_alias="GATEWAY_ANSWER_SECONDS")
    fresh_seconds: float = Field(
        default=0.25,
        ge=0,
        validation_alias="GATEWAY_FRESH_SECONDS",
        description="How far a kept answer may be behind the newest numbers; 0 keeps no answers",
    )
    cors_origins: list[str] = Field(
        default=[],
        validation_alias="GATEWAY_CORS_ORIGINS",
        description='JSON list of origins whose pages may call, such as ["https://dienbien.gov.vn"]; none by default',
    )
