"""The table says what falls short, the file keeps what did not run this time, the plot is drawn."""

import io
import json
from pathlib import Path

import pytest

from tests.bench.__main__ import MODULES, main
from tests.bench.figures import Figure
from tests.bench.plot import series
from tests.bench.report import MEANING, spoken, table, tell

GOOD = Figure("P1", "ratio", "ratio", (0.2, 0.31, 0.4), at_least=0.18, aim=0.30, note="CPU: gateway 50%")
BAD = Figure("P6", "p99_1000", "ms", (100.0,), at_most=80, aim=40)
GROWING = [Figure("P11", f"fold_{10**n}", "facts/s", (1000.0 + n,)) for n in (7, 5, 6)]


def test_the_table_tells_what_holds_and_what_falls_short() -> None:
    lines = table([GOOD, BAD]).splitlines()
    ratio = next(line for line in lines if line.startswith("  ratio"))
    late = next(line for line in lines if line.startswith("  p99_1000"))
    assert ratio.split() == ["ratio", "0.2", "0.31", "0.4", "ratio", "≥", "0.18", "0.3", "reaches", "the", "aim"]
    assert late.endswith("FALLS SHORT")
    assert "P1  visits through the gateway" in "\n".join(lines)
    assert "      CPU: gateway 50%" in lines


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [
        (0.12345, "ratio", "0.123"),
        (41.26, "ratio", "41.3"),
        (812.34, "ms", "812.3"),
        (14323.6, "rows/s", "14,324"),
        (123_456_789, "bytes", "123.5 MB"),
    ],
)
def test_numbers_are_written_as_people_read_them(number: float, unit: str, words: str) -> None:
    assert spoken(number, unit) == words


def test_a_figure_that_falls_short_or_a_measurement_that_failed_is_named_and_fails_the_run(tmp_path: Path) -> None:
    assert tell([GOOD], [], tmp_path, io.StringIO()) == 0
    out = io.StringIO()
    assert tell([GOOD, BAD], [], tmp_path, out) == 1
    assert "P6 p99_1000 falls short: 100.0, ≤ 80" in out.getvalue()
    out = io.StringIO()
    assert tell([GOOD], ["P3"], tmp_path, out) == 1
    assert "P3 was not measured" in out.getvalue()


def test_a_measurement_that_did_not_run_keeps_its_last_figures(tmp_path: Path) -> None:
    tell([GOOD, BAD], [], tmp_path, io.StringIO())
    tell([Figure("P1", "other", "ms", (1.0,))], [], tmp_path, io.StringIO())
    kept = json.loads((tmp_path / "latest.json").read_text())
    assert kept["P1"].keys() == {"other"}
    assert kept["P6"]["p99_1000"]["median"] == 100


def test_the_plot_is_drawn_from_what_grows_and_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    tell(GROWING, [], tmp_path, io.StringIO())
    first = (tmp_path / "cost.svg").read_text()
    tell(GROWING, [], tmp_path, io.StringIO())
    assert (tmp_path / "cost.svg").read_text() == first
    assert "facts folded a second" in first
    kept = json.loads((tmp_path / "latest.json").read_text())
    assert [size for size, _ in series(kept["P11"], "fold")] == [10**5, 10**6, 10**7]


def test_every_measurement_has_a_module_and_a_meaning() -> None:
    assert sorted(code for codes in MODULES.values() for code in codes) == sorted(MEANING)


def test_an_unknown_measurement_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--q", "P4,P99"])
    assert "no such measurement: P99" in capsys.readouterr().err
