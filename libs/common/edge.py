"""The layer around everything of an application: request id, log line, and what is counted of its traffic."""

import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.meters import CounterOf, HistogramOf
from libs.common.telemetry import get_logger, may_be_kept, request_id
from libs.common.tracing import Span, Tracing, trace_id

__all__ = ["Edge", "Operated", "Traffic", "header"]

logger = get_logger(__name__)

SECONDS = HistogramOf(
    "http_request_seconds",
    "fast",
    "apis",
    "Từ lúc nhận yêu cầu đến hết câu trả lời, theo loại đường (`write`, `bulk`, `read`, `query`, `admin`, `token`, "
    "`public`; `none`: không có đường ấy). Kèm trace_id làm ví dụ (OpenMetrics).",
    "Seconds from a request to the end of its answer, by class of route (`write`, `bulk`, `read`, `query`, `admin`, "
    "`token`, `public`; `none`: there is no such route). Exemplars carry a trace_id (OpenMetrics).",
    ("route_class", "status_class"),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REQUESTS = CounterOf(
    "http_requests_total",
    "safe",
    "apis",
    "Yêu cầu đã trả lời, theo thao tác, mã HTTP và loại ứng dụng gọi (`none`: chưa xác thực). 401, 403, 429, 503 ở "
    "đây.",
    "Requests answered, by operation, HTTP status and kind of client (`none`: not authenticated). Here are the 401, "
    "403, 429 and 503.",
    ("operation", "status", "client_kind"),
)

NO_ROUTE = ("none", "none")
NO_CLIENT = "none"
UNANSWERED = "5xx"
SLOW_SECONDS = 0.25
EXEMPLAR_EVERY_SECONDS = 1.0
_PARAMETER = re.compile(r"\{[^}]*\}")


class Operated(Protocol):
    """What is needed here of an operation of the public API."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def path(self) -> str:
        """The path with its parameters in braces."""
        ...

    @property
    def operation_id(self) -> str:
        """Its name."""
        ...

    @property
    def route_class(self) -> str:
        """What kind of work it is."""
        ...


class _Cell:
    """Where requests of one kind and outcome are counted; found once, then at hand."""

    __slots__ = ("_exemplar_at", "_requests", "_seconds", "operation")

    def __init__(self, operation: str, requests: Counter, seconds: Histogram) -> None:
        self.operation = operation
        self._requests = requests
        self._seconds = seconds
        self._exemplar_at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        """Count a request; the slow ones, and one of the others a second, leave their trace where they have one."""
        self._requests.inc()
        if now >= self._exemplar_at or seconds >= SLOW_SECONDS:
            trace = trace_id()
            if trace:
                self._exemplar_at = now + EXEMPLAR_EVERY_SECONDS
                self._seconds.observe(seconds, {"trace_id": trace})
                return
        self._seconds.observe(seconds)


class Traffic:
    """Counts the requests to some routes; those that stand for an operation of the table by its name and class."""

    def __init__(
        self, registry: CollectorRegistry, routes: Sequence[BaseRoute], operations: Sequence[Operated]
    ) -> None:
        self._seconds = SECONDS.on(registry)
        self._requests = REQUESTS.on(registry)
        self._names = _names(routes, operations)
        self._cells: dict[tuple[object, int, str], _Cell] = {}

    def observe(self, scope: Scope, status: int, seconds: float, now: float) -> str:
        """Count a request that has been answered, or given up with status 0; gives its operation."""
        key = scope.get("endpoint"), status, scope.get("client_kind", NO_CLIENT)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = self._cell(*key)
        cell.observe(seconds, now)
        return cell.operation

    def _cell(self, endpoint: object, status: int, client_kind: str) -> _Cell:
        operation, route_class = self._names.get(endpoint, NO_ROUTE)
        status_class = f"{status // 100}xx" if status else UNANSWERED
        requests = self._requests.labels(operation, str(status), client_kind)
        return _Cell(operation, requests, self._seconds.labels(route_class, status_class))


def _names(routes: Sequence[BaseRoute], operations: Sequence[Operated]) -> dict[object, tuple[str, str]]:
    """Give each endpoint's operation and class; a page that is no operation of the table is public."""
    table = {(o.method, _PARAMETER.sub("{}", o.path)): (o.operation_id, o.route_class) for o in operations}
    names: dict[object, tuple[str, str]] = {}
    for route in routes:
        if isinstance(route, Route):
            path = _PARAMETER.sub("{}", route.path)
            found = (table.get((method, path)) for method in sorted(route.methods or ()))
            unlisted = getattr(route.endpoint, "__name__", "none"), "public"
            names[route.endpoint] = next((name for name in found if name), unlisted)
    return names


class Edge:
    """One pure ASGI layer around everything; `quiet` endpoints are asked by machines, and are no traffic."""

    def __init__(
        self, app: ASGIApp, traffic: Traffic | None, tracing: Tracing, quiet: frozenset[Callable[..., object]]
    ) -> None:
        self._app = app
        self._traffic = traffic
        self._tracing = tracing
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = header(scope, b"x-request-id")
        own = None if may_be_kept(asked) else os.urandom(16).hex()
        current = own or asked
        token = request_id.set(current)
        span = self._tracing.request(scope, current, own)
        begun = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", current.encode())]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            if scope.get("endpoint") not in self._quiet:
                self._tell(scope, status, begun, span)
            elif span is not None:
                span.end()
            request_id.reset(token)

    def _tell(self, scope: Scope, status: int, begun: float, span: Span | None) -> None:
        now = time.perf_counter()
        operation = "none"
        if self._traffic is not None:
            operation = self._traffic.observe(scope, status, now - begun, now)
        logger.info("request.answered", operation=operation, status=status, ms=round((now - begun) * 1000, 1))
        if span is not None:
            span.tell(operation=operation, status=status)
            span.end(None if status else "unanswered", name=operation)


def header(scope: Scope, name: bytes) -> str:
    """Give a header's last value, empty where there is none."""
    return next((value.decode("latin-1") for known, value in reversed(scope["headers"]) if known == name), "")
