"""docs/metrics.md is what the code declares, and every declaration says enough."""

import pytest

from libs.common.meters import PROCESSES, CounterOf, Declared, GaugeOf, HistogramOf, told_by
from libs.common.metrics_page import PAGE, declarations, main, page

DECLARED = declarations()
FORBIDDEN = {"commune", "team", "client", "client_id", "person", "unit", "member", "reporter", "path"}
UNITS = ("_seconds", "_bytes", "_events", "_records", "_entries", "_units", "_cells", "_connections")


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(DECLARED), "run make freeze"
    assert main(["--check"]) == 0


@pytest.mark.parametrize("one", DECLARED, ids=lambda one: one.name)
def test_each_is_told_by_processes_that_there_are_in_both_languages_with_bounded_labels(one: Declared) -> None:
    assert set(told_by(one)) <= set(PROCESSES)
    assert one.vi.strip()
    assert one.en.strip()
    assert one.vi != one.en
    assert not FORBIDDEN & set(one.labels)
    assert isinstance(one, CounterOf) == (one.name.endswith("_total") and type(one) is not Declared)


@pytest.mark.parametrize("one", [one for one in DECLARED if isinstance(one, HistogramOf)], ids=lambda one: one.name)
def test_a_histograms_name_has_its_unit(one: HistogramOf) -> None:
    assert one.name.endswith(UNITS)
    assert list(one.buckets) == sorted(set(one.buckets))


def test_who_tells_is_read_by_processes_and_groups() -> None:
    def of(by: str) -> tuple[str, ...]:
        return told_by(GaugeOf("x", "fast", by, "vi", "en"))

    assert of("visits api, relays") == ("registry relay", "visits api", "visits relay")
    assert of("all") == PROCESSES
    assert of("services") == tuple(process for process in PROCESSES if process != "watch")
    with pytest.raises(ValueError, match="there is no process 'visit api'"):
        of("visit api")
