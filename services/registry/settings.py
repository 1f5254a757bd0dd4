"""Every environment variable that the registry reads."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.settings import CommonSettings

__all__ = ["CommandSettings", "Settings"]

DATA = Path(__file__).parents[2] / "data"


class CommandSettings(BaseSettings):
    """What a command such as `load` needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: str = Field(validation_alias="DATABASE_URL_REGISTRY")
    data_dir: Path = Field(
        default=DATA, validation_alias="REGISTRY_DATA_DIR", description="Where `load` finds its files by default"
    )
    sealing_keys_file: Path | None = Field(
        default=None,
        validation_alias="REGISTRY_SEALING_KEYS_FILE",
        description="Keys that seal members' details and uploaded files: one of at least 32 bytes in hexadecimal a "
        "line, oldest first; `api`, `all` and `members rotate-keys` need it",
    )
    member_retention_months: int = Field(
        default=24,
        ge=0,
        validation_alias="REGISTRY_MEMBER_RETENTION_MONTHS",
        description="Who a member is is erased this long after leaving all teams and appointments",
    )


class Settings(CommandSettings, CommonSettings):
    """What the processes need."""

    port: int = Field(default=8001, validation_alias="REGISTRY_PORT")
    relay_port: int = Field(default=8011, validation_alias="REGISTRY_RELAY_PORT", description="Health of `relay`")
    signing_key_file: Path | None = Field(
        default=None,
        validation_alias="REGISTRY_SIGNING_KEY_FILE",
        description="Private key (PEM) that signs tokens; `api` and `all` need it",
    )
    erase_every_seconds: float = Field(
        default=3600,
        gt=0,
        validation_alias="REGISTRY_ERASE_EVERY_SECONDS",
        description="How often `api` looks for members whose retention period is over",
    )
    announce_every_seconds: float = Field(
        default=3600,
        validation_alias="REGISTRY_ANNOUNCE_EVERY_SECONDS",
        description="Everything is sent again this often, so that a topic that lost something mends itself",
    )
    reforms_every_seconds: float = Field(
        default=5,
        gt=0,
        validation_alias="REGISTRY_REFORMS_EVERY_SECONDS",
        description="How often is looked for reforms whose day has come",
    )
