"""What is told of the batches that are folded."""

from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, Histogram

from libs.common.consume import Handled, Meters
from libs.common.meters import HistogramOf

__all__ = ["EVENTS", "SECONDS", "Folds"]

SECONDS = HistogramOf(
    "fold_batch_seconds",
    "fast",
    "metrics consumer",
    "Thời gian cộng một lô bản ghi vào số liệu, kể cả commit. Lô lâu hơn 0,2 giây thì lô sau được chia nhỏ.",
    "Seconds to fold a batch of records into the numbers, its commit included. After one of more than 0.2 s the next "
    "are smaller.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
EVENTS = HistogramOf(
    "fold_batch_events",
    "fast",
    "metrics consumer",
    "Số sự kiện trong một lô được cộng.",
    "Events in a batch that is folded.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)


@dataclass(frozen=True)
class Folds:
    """Observes batches of records; those of teams and members are no folds."""

    seconds: Histogram
    events: Histogram

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "Folds":
        """Observe in a process's registry."""
        return cls(SECONDS.on(registry), EVENTS.on(registry))

    def told_by(self, meters: Meters) -> Meters:
        """Give the meters of a loop, with each of its batches told here, too."""
        return replace(meters, each_batch=self._batch)

    def _batch(self, handled: Handled, seconds: float) -> None:
        self.seconds.observe(seconds)
        self.events.observe(handled.events)
