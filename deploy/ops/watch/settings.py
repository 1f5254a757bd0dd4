"""Every environment variable of the watch, besides the databases' addresses."""

from pathlib import Path

from pydantic import Field
from sqlalchemy.engine import make_url

from deploy.ops.settings import LOCAL, Databases

__all__ = ["WatchSettings"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class WatchSettings(Databases):
    """Prefix WATCH_; the addresses may carry a role that can only read."""

    log_level: str = Field(default="info", validation_alias="LOG_LEVEL")
    host: str = Field(default="127.0.0.1", validation_alias="HOST", description="Address to listen on")
    port: int = Field(default=8004, ge=0, le=65535, validation_alias="WATCH_PORT", description="Health, metrics")
    sweep_rows_per_second: int = Field(
        default=2000,
        ge=1,
        validation_alias="WATCH_SWEEP_ROWS_PER_SECOND",
        description="How fast all of the log and all that was folded are compared again and again",
    )
    sweep_every_seconds: float = Field(
        default=60,
        gt=0,
        validation_alias="WATCH_SWEEP_EVERY_SECONDS",
        description="A whole comparison begins no sooner than this after the one before",
    )
    data_dir: Path | None = Field(
        default=None,
        validation_alias="WATCH_DATA_DIR",
        description="A folder of the disk that holds the data; default: .local, where the databases are this machine's",
    )

    def data_folder(self) -> Path | None:
        """Give the folder whose disk is measured, None where the watch cannot see it."""
        if self.data_dir is not None:
            return self.data_dir
        here = all(make_url(url).host in LOOPBACK for url in self.urls().values())
        return LOCAL if here and (LOCAL / "postgres").is_dir() else None
