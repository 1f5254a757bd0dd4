"""Traces out: OpenTelemetry's spans, queued within bounds and sent by OTLP over HTTP in a thread of its own."""

import os
import platform
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from urllib.parse import unquote

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.util.re import parse_env_headers
from prometheus_client import Counter

from libs.common import VERSION
from libs.common.telemetry import get_logger
from libs.common.tracing import Kind, Parent, Recorded
from libs.common.tracing_settings import TracingSettings

__all__ = ["Queue", "SdkRecorder", "exporter_of", "recorder_of", "resource_of"]

logger = get_logger(__name__)

EXPORT_SECONDS = 5.0  # With its retries, after which a batch is given up.
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class Queue(SpanProcessor):
    """Keeps ended spans within bounds until its thread has sent them; those it cannot keep or send are counted."""

    def __init__(self, exporter: SpanExporter, dropped: Counter, settings: TracingSettings) -> None:
        self._exporter = exporter
        self._dropped = dropped
        self._most = settings.otel_queue_spans
        self._at_once = min(settings.otel_batch_spans, self._most)
        self._delay = settings.otel_delay_milliseconds / 1000
        self._spans: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._stopped = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Keep an ended span, where there is room."""
        if self._stopped or len(self._spans) >= self._most:
            self._dropped.inc()
            return
        self._spans.append(span)
        if len(self._spans) >= self._at_once:
            self._wake.set()

    def stop(self, seconds: float) -> None:
        """Send what is left, as far as it can be in that time; blocks."""
        self._stopped = True
        self._wake.set()
        self._thread.join(seconds)
        self._exporter.shutdown()  # Ends its waiting for another try; what it is asked for from now on, it refuses.
        self._thread.join(1)
        left, self._spans = len(self._spans), deque()
        if left:
            self._dropped.inc(left)
            logger.warning("traces.left", spans=left)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(self._delay)
            self._wake.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        while self._spans:
            batch = [self._spans.popleft() for _ in range(min(self._at_once, len(self._spans)))]
            try:
                sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
            except Exception as error:
                # Whatever it is, the thread must live on: nothing else would say that spans are lost.
                logger.error("traces.export_failed", exc_info=error)
                sent = False
            if not sent:
                self._dropped.inc(len(batch))
            if sent is self._failing:
                self._failing = not sent
                logger.warning("traces.not_exported") if self._failing else logger.info("traces.exported_again")


class _Ids(RandomIdGenerator):
    """Random ids, but for a trace that is to have one that is known already."""

    wanted: int | None = None

    def generate_trace_id(self) -> int:
        wanted, self.wanted = self.wanted, None
        return wanted or super().generate_trace_id()


class _Recorded:
    """A span of the SDK's."""

    __slots__ = ("_span", "place")

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        context = span.get_span_context()
        self.place = Parent(context.trace_id, context.span_id)

    def tell(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def end(self, name: str, error: str | None) -> None:
        self._span.update_name(name)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class SdkRecorder:
    """Records with OpenTelemetry's SDK. Everything it is asked for is recorded: the choice was made before."""

    def __init__(self, processor: SpanProcessor, resource: Mapping[str, str], max_links: int) -> None:
        self._ids = _Ids()
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource(dict(resource)),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=SpanLimits(max_links=max_links),
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("tungnha")

    def start(
        self, name: str, kind: Kind, parent: Parent | None, links: Sequence[Parent], trace_id: int | None
    ) -> Recorded:
        """Begin a span."""
        context = None if parent is None else set_span_in_context(NonRecordingSpan(_context_of(parent)))
        self._ids.wanted = trace_id
        return _Recorded(
            self._tracer.start_span(
                name, context, KINDS[kind], links=[Link(_context_of(link)) for link in links] if links else ()
            )
        )


def _context_of(parent: Parent) -> SpanContext:
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=SAMPLED)


def resource_of(settings: TracingSettings, service: str, process: str) -> dict[str, str]:
    """Say who tells: the operator's own words above ours, the service's name above all (as the standard has it)."""
    pairs = (pair.partition("=") for pair in settings.otel_resource_attributes.split(",") if pair.strip())
    given = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    own = {
        "service.name": f"tungnha-{service}",
        "service.namespace": "tungnha",
        "service.version": VERSION,
        "service.instance.id": f"{platform.node()}:{os.getpid()}",
        "tungnha.process": process,
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": version("opentelemetry-sdk"),
    }
    named = {"service.name": settings.otel_service_name} if settings.otel_service_name else {}
    return {**own, **given, **named}


def exporter_of(settings: TracingSettings) -> SpanExporter:
    """Make what sends to the collector."""

    def path(file: object) -> str | None:
        return str(file) if file is not None else None

    return OTLPSpanExporter(
        endpoint=settings.traces_url,
        certificate_file=path(settings.otel_certificate),
        client_key_file=path(settings.otel_client_key),
        client_certificate_file=path(settings.otel_client_certificate),
        headers=parse_env_headers(settings.otel_headers.get_secret_value(), liberal=True),
        timeout=EXPORT_SECONDS,
        compression=Compression.Gzip if settings.otel_compression == "gzip" else Compression.NoCompression,
    )


def recorder_of(settings: TracingSettings, service: str, process: str, queue: Queue) -> SdkRecorder:
    """Make a process's recorder."""
    return SdkRecorder(queue, resource_of(settings, service, process), settings.otel_links)
