"""Every process, started as in a deployment, tells exactly the metrics that are declared of it."""

import re
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deploy.local.system import open_system
from libs.common.meters import PROCESSES, CounterOf, Declared, HistogramOf, told_by
from libs.common.metrics_page import declarations
from tests.support.kafka import CACHE

pytestmark = pytest.mark.timeout(300)
OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0"}
PARTS = re.compile(r"_(bucket|count|sum)$")
Told = Mapping[str, frozenset[str] | None]
"""The labels of each metric; None where it has no sample yet."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Told]]:
    """What each process tells, by the names that declarations use."""
    local = tmp_path_factory.mktemp("told")
    async with (
        open_system(lambda _: None, local=local, cache=CACHE, apart=True) as system,
        aiohttp.ClientSession(headers=OPENMETRICS) as http,
    ):
        yield {job.replace("-", " ", 1): await scrape(http, address) for job, address in system.targets.items()}


async def scrape(http: aiohttp.ClientSession, address: str) -> Told:
    async with http.get(f"http://{address}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "application/openmetrics-text"
        text = await response.text()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: labels_of(family.samples)
        for family in families
    }


def labels_of(samples: list[Sample]) -> frozenset[str] | None:
    labels = {frozenset(sample.labels) - {"le"} for sample in samples}
    assert len(labels) <= 1, samples[:3]
    return next(iter(labels), None)


def test_every_process_is_asked(told: Mapping[str, Told]) -> None:
    assert set(told) == set(PROCESSES)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_tells_what_is_declared_of_it_and_nothing_else(told: Mapping[str, Told], process: str) -> None:
    declared = {one.name: one for one in declarations() if process in told_by(one)}
    assert {"declared, not told": declared.keys() - told[process].keys()} == {"declared, not told": set()}
    assert {"told, not declared": told[process].keys() - declared.keys()} == {"told, not declared": set()}


@pytest.mark.parametrize("one", declarations(), ids=lambda one: one.name)
def test_a_metric_has_the_labels_that_are_declared(told: Mapping[str, Told], one: Declared) -> None:
    for process in told_by(one):
        labels = told[process].get(one.name)
        assert labels is None or labels == frozenset(one.labels)
    if isinstance(one, CounterOf | HistogramOf) and not one.labels:
        assert all(told[process][one.name] is not None for process in told_by(one))
