"""What was seen at one look, before anybody judges it; None is what could not be seen."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.ops.watch.held import Held
from deploy.ops.watch.servers import Server

__all__ = ["Compared", "Database", "Process", "Sample", "Seen", "quantile"]


@dataclass(frozen=True)
class Sample:
    """One line of a process's metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Process:
    """A process that was asked: whether it is ready, why not (nothing where it did not answer), and what it tells."""

    name: str
    ready: bool
    why_not: str = ""
    samples: Sequence[Sample] = ()

    def values(self, name: str, **labels: Sequence[str]) -> Iterator[Sample]:
        """Give the samples of a metric whose labels are among those given."""
        for sample in self.samples:
            if sample.name == name and all(sample.labels.get(key) in some for key, some in labels.items()):
                yield sample


@dataclass(frozen=True)
class Database:
    """A database that was asked; `error` says why it could not be."""

    error: str = ""
    server: Server | None = None
    size_bytes: int | None = None
    answer_seconds: float = 0.0
    """How long a statement takes that asks for little, on a connection that is open."""
    unpublished_seconds: float | None = None
    """How old the oldest row is that its relay has not sent; None where there is no relay."""


@dataclass(frozen=True)
class Compared:
    """Conservation: how much was compared, and what was wrong."""

    missing: int
    unknown: int
    rows: int
    heads: int
    whole: bool


@dataclass
class Seen:
    """Everything."""

    at: float = field(default_factory=time.time)
    databases: dict[str, Database] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    unfolded_records: int | None = None
    unfolded_seconds: float | None = None
    dead_letters: int | None = None
    held: Held | None = None
    compared: Compared | None = None
    members_read: int | None = None
    """Reads of members in the last hour."""
    disk: tuple[int, int] | None = None
    """Bytes that are free, and all."""

    def process(self, name: str) -> Process | None:
        """Give a process, None where it was not asked or did not answer."""
        return next((each for each in self.processes if each.name == name and each.samples), None)

    def every(self, name: str, **labels: Sequence[str]) -> list[Sample]:
        """Give the samples of a metric of all processes."""
        return [sample for each in self.processes for sample in each.values(name, **labels)]


def quantile(share: float, buckets: Sequence[Sample]) -> tuple[float, int] | None:
    """Give an upper bound of the seconds within which so large a share was, and of how many; None of nothing."""
    totals: dict[float, float] = {}
    for sample in buckets:
        bound = float(sample.labels["le"])
        totals[bound] = totals.get(bound, 0) + sample.value
    count = totals.get(float("inf"), 0)
    if not count:
        return None
    bound = min(bound for bound, below in totals.items() if below >= share * count)
    return bound, int(count)
