"""The process as it is run: ready only when its own topic has told it its key; a suspended client is out in 2 s."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.kafka import KafkaServer
from deploy.local.ports import free_port
from tests.support.postgres import MakeDatabase

Environment = dict[str, str]


async def _command(environment: Environment, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.registry", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().strip()


@asynccontextmanager
async def _running(environment: Environment, log: Path, *arguments: str) -> AsyncIterator[None]:
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.registry", *arguments, env=environment, stdout=out, stderr=out
        )
        try:
            yield
            assert process.returncode is None
        finally:
            if process.returncode is None:
                process.terminate()
            assert await asyncio.wait_for(process.wait(), 20) == 0


async def _until(session: aiohttp.ClientSession, path: str, status: int, **options: Any) -> float:
    """Ask until it answers so; gives the seconds that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < 30:
        try:
            async with session.get(path, **options) as response:
                if response.status == status:
                    return time.monotonic() - begun
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} never answered {status}")


async def test_the_whole_registry_in_one_process(
    make_database: MakeDatabase, kafka: KafkaServer, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},  # noqa: TID251
        "DATABASE_URL_REGISTRY": await make_database("registry"),
        "KAFKA_BOOTSTRAP": kafka.bootstrap,
        "REGISTRY_PORT": str(port),
        "REGISTRY_SIGNING_KEY_FILE": str(tmp_path / "key.pem"),
        "REGISTRY_SEALING_KEYS_FILE": str(tmp_path / "sealing-keys.txt"),
    }
    (tmp_path / "sealing-keys.txt").write_text("5e" * 32)
    await _command(environment, "make-key", str(tmp_path / "key.pem"))
    log = tmp_path / "registry.log"
    async with (
        _running(environment, log, "all"),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        await _until(session, "/health/ready", 200)
        (scope, name) = ("registry:read", f"portal-{port}")
        secret = await _command(environment, "clients", "create", name, "--name", "P", "--scope", scope)
        await _command(environment, "load", "catalogue", "--wait", "20")
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
        async with session.post("/oauth/token", data=form) as response:
            token = (await response.json())["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        async with session.get("/v1/catalogue", headers=headers) as response:
            assert len((await response.json())["measures"]) == 14
        await _command(environment, "clients", "suspend", name)
        assert await _until(session, "/v1/catalogue", 401, headers=headers) < 2
    said = await asyncio.to_thread(log.read_text)
    assert "relay.leading" in {json.loads(line)["event"] for line in said.splitlines()}
