"""The whole system with a collector beside it, every request traced; shared by the tests of a file, and then ended."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.system import LOCAL, System, open_system
from tests.support.door import Door
from tests.support.spans import Collector, open_collector


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector() -> AsyncIterator[Collector]:
    """Where spans are sent."""
    async with open_collector() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The system, traced whole."""
    local = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_TRACES_SAMPLER", "always_on")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        async with open_system(lambda _: None, local=local, cache=LOCAL / "cache") as opened:
            yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced_door(traced: System) -> AsyncIterator[Door]:
    """Its public door."""
    async with aiohttp.ClientSession(traced.gateway_url) as http:
        yield Door(http, traced)
