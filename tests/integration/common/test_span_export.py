"""Spans on their way out: sent beside the work, lost rather than in its way, and counted where they are lost."""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from libs.common.settings import CommonSettings
from libs.common.tracing import Tracing
from libs.common.tracing_opened import open_tracing
from tests.support.spans import open_collector

SAMPLED = f"00-{7:032x}-{9:016x}-01"


def settings(url: str, **variables: str) -> CommonSettings:
    told = {"KAFKA_BOOTSTRAP": "k:1", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    return CommonSettings.model_validate({**told, **variables})


def dropped(registry: CollectorRegistry) -> float:
    value = registry.get_sample_value("spans_dropped_total")
    assert value is not None
    return value


def make(tracing: Tracing, count: int) -> None:
    for _ in range(count):
        with tracing.batch("handle", [SAMPLED], topic="t", messages=1):
            pass


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_spans_reach_the_collector_while_the_process_runs_and_those_left_at_its_end() -> None:
    registry = CollectorRegistry()
    async with open_collector() as collector:
        told = settings(collector.url, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
        async with open_tracing(told, "metrics", "consumer", registry) as tracing:
            make(tracing, 3)
            [one, *_] = await collector.until("handle")
        late = settings(collector.url, OTEL_BSP_SCHEDULE_DELAY="600000")
        async with open_tracing(late, "metrics", "consumer", CollectorRegistry()) as tracing:
            make(tracing, 700)
        assert len(collector.spans) == 703
    assert (one.service, one.process, one.trace_id, one.parent) == (
        "tungnha-metrics",
        "consumer",
        f"{7:032x}",
        f"{9:016x}",
    )
    assert one.links == {(f"{7:032x}", f"{9:016x}")}
    assert one.attributes == {"messaging.destination.name": "t", "messaging.batch.message_count": 1}
    assert dropped(registry) == 0


async def test_a_collector_that_is_away_costs_the_spans_and_nothing_else() -> None:
    registry = CollectorRegistry()
    # Nothing listens on this port.
    async with open_tracing(settings("http://127.0.0.1:9"), "visits", "api", registry) as tracing:
        make(tracing, 10)
        begun = time.monotonic()
    assert time.monotonic() - begun < 8
    assert dropped(registry) == 10


async def test_spans_that_are_refused_are_counted_and_later_ones_arrive() -> None:
    registry = CollectorRegistry()
    async with open_collector() as collector:
        collector.refuse = True
        async with open_tracing(settings(collector.url), "visits", "api", registry) as tracing:
            make(tracing, 10)
            await until(lambda: dropped(registry) == 10)
            collector.refuse = False
            make(tracing, 1)
            await collector.until("handle")
    assert dropped(registry) == 10


async def test_more_spans_than_the_queue_holds_are_dropped_and_counted() -> None:
    registry = CollectorRegistry()
    async with open_collector() as collector:
        collector.refuse = True
        few = settings(collector.url, OTEL_BSP_MAX_QUEUE_SIZE="8", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="8")
        async with open_tracing(few, "visits", "api", registry) as tracing:
            make(tracing, 100)
            assert dropped(registry) >= 80
    assert dropped(registry) == 100


async def test_without_an_exporter_nothing_is_traced_and_the_counter_is_there() -> None:
    registry = CollectorRegistry()
    told = CommonSettings.model_validate({"KAFKA_BOOTSTRAP": "k:1"})
    async with open_tracing(told, "visits", "api", registry, head=True) as tracing:
        assert tracing.recorder is None
    assert dropped(registry) == 0
