"""The public door of a running system, for its clients by their local names."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from deploy.local.system import System

__all__ = ["Door"]


class Door:
    """The gateway, for clients by their local names."""

    def __init__(self, http: aiohttp.ClientSession, system: System) -> None:
        self._http = http
        self._clients = system.secrets.clients
        self._tokens: dict[str, str] = {}

    async def token(self, client: str) -> str:
        """Obtain a token once."""
        if client not in self._tokens:
            client_id, secret = self._clients[client]
            form = {"grant_type": "client_credentials"}
            headers = {"authorization": aiohttp.encode_basic_auth(client_id, secret)}
            async with self._http.post("/oauth/token", data=form, headers=headers) as answer:
                self._tokens[client] = (await answer.json())["access_token"]
        return self._tokens[client]

    async def post(self, client: str, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Post JSON; give the status and the body."""
        status, answered, _ = await self.exchange(client, path, body, **headers)
        return status, answered

    async def exchange(self, client: str, path: str, body: Any, **headers: str) -> tuple[int, Any, Mapping[str, str]]:
        """Post JSON; give the status, the body and the headers."""
        headers = {"authorization": f"Bearer {await self.token(client)}", **headers}
        async with self._http.post(path, json=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers

    async def get(self, client: str, path: str, **parameters: str) -> tuple[int, Any]:
        """Read; give the status and the body."""
        headers = {"authorization": f"Bearer {await self.token(client)}"}
        async with self._http.get(path, params=parameters, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    async def send(self, *rows: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Send visits; anything but 200 fails."""
        status, body = await self.post("app", "/v1/visits:batch", {"rows": rows}, **headers)
        assert status == 200, body
        return dict(body)

    async def people(self, day: str, position: str) -> dict[str, Any]:
        """Ask for one day's numbers as new as a position."""
        query = {"measures": ["FLD-07"], "from": day, "to": day, "at_least": position}
        status, body = await self.post("portal", "/v1/metrics:query", query)
        assert status == 200, body
        return dict(body)
