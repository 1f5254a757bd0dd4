"""Settings of the operators' commands: the services' own variables, and where `make up` wrote them."""

import os
import shlex
import sys
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["DATABASES", "LOCAL", "ROOT", "Databases", "is_of_here", "read"]

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local"

S = TypeVar("S", bound=BaseSettings)


class Databases(BaseSettings):
    """The databases of all services, each under the name that its own service knows it by."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    registry_url: str = Field(validation_alias="DATABASE_URL_REGISTRY")
    visits_url: str = Field(validation_alias="DATABASE_URL_VISITS")
    metrics_url: str = Field(validation_alias="DATABASE_URL_METRICS")

    def urls(self) -> dict[str, str]:
        """Give each database's address by the name of its service."""
        return {"registry": self.registry_url, "visits": self.visits_url, "metrics": self.metrics_url}


DATABASES = ("registry", "visits", "metrics")


def read(kind: type[S], environment_file: Path = LOCAL / "environment") -> S:
    """Read settings of a class: a service's own, or one of this package.

    Where a variable is missing, those that a `make up` of this folder wrote are taken, which standard error is told.
    Raises ValidationError where it is missing nevertheless.
    """
    try:
        return kind()
    except ValidationError as error:
        missing = any(finding["type"] == "missing" for finding in error.errors())
        if not missing or not _take(environment_file):
            raise
    return kind()


def is_of_here(url: str, environment_file: Path = LOCAL / "environment") -> bool:
    """Say whether an address is one that a `make up` of this folder wrote."""
    return environment_file.exists() and url in environment_file.read_text(encoding="utf-8")


def _take(file: Path) -> bool:
    """Set what the file says and the environment does not; False where there is none, or it is of another system.

    An address that is set to something else belongs to another system: half of each would be worse than none.
    """
    try:
        told = dict(line.split("=", 1) for line in shlex.split(file.read_text(encoding="utf-8")))
    except OSError:
        return False
    known = os.environ  # noqa: TID251  commands of services read it themselves
    for name in sorted(told):
        if name.startswith(("DATABASE_URL_", "KAFKA_BOOTSTRAP")) and known.get(name, told[name]) != told[name]:
            sys.stderr.write(
                f"{name} khác với {file}, nên không dùng tệp này\n"
                f"{name} differs from {file}, so nothing is taken from it\n"
            )
            return False
    for name, value in told.items():
        known.setdefault(name, value)
    sys.stderr.write(f"biến môi trường lấy từ · environment taken from {file}\n")
    return True
