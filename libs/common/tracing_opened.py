"""A process's tracing, opened by its settings and closed with what is left sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from libs.common.meters import CounterOf
from libs.common.tracing import OFF, Tracing
from libs.common.tracing_settings import TracingSettings

__all__ = ["open_tracing"]

FLUSH_SECONDS = 3.0

DROPPED = CounterOf(
    "spans_dropped_total",
    "lasting",
    "services",
    "Đoạn vết (span) đã mất vì bộ thu không nhận kịp hoặc không trả lời. Dịch vụ không bị ảnh hưởng.",
    "Spans lost because the collector did not keep up or did not answer. The service itself is not disturbed.",
)


@asynccontextmanager
async def open_tracing(
    settings: TracingSettings, service: str, process: str, registry: CollectorRegistry, *, head: bool = False
) -> AsyncIterator[Tracing]:
    """Trace as the settings say while the block runs, and send what is left at its end, for some seconds at most.

    The `head` chooses what is traced; others follow it.
    """
    dropped = DROPPED.on(registry)
    if not settings.traced:
        yield OFF
        return
    # Here, for most processes trace nothing: it is most of what starting one of them costs.
    from libs.common.span_export import Queue, exporter_of, recorder_of

    queue = Queue(exporter_of(settings), dropped, settings)
    try:
        recorder = recorder_of(settings, service, process, queue)
        yield Tracing(recorder, settings.head_ratio if head else None, settings.otel_links)
    finally:
        await asyncio.to_thread(queue.stop, FLUSH_SECONDS)
