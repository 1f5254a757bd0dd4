"""How long questions take, from the snapshot to the answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry

from libs.common.meters import HistogramOf

__all__ = ["SECONDS", "Kind", "QuerySeconds", "Timing"]

Kind = Literal["metrics", "network", "statements", "rehearsal"]
Timing = Callable[[], AbstractContextManager[None]]
"""Times a block."""

SECONDS = HistogramOf(
    "query_seconds",
    "fast",
    "metrics api",
    "Thời gian tính một câu trả lời, không kể đọc yêu cầu và chờ `at_least`, theo loại câu hỏi: `metrics`, `network`, "
    "`statements`, `rehearsal`.",
    "Seconds to make an answer, without reading the request and waiting for `at_least`, by kind of question: "
    "`metrics`, `network`, `statements`, `rehearsal`.",
    ("kind",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


class QuerySeconds:
    """Observes questions of each kind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = SECONDS.on(registry)

    def of(self, kind: Kind) -> Timing:
        """Give the timing of a kind of question; one that ends with an error counts, too."""
        child = self._seconds.labels(kind)

        @contextmanager
        def timing() -> Iterator[None]:
            begun = time.perf_counter()
            try:
                yield
            finally:
                child.observe(time.perf_counter() - begun)

        return timing
