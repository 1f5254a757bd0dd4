"""Asks a Prometheus as Grafana does."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp

from deploy.grafana.vocabulary import Panel, Target
from tests.support.monitoring import substituted

__all__ = ["Series", "Asker", "until"]

Series = Mapping[str, Any]
WINDOW_SECONDS = 300
STEP_SECONDS = 5


class Asker:
    """The HTTP API of one Prometheus; what it refuses fails the test with its own words."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def ask(self, path: str, **parameters: str | float) -> Any:
        """Ask anything; give the data."""
        words = {name: str(value) for name, value in parameters.items()}
        async with self._http.get(f"{self._url}/api/v1/{path}", params=words) as answer:
            body = await answer.json()
        assert body["status"] == "success", f"{path} {parameters}: {body}"
        return body["data"]

    async def instant(self, query: str) -> Sequence[Series]:
        """Ask for now."""
        result: Sequence[Series] = (await self.ask("query", query=query))["result"]
        return result

    async def value(self, query: str) -> float | None:
        """Ask for one number now, None where there is none."""
        found = await self.instant(query)
        assert len(found) <= 1, f"{query} is more than one series"
        return float(found[0]["value"][1]) if found else None

    async def target(self, panel: Panel, target: Target) -> Sequence[Series]:
        """Ask what a panel asks, variables put in as Grafana does."""
        query = substituted(target.expr)
        if target.instant:
            return await self.instant(query)
        now = time.time()
        data = await self.ask("query_range", query=query, start=now - WINDOW_SECONDS, end=now, step=STEP_SECONDS)
        result: Sequence[Series] = data["result"]
        return result


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    """Wait until something is so; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.5)
