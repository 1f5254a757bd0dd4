"""A process's own log within a test: configured as a process does, and put back."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from libs.common.telemetry import configure_logging

__all__ = ["process_log"]

Lines = Callable[[], list[dict[str, Any]]]


@contextmanager
def process_log(captured: pytest.CaptureFixture[bytes], service: str, process: str) -> Iterator[Lines]:
    """Log as a process while the block runs; gives what reads the lines written since it was last asked."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level

    def read() -> list[dict[str, Any]]:
        sys.stdout.flush()
        return [json.loads(line) for line in captured.readouterr().out.splitlines()]

    configure_logging(service, process)
    try:
        yield read
    finally:
        logging.captureWarnings(False)
        structlog.configure(**before)
        root.handlers, root.level = handlers, level
