"""Spans kept in memory, and a collector that takes them in by OTLP over HTTP as a real one would."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from libs.common.tracing import Kind, Parent

__all__ = ["Collector", "Kept", "KeptSpans", "Told", "open_collector"]


@dataclass
class Kept:
    """A span that a process has made."""

    name: str
    kind: Kind
    parent: Parent | None
    links: Sequence[Parent]
    place: Parent
    attributes: dict[str, str | int] = field(default_factory=dict)
    ended: int = 0
    error: str | None = None

    def tell(self, name: str, value: str | int) -> None:
        """Note an attribute."""
        self.attributes[name] = value

    def end(self, name: str, error: str | None) -> None:
        """Note the end."""
        self.name, self.error = name, error
        self.ended += 1


@dataclass
class KeptSpans:
    """A recorder that keeps what it makes."""

    spans: list[Kept] = field(default_factory=list)

    def start(
        self, name: str, kind: Kind, parent: Parent | None, links: Sequence[Parent], trace_id: int | None
    ) -> Kept:
        """Begin a span; the ids are those of its turn."""
        turn = len(self.spans) + 1
        trace = parent.trace_id if parent is not None else trace_id or turn << 64
        self.spans.append(Kept(name, kind, parent, links, Parent(trace, turn)))
        return self.spans[-1]


@dataclass(frozen=True)
class Told:
    """A span as it came to the collector; ids in hexadecimal, `parent` empty at the root."""

    service: str
    process: str
    name: str
    trace_id: str
    span_id: str
    parent: str
    links: frozenset[tuple[str, str]]
    attributes: dict[str, str | int]
    seconds: float


@dataclass
class Collector:
    """Takes spans in; `refuse` makes it answer 503 to all."""

    url: str = ""
    spans: list[Told] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    refuse: bool = False

    async def take(self, request: web.Request) -> web.Response:
        """Answer an export."""
        if self.refuse:
            return web.Response(status=503)
        assert request.content_type == "application/x-protobuf"
        body = await request.read()
        if request.headers.get("content-encoding") == "gzip" and body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        self.raw.append(body)
        for of_resource in told.resource_spans:
            resource = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    attributes = {
                        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
                        for each in span.attributes
                    }
                    self.spans.append(
                        Told(
                            resource["service.name"],
                            resource["tungnha.process"],
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                            attributes,
                            (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                        )
                    )
        return web.Response(content_type="application/x-protobuf")

    async def until(self, *names: str, trace_id: str = "", seconds: float = 30) -> list[Told]:
        """Wait until spans of all these names have come, of one trace where it is given; give all there are of it."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = [span for span in self.spans if trace_id in ("", span.trace_id)]
            missing = set(names) - {span.name for span in found}
            if not missing:
                return found
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"no span came named {missing}; there are {[span.name for span in found]}")
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_collector() -> AsyncIterator[Collector]:
    """Take spans in at /v1/traces on a port of its own."""
    collector = Collector()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        collector.url = site.name if not site.name.endswith(":0") else f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()
