"""Every environment variable of the metrics service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.settings import CommonSettings

__all__ = ["CommandSettings", "Settings"]


class CommandSettings(BaseSettings):
    """What the operator's commands need."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: str = Field(validation_alias="DATABASE_URL_METRICS")
    lift_keys_file: Path | None = Field(
        default=None,
        validation_alias="METRICS_LIFT_KEYS_FILE",
        description="The second and later keys of the key chain of visits, a line each, oldest first; "
        "needed once that chain has a second one",
    )


class Settings(CommonSettings, CommandSettings):
    """Prefix METRICS_, besides what every service has."""

    port: int = Field(default=8003, validation_alias="METRICS_PORT", description="API, or all in one process")
    consumer_port: int = Field(default=8013, validation_alias="METRICS_CONSUMER_PORT", description="Health, metrics")
    smallest_shown: int = Field(
        default=5,
        ge=1,
        validation_alias="METRICS_SMALLEST_SHOWN",
        description="Counts of people and households below it are withheld from clients without metrics:exact",
    )
    at_least_seconds: float = Field(
        default=10, gt=0, validation_alias="METRICS_AT_LEAST_SECONDS", description="How long a query waits for at_least"
    )
    pool_size: int = Field(default=10, ge=1, validation_alias="METRICS_POOL_SIZE", description="Connections of the API")
    memory_bytes: int = Field(
        default=64_000_000,
        ge=0,
        validation_alias="METRICS_MEMORY_BYTES",
        description="Sets of roll-ups, unions of them and what questions came to, that the API keeps, about",
    )
    query_seconds: float = Field(
        default=30, gt=0, validation_alias="METRICS_QUERY_SECONDS", description="No query lives longer"
    )
    fold_seconds: float = Field(
        default=10, gt=0, validation_alias="METRICS_FOLD_SECONDS", description="No fold's transaction lives longer"
    )
    rollup_entries: int = Field(
        default=10_000,
        ge=1,
        validation_alias="METRICS_ROLLUP_ENTRIES",
        description="Changes of cells that are worked into the roll-ups at once; fewer every 30 s, more after a rush",
    )
    recount_cells: int = Field(
        default=600,
        ge=0,
        validation_alias="METRICS_RECOUNT_CELLS",
        description="So many cells a minute are counted again from their facts, to find one that differs; 0: none",
    )
