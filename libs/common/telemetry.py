"""JSON logs and the Prometheus registry of a process."""

import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from libs.common.meters import Declared
from libs.common.reason import traceback_of
from libs.common.tracing import trace_id

__all__ = [
    "configure_logging",
    "get_logger",
    "may_be_kept",
    "new_registry",
    "render",
    "request_id",
    "trace_id",
]

PYTHON_LABELS = ("version", "implementation", "major", "minor", "patchlevel")

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request at hand; written into logs and into the headers of the events it causes."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MADE = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SOMEBODY = re.compile(r"(?<![0-9])(?:[0-9]{12}|(?:84|0)[235789][0-9]{8,9})(?![0-9])")


def may_be_kept(asked: str) -> bool:
    """Say whether a request's id may be what a client calls it.

    It is written down in many places: what could be somebody's number is not, unless it is one of the forms that are
    made at random.
    """
    if _REQUEST_ID.fullmatch(asked) is None:
        return False
    return _MADE.fullmatch(asked) is not None or _SOMEBODY.search(asked) is None


def _json(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)


def _tell_error(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put where an error was raised in the place of the error, whose own words may quote what was sent."""
    told = event.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exception"] = traceback_of(error)
    return event


def configure_logging(service: str, process: str, level: str = "info") -> None:
    """Write one JSON object a line to standard output; standard logging's lines look the same."""

    def say_whose(_: object, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        event["process"] = process
        event["level"] = "error" if level == "exception" else level
        event["timestamp"] = datetime.now(UTC)
        if current := request_id.get():
            event.setdefault("request_id", current)
        if trace := trace_id():
            event.setdefault("trace_id", trace)
        return event

    shared: list[structlog.typing.Processor] = [say_whose, _tell_error]
    # Our own lines, one for each request, go straight to the stream: by standard logging they cost four times that.
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(lambda event, **_: _json(event).decode()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    # A refused connection is retried and told by our own loops; the client's own lines would drown it.
    for name in ("aiokafka", "opentelemetry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Give the logger of a module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _given(name: str, vi: str, en: str, *labels: str) -> Declared:
    """Say what a metric means that the client library tells of every process by itself."""
    return Declared(name, "lasting", "all", vi, en, labels)


GIVEN = (
    _given("process_cpu_seconds_total", "Thời gian CPU đã dùng.", "Processor time used."),
    _given("process_resident_memory_bytes", "Bộ nhớ thật đang dùng.", "Memory in use."),
    _given("process_virtual_memory_bytes", "Bộ nhớ ảo.", "Virtual memory."),
    _given(
        "process_start_time_seconds",
        "Lúc tiến trình khởi động (giây từ 1970).",
        "When it started (seconds since 1970).",
    ),
    _given("process_open_fds", "Số tệp và kết nối đang mở.", "Files and connections open."),
    _given("process_max_fds", "Số tệp và kết nối được phép mở.", "Files and connections that may be open."),
    _given("python_info", "Phiên bản Python (luôn là 1).", "Python's version (always 1).", *PYTHON_LABELS),
    _given(
        "python_gc_objects_collected_total",
        "Rác đã dọn, theo thế hệ.",
        "Garbage collected, by generation.",
        "generation",
    ),
    _given(
        "python_gc_objects_uncollectable_total",
        "Rác không dọn được.",
        "Garbage that could not be collected.",
        "generation",
    ),
    _given("python_gc_collections_total", "Số lần dọn rác.", "Collections of garbage.", "generation"),
)


def new_registry() -> CollectorRegistry:
    """Make the registry of one process, with the process's own figures."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # When a counter began would be a series beside each.
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """Give the exposition and its content type: OpenMetrics, which has exemplars, where the scraper takes it."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
