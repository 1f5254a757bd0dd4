"""Where no address is given, a recovery works on this folder's own servers, started for it if nothing runs."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.local.lock import AlreadyRunning, hold_lock
from deploy.ops.recovery.servers import open_servers
from deploy.ops.recovery.tools import create_if_missing
from libs.common.db import Unavailable, connect

VARIABLES = ("DATABASE_URL_REGISTRY", "DATABASE_URL_VISITS", "DATABASE_URL_METRICS", "KAFKA_BOOTSTRAP")


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


async def test_the_folders_own_server_is_started_and_nothing_else_can_start_meanwhile(tmp_path: Path) -> None:
    async with open_servers(lambda _: None, kafka=False, local=tmp_path) as servers:
        assert await create_if_missing(servers.urls["visits"])
        assert not await create_if_missing(servers.urls["visits"])
        with pytest.raises(AlreadyRunning), hold_lock(tmp_path / "lock"):
            pass
        url = servers.urls["visits"]
    with pytest.raises(Unavailable):
        await connect(url, application_name="test")


async def test_while_it_runs_what_make_up_wrote_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {name: f"postgresql://here/{name.lower()}" for name in VARIABLES[:3]}
    (tmp_path / "environment").write_text("".join(f"{name}={value}\n" for name, value in written.items()))
    with hold_lock(tmp_path / "lock"):
        async with open_servers(lambda _: None, kafka=False, local=tmp_path) as servers:
            assert servers.urls["metrics"] == written["DATABASE_URL_METRICS"]
            assert not servers.own


async def test_some_addresses_and_not_all_are_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_VISITS", "postgresql://there/visits")
    with pytest.raises(ValidationError, match="DATABASE_URL_REGISTRY"):
        async with open_servers(lambda _: None, kafka=False, local=tmp_path):
            pass
