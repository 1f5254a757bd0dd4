"""Every environment variable of the visits service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.settings import CommonSettings

__all__ = ["ApiSettings", "CommandSettings", "Settings"]


class CommandSettings(BaseSettings):
    """What `migrate` and `announce` need."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: str = Field(validation_alias="DATABASE_URL_VISITS")


class Settings(CommandSettings, CommonSettings):
    """Prefix VISITS_, besides what every service has."""

    port: int = Field(default=8002, validation_alias="VISITS_PORT", description="API, or all in one process")
    consumer_port: int = Field(default=8012, validation_alias="VISITS_CONSUMER_PORT", description="Health, metrics")
    relay_port: int = Field(default=8022, validation_alias="VISITS_RELAY_PORT", description="Health, metrics")
    pool_size: int = Field(default=10, ge=1, validation_alias="VISITS_POOL_SIZE", description="Connections")
    transaction_seconds: float = Field(
        default=5, gt=0, validation_alias="VISITS_TRANSACTION_SECONDS", description="No transaction lives longer"
    )
    relay_send_timeout_seconds: float = Field(default=3, gt=0, validation_alias="VISITS_RELAY_SEND_TIMEOUT_SECONDS")


class ApiSettings(Settings):
    """What takes visits in needs besides: who else has no business with the keys does not read them."""

    pseudonym_keys_file: Path = Field(
        validation_alias="VISITS_PSEUDONYM_KEYS_FILE",
        description="The key chain: one key of at least 32 bytes in hexadecimal a line, oldest first",
    )
