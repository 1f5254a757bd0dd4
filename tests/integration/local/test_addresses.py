"""What `make up` prints once everything runs, whatever an operator has done to its clients meanwhile."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer

from deploy.local.secrets import ensure_secrets
from deploy.local.system import System
from deploy.local.up import show_addresses

ROTATED = "vnpt"


async def _token(request: web.Request) -> web.Response:
    if BasicAuth.decode(request.headers["authorization"]).login == ROTATED:
        return web.json_response({"detail": "bị tạm dừng"}, status=401)
    return web.json_response({"access_token": "a-token"})


async def test_a_client_that_was_rotated_or_suspended_gets_no_token_and_the_others_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = web.Application()
    app.router.add_post("/oauth/token", _token)
    secrets = ensure_secrets(tmp_path)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        system = SimpleNamespace(gateway_url=url, log_dir=tmp_path / "log", secrets=secrets)
        await show_addresses(cast(System, system))
    said = capsys.readouterr().out
    assert said.count("TOKEN=a-token") == len(secrets.clients) - 1
    refused = said.partition(f"client_id {ROTATED}")[2].partition("\n\n")[0]
    assert "NO TOKEN: bị tạm dừng" in refused
    assert f"deploy.ops client rotate {ROTATED}" in refused
    assert f"deploy.ops client resume {ROTATED}" in refused
