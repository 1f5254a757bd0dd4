"""Logs of the services' code that a command runs: on standard error, and only what goes wrong."""

import logging
import sys

import structlog

__all__ = ["only_warnings"]


def only_warnings() -> None:
    """Keep what the services' loops say while all is well out of a command's output."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # A refused connection is retried; the client's own lines would drown what the command says.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
