"""JSON logs and the Prometheus registry of a process."""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

__all__ = ["configure_logging", "get_logger", "new_registry", "render", "request_id"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request at hand; written into logs and into the headers of the events it causes."""


def _json(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)


def configure_logging(service: str, process: str, level: str = "info") -> None:
    """Write one JSON object a line to standard output; standard logging's lines look the same."""

    def say_whose(_: object, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        event["process"] = process
        event["level"] = "error" if level == "exception" else level
        event["timestamp"] = datetime.now(UTC)
        if current := request_id.get():
            event.setdefault("request_id", current)
        return event

    shared: list[structlog.typing.Processor] = [say_whose, structlog.processors.format_exc_info]
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
    # A refused connection is retried and told by our own loops; the client's own lines would drown it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Give the logger of a module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def new_registry() -> CollectorRegistry:
    """Make the registry of one process, with the process's own figures."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> tuple[bytes, str]:
    """Give the exposition text and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
