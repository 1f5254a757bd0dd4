"""What the watch tells Prometheus: gauges that are absent until they are known, and again when they no longer are."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from libs.common.meters import GaugeOf

__all__ = ["Board"]

Value = float | Callable[[], float]
"""A figure, or what makes it when it is asked for, such as an age."""

LASTS_SECONDS = 60.0


class Board(Collector):
    """Gauges by their declarations, each kept for so long only: an old value must not look like a new one.

    A gauge of prometheus_client would tell 0 from the start; here 0 is told by nobody who has not looked.
    """

    def __init__(
        self,
        gauges: Iterable[GaugeOf],
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._known: dict[GaugeOf, dict[tuple[str, ...], tuple[Value, float]]] = {gauge: {} for gauge in gauges}
        self._clock = clock
        if registry is not None:
            registry.register(self)

    def tell(self, gauge: GaugeOf, value: Value, *labels: str, lasts_seconds: float = LASTS_SECONDS) -> None:
        """Set one value."""
        assert len(labels) == len(gauge.labels), gauge.name
        self._known[gauge][labels] = (value, self._clock() + lasts_seconds)

    def tell_all(
        self, gauge: GaugeOf, values: Mapping[tuple[str, ...], Value], *, lasts_seconds: float = LASTS_SECONDS
    ) -> None:
        """Set all values of a gauge: labels that are not among them are gone."""
        self._known[gauge] = {labels: (value, self._clock() + lasts_seconds) for labels, value in values.items()}

    def withdraw(self, *gauges: GaugeOf, label: str | None = None) -> None:
        """Take back what is no longer known: all of a gauge, or what has the value among its labels."""
        for gauge in gauges:
            kept = {} if label is None else {at: told for at, told in self._known[gauge].items() if label not in at}
            self._known[gauge] = kept

    def values(self, gauge: GaugeOf) -> dict[tuple[str, ...], float]:
        """Give what is known now, by labels."""
        now = self._clock()
        return {
            labels: float(value() if callable(value) else value)
            for labels, (value, until) in self._known[gauge].items()
            if now < until
        }

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give every gauge, also one without a value: that it exists can be seen from the first moment."""
        for gauge in self._known:
            family = GaugeMetricFamily(gauge.name, gauge.en, labels=gauge.labels)
            for labels, value in self.values(gauge).items():
                family.add_metric(labels, value)
            yield family

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Give the names, so that no other can be registered under them."""
        for gauge in self._known:
            yield GaugeMetricFamily(gauge.name, gauge.en, labels=gauge.labels)
