"""Settings that every service has; each service adds its own and its prefix."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["CommonSettings"]


class CommonSettings(BaseSettings):
    """Read from the environment; a missing one without a default refuses to start."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kafka_bootstrap: str = Field(validation_alias="KAFKA_BOOTSTRAP", description="host:port of a broker")
    kafka_replication: int = Field(default=1, ge=1, validation_alias="KAFKA_REPLICATION")
    token_issuer: str = Field(default="tungnha", validation_alias="TOKEN_ISSUER")
    log_level: str = Field(default="info", validation_alias="LOG_LEVEL")
    host: str = Field(default="127.0.0.1", validation_alias="HOST", description="Address to listen on")
