"""HTTP out: one session for each upstream; requests go through as they came, answers come back as they are."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from libs.common.http import MAX_BODY_BYTES
from libs.common.tracing import HEADER as TRACEPARENT
from libs.common.tracing import span
from libs.contracts.metrics_api import REVISION_HEADER

__all__ = ["Answer", "UpstreamAway", "Upstream", "open_upstreams"]

CONNECTIONS = 200
# Shorter than the servers' keep-alive of 75 s, so that a connection is never used while its server closes it.
KEEP_ALIVE_SECONDS = 30
SLICE_BYTES = 256 * 1024
PASSED_BACK = frozenset(
    {
        "content-type",
        "content-disposition",
        "content-language",
        "etag",
        "cache-control",
        "retry-after",
        "www-authenticate",
        "location",
        "vary",
    }
)
AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""Headers the client library would add by itself; none that the caller did not send goes out."""


class UpstreamAway(Exception):
    """An upstream could not be reached, broke off or took too long; whether it did what was asked is unknown."""


@dataclass(frozen=True)
class Answer:
    """What an upstream answered, with the headers that mean something to the caller; their names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    revision: str = ""
    """Of everything the answer depends on besides who asked and for what; empty where it was not named."""


class Upstream:
    """One service behind the gateway."""

    def __init__(self, name: str, session: aiohttp.ClientSession, base: str) -> None:
        self.name = name
        self._session = session
        self._base = base.rstrip("/")

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request; `target` is path and query as they are to be sent. Raises UpstreamAway.

        A POST is sent once: the library itself repeats only idempotent methods on a connection that was just closed.
        """
        url = URL(self._base + target, encoded=True)
        data: bytes | AsyncIterator[bytes] | None = body
        if body is not None and len(body) > MAX_BODY_BYTES:
            data, headers = _slices(body), {**headers, "content-length": str(len(body))}
        with span("ask", "client", upstream=self.name) as asking:
            if asking is not None:
                headers = {**headers, TRACEPARENT: asking.traceparent}
            try:
                async with self._session.request(
                    method, url, headers=headers, data=data, allow_redirects=False
                ) as response:
                    content = await response.read()
                    if asking is not None:
                        asking.tell(status=response.status)
                    return _answer(response, content)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise UpstreamAway(f"{self.name}: {type(error).__name__}: {error}") from error


def _answer(response: aiohttp.ClientResponse, content: bytes) -> Answer:
    told = {name.lower(): value for name, value in response.headers.items()}
    headers = {name: value for name, value in told.items() if name in PASSED_BACK or name.startswith("ratelimit")}
    return Answer(response.status, headers, content, told.get(REVISION_HEADER, ""))


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    """Give a large body piece by piece: written whole, it would keep everybody else waiting."""
    for begin in range(0, len(body), SLICE_BYTES):
        yield body[begin : begin + SLICE_BYTES]


@asynccontextmanager
async def open_upstreams(
    addresses: Mapping[str, str], *, connect_seconds: float, answer_seconds: float
) -> AsyncIterator[dict[str, Upstream]]:
    """Open a session for each upstream, by name; nothing is connected yet."""
    timeout = aiohttp.ClientTimeout(total=answer_seconds, connect=connect_seconds)
    async with AsyncExitStack() as stack:
        upstreams = {}
        for name, base in addresses.items():
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS),
                timeout=timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=AUTOMATIC,
            )
            upstreams[name] = Upstream(name, await stack.enter_async_context(session), base)
        yield upstreams
