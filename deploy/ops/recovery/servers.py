"""Which servers a recovery works on: those that the environment names, or this folder's own, started if they stand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.child import LocalError
from deploy.local.kafka import open_kafka
from deploy.local.lock import AlreadyRunning, hold_lock
from deploy.local.ports import remembered_port
from deploy.local.postgres import open_postgres
from deploy.local.say import Say
from deploy.ops.command import Refused
from deploy.ops.settings import DATABASES, LOCAL, Databases, read
from libs.common.kafka import Address
from libs.common.settings import CommonSettings

__all__ = ["Keys", "Servers", "open_servers"]


class Keys(BaseSettings):
    """The files of keys, where they are at hand: they are never in a backup, only marks to know them by."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    pseudonym_keys: Path | None = Field(default=None, validation_alias="VISITS_PSEUDONYM_KEYS_FILE")
    sealing_keys: Path | None = Field(default=None, validation_alias="REGISTRY_SEALING_KEYS_FILE")

    def files(self, local: Path = LOCAL) -> dict[str, Path]:
        """Give those that there are, by what they are."""
        places = {
            "pseudonym": self.pseudonym_keys or local / "secrets" / "pseudonym-keys.txt",
            "sealing": self.sealing_keys or local / "secrets" / "sealing-keys.txt",
        }
        return {name: place for name, place in places.items() if place.exists()}


@dataclass(frozen=True)
class Servers:
    """The databases by service, and Kafka where it was asked for. `own`: of this folder, started for this command."""

    urls: Mapping[str, str]
    kafka: Address | None
    own: bool = False


@asynccontextmanager
async def open_servers(say: Say, *, kafka: bool, local: Path = LOCAL) -> AsyncIterator[Servers]:
    """Give the servers that the environment names; else this folder's, as `make up` runs them, or started for it.

    While they are started here no `make up` begins. Raises ValidationError where only some are named, Refused where one
    does not start.
    """
    try:
        urls = Databases().urls()
    except ValidationError as error:
        if any(finding["type"] != "missing" for finding in error.errors()) or len(error.errors()) < len(DATABASES):
            raise
    else:
        yield Servers(urls, read(CommonSettings, local / "environment").kafka if kafka else None)
        return
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(hold_lock(local / "lock"))
        except AlreadyRunning:
            urls = read(Databases, local / "environment").urls()
            yield Servers(urls, read(CommonSettings, local / "environment").kafka if kafka else None)
            return
        yield await _start(stack, say, kafka, local)


async def _start(stack: AsyncExitStack, say: Say, kafka: bool, local: Path) -> Servers:
    say(f"khởi động máy chủ của · starting the servers of {local}")
    try:
        port = remembered_port(local / "ports.json", "postgres", say)
        postgres = await stack.enter_async_context(open_postgres(local / "postgres", port=port, say=say))
        bootstrap: str | None = None
        if kafka:
            port = remembered_port(local / "ports.json", "kafka", say)
            server = await stack.enter_async_context(open_kafka(local / "kafka", local / "cache", port=port, say=say))
            bootstrap = server.bootstrap
    except LocalError as error:
        raise Refused("máy chủ không khởi động được", str(error)) from error
    return Servers({name: postgres.url(name) for name in DATABASES}, bootstrap, own=True)
