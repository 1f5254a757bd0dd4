"""Metrics: each is declared once, where it is told, with what it means; docs/metrics.md is made of the declarations."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["QUESTIONS", "CounterOf", "Declared", "GaugeOf", "HistogramOf", "Question"]

Question = Literal["flowing", "right", "fast", "safe", "lasting"]
"""Which of an operator's five questions a metric answers."""

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
    processes that tell it, such as "visits api" or "all".
    """

    name: str
    question: Question
    by: str
    vi: str
    en: str
    labels: tuple[str, ...] = ()


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
