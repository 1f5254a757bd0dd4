"""The public door as a client sees it: an answer, or an unknown outcome."""

import asyncio
import base64
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

__all__ = ["Answer", "Door", "open_door"]

TIMEOUT = aiohttp.ClientTimeout(total=20, connect=2)
TOKEN_MARGIN_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """A definite answer."""

    status: int
    body: Any


@dataclass
class Door:
    """The gateway, for clients by their local names; `outstanding` requests have no answer yet."""

    http: aiohttp.ClientSession
    credentials: Mapping[str, tuple[str, str]]
    outstanding: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def post(self, client: str, path: str, body: bytes) -> Answer | None:
        """Post once; None where what became of it is not known."""
        return await self._ask("POST", client, path, body)

    async def get(self, client: str, path: str) -> Answer | None:
        """Get once; None where there was no answer."""
        return await self._ask("GET", client, path, None)

    async def surely(self, method: str, client: str, path: str, body: bytes | None = None, seconds: float = 60) -> Any:
        """Ask until there is an answer, which has to be 200; gives its body."""
        deadline = time.monotonic() + seconds
        while (answer := await self._ask(method, client, path, body)) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"{method} {path[:100]}: no answer within {seconds:.0f} s")
            await asyncio.sleep(0.2)
        if answer.status != 200:
            raise AssertionError(f"{method} {path[:100]} → {answer.status}: {answer.body}")
        return answer.body

    async def _ask(self, method: str, client: str, path: str, body: bytes | None) -> Answer | None:
        try:
            token = await self._token(client)
            if token is None:
                return None
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            self.outstanding += 1
            try:
                async with self.http.request(method, path, data=body, headers=headers) as response:
                    content = await response.read()
            finally:
                self.outstanding -= 1
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.unknown[type(error).__name__] += 1
            return None
        if response.status >= 500:
            self.unknown[str(response.status)] += 1
            return None
        if response.status == 401 and msgspec.json.decode(content).get("code") == "token_expired":
            self._tokens.pop(client, None)
            return None
        return Answer(response.status, msgspec.json.decode(content))

    async def _token(self, client: str) -> str | None:
        token, until = self._tokens.get(client, ("", 0.0))
        if until > time.monotonic():
            return token
        asked = time.monotonic()
        words = base64.b64encode(":".join(self.credentials[client]).encode()).decode()
        form, headers = {"grant_type": "client_credentials"}, {"authorization": f"Basic {words}"}
        async with self.http.post("/oauth/token", data=form, headers=headers) as response:
            content = await response.read()
        if response.status != 200:
            self.unknown[f"token {response.status}"] += 1
            return None
        grant = msgspec.json.decode(content)
        self._tokens[client] = grant["access_token"], asked + grant["expires_in"] - TOKEN_MARGIN_SECONDS
        return str(grant["access_token"])


@asynccontextmanager
async def open_door(url: str, credentials: Mapping[str, tuple[str, str]]) -> AsyncIterator[Door]:
    """Open connections to the gateway."""
    connector = aiohttp.TCPConnector(limit=300)
    async with aiohttp.ClientSession(url, timeout=TIMEOUT, connector=connector) as http:
        yield Door(http, credentials)
