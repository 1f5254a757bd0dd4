"""One of the API's clients at the public door: tokens, and patience while it is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from deploy.local.campaign.sends import Json, Role

__all__ = ["Caller", "Credentials", "ReplayStopped", "open_caller"]

Credentials = Mapping[Role, tuple[str, str]]
"""Each role's client id and secret."""

PATIENCE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 10.0
TOKEN_MARGIN_SECONDS: Final = 20.0
GOOD: Final = frozenset({200, 201, 202})
AWAY: Final = frozenset({429, 503})
REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


class ReplayStopped(Exception):
    """The system refused something that it should take; the text says what and why."""


@dataclass(slots=True)
class Token:
    """An access token, and until when on the monotonic clock it is worth sending."""

    text: str
    good_until: float


class Caller:
    """Calls the gateway in the name of each role; made by `open_caller`."""

    def __init__(self, session: aiohttp.ClientSession, credentials: Credentials) -> None:
        """Use a session whose base is the gateway's address."""
        self.retries = 0
        self._session = session
        self._credentials = credentials
        self._tokens: dict[Role, Token] = {}
        self._asking = asyncio.Lock()

    async def post(self, role: Role, path: str, body: Callable[[], Json]) -> Json:
        """Post until it is answered, the body made anew for each attempt; or raise ReplayStopped."""
        return await self._call(role, "POST", path, lambda: {"json": body()})

    async def get(self, role: Role, path: str, **parameters: str) -> Json:
        """Ask until it is answered, or raise ReplayStopped."""
        return await self._call(role, "GET", path, lambda: {"params": parameters})

    async def upload(self, role: Role, path: str, content: bytes, content_type: str) -> Json:
        """Send a file until it is taken, or raise ReplayStopped."""
        return await self._call(
            role, "POST", path, lambda: {"data": content, "headers": {"Content-Type": content_type}}
        )

    async def _call(self, role: Role, method: str, path: str, make: Callable[[], Json]) -> Json:
        give_up = time.monotonic() + PATIENCE_SECONDS
        renewed = False
        while True:
            status, answer, pause = await self._attempt(role, method, path, make())
            if status in GOOD:
                return answer
            if status == 401 and not renewed:
                renewed = True
                self._tokens.pop(role, None)
                continue
            if pause is None or time.monotonic() + pause > give_up:
                raise ReplayStopped(f"{method} {path} → {status}: {_tell(answer)}")
            self.retries += 1
            await asyncio.sleep(pause)

    async def _attempt(self, role: Role, method: str, path: str, made: Json) -> tuple[int, Json, float | None]:
        """Give the status, the answer, and after how many seconds it is worth trying again, if at all."""
        try:
            headers = {"Authorization": f"Bearer {await self._token(role)}"} | made.pop("headers", {})
            async with self._session.request(method, path, headers=headers, **made) as response:
                answer: Json = await response.json(content_type=None)
                return response.status, answer, _pause(response)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            return 0, {"code": type(error).__name__, "detail": str(error)}, 1.0

    async def _token(self, role: Role) -> str:
        async with self._asking:
            token = self._tokens.get(role)
            if token is None or token.good_until < time.monotonic():
                token = self._tokens[role] = await self._new_token(role)
            return token.text

    async def _new_token(self, role: Role) -> Token:
        """Ask for a token as RFC 6749 has it; wait where the registry is away."""
        asked = time.monotonic()
        form = {"grant_type": "client_credentials"}
        headers = {"Authorization": aiohttp.encode_basic_auth(*self._credentials[role])}
        while True:
            async with self._session.post("/oauth/token", data=form, headers=headers) as response:
                answer: Json = await response.json(content_type=None)
                pause = _pause(response)
            if response.status == 200:
                return Token(answer["access_token"], asked + float(answer["expires_in"]) - TOKEN_MARGIN_SECONDS)
            if pause is None or time.monotonic() + pause > asked + PATIENCE_SECONDS:
                raise ReplayStopped(f"POST /oauth/token ({role}) → {response.status}: {_tell(answer)}")
            self.retries += 1
            await asyncio.sleep(pause)


@asynccontextmanager
async def open_caller(base_url: str, credentials: Credentials) -> AsyncIterator[Caller]:
    """Open connections to the gateway."""
    async with aiohttp.ClientSession(base_url, timeout=REQUEST_TIMEOUT) as session:
        yield Caller(session, credentials)


def _pause(response: aiohttp.ClientResponse) -> float | None:
    """Read after how many seconds to try again; None: never."""
    if response.status not in AWAY:
        return None
    said = response.headers.get("Retry-After", "1")
    return min(float(said) if said.isdigit() else 1.0, LONGEST_PAUSE_SECONDS)


def _tell(answer: Json) -> str:
    """Say what a problem document says."""
    if not isinstance(answer, dict):
        return str(answer)
    parts = [str(answer[key]) for key in ("code", "error", "title", "detail", "error_description") if answer.get(key)]
    parts += [str(error) for error in answer.get("errors") or []]
    return " · ".join(parts) or "no explanation"
