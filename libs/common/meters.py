"""Metrics: each is declared once, where it is told, with what it means; docs/metrics.md is made of the declarations."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["PROCESSES", "QUESTIONS", "CounterOf", "Declared", "GaugeOf", "HistogramOf", "Question", "named", "told_by"]

Question = Literal["flowing", "right", "fast", "safe", "lasting"]
"""Which of an operator's five questions a metric answers."""

PROCESSES = (
    "gateway api",
    "registry api",
    "registry relay",
    "visits api",
    "visits consumer",
    "visits relay",
    "metrics api",
    "metrics consumer",
    "watch",
)
"""Every process that has a /metrics, as `by` names it; a scraper's `job` has a hyphen for the space."""

_GROUPS = {
    "apis": tuple(process for process in PROCESSES if process.endswith(" api")),
    "relays": tuple(process for process in PROCESSES if process.endswith(" relay")),
    "consumers": tuple(process for process in PROCESSES if process.endswith(" consumer")),
    "services": tuple(process for process in PROCESSES if process != "watch"),
    "all": PROCESSES,
}

QUESTIONS: dict[Question, tuple[str, str]] = {
    "flowing": ("Dữ liệu có chảy không?", "Is it flowing?"),
    "right": ("Số liệu có đúng không?", "Is it right?"),
    "fast": ("Có nhanh không?", "Is it fast?"),
    "safe": ("Có an toàn không?", "Is it safe?"),
    "lasting": ("Có trụ được lâu không?", "Will it last?"),
}


@dataclass(frozen=True)
class Declared:
    """What is said of a metric. Labels are bounded: a province at the finest, never a commune, team, client or person.

    `name` ends with its unit (`_seconds`, `_bytes`, `_events`, `_records` …), a counter's with `_total`; `by` names the
    processes that tell it, such as "visits api, metrics api" (`told_by` reads it).
    """

    name: str
    question: Question
    by: str
    vi: str
    en: str
    labels: tuple[str, ...] = ()


def named(processes: tuple[str, ...]) -> str:
    """Name some processes shortly, by their group where there is one."""
    return next((name for name, group in _GROUPS.items() if processes == group), ", ".join(processes))


def told_by(declared: Declared) -> tuple[str, ...]:
    """Give the processes that tell a metric; raises ValueError where `by` names none that there is.

    `by` is a list of processes and of groups of them: apis, relays, consumers, services (all of these), all (the watch
    beside the services, too).
    """
    named: set[str] = set()
    for part in declared.by.split(","):
        found = _GROUPS.get(part.strip(), (part.strip(),))
        if not set(found) <= set(PROCESSES):
            raise ValueError(f"{declared.name}: there is no process {part.strip()!r}")
        named.update(found)
    return tuple(process for process in PROCESSES if process in named)


@dataclass(frozen=True)
class CounterOf(Declared):
    """Only ever rises, from 0 at the start of a process."""

    def on(self, registry: CollectorRegistry) -> Counter:
        """Make it in a process's registry."""
        return Counter(self.name, self.en, self.labels, registry=registry)


@dataclass(frozen=True)
class GaugeOf(Declared):
    """A state of this moment."""

    def on(self, registry: CollectorRegistry) -> Gauge:
        """Make it in a process's registry."""
        return Gauge(self.name, self.en, self.labels, registry=registry)


@dataclass(frozen=True)
class HistogramOf(Declared):
    """How often a quantity was up to each of `buckets`, in the unit of the name."""

    buckets: tuple[float, ...] = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

    def on(self, registry: CollectorRegistry) -> Histogram:
        """Make it in a process's registry."""
        return Histogram(self.name, self.en, self.labels, buckets=self.buckets, registry=registry)
