"""Figures are judged by their median, ratios are taken round by round."""

import json

import pytest

from tests.bench.figures import Figure, by_code, short
from tests.bench.rounds import interleaved, ratios


def test_a_figure_holds_where_its_median_keeps_the_bound() -> None:
    assert Figure("P1", "ratio", "ratio", (0.1, 0.2, 0.9), at_least=0.2).holds is True
    assert Figure("P1", "ratio", "ratio", (0.1, 0.1, 0.9), at_least=0.2).holds is False
    assert Figure("P6", "p99", "ms", (70, 80, 500), at_most=80).holds is True
    assert Figure("P6", "p99", "ms", (81,), at_most=80).holds is False
    assert Figure("P1", "floor", "rows/s", (1,)).holds is None


def test_an_aim_lies_beyond_the_bound_on_its_own_side() -> None:
    assert Figure("P1", "ratio", "ratio", (0.3,), at_least=0.2, aim=0.3).aim_reached is True
    assert Figure("P6", "p99", "ms", (60,), at_most=80, aim=40).aim_reached is False
    assert Figure("P6", "p99", "ms", (40,), at_most=80, aim=40).aim_reached is True
    assert Figure("P10", "rss", "bytes", (1e8,), aim=1.5e8, less_is_better=True).aim_reached is True
    assert Figure("P1", "floor", "rows/s", (1,)).aim_reached is None


def test_a_figure_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="P1 ratio"):
        Figure("P1", "ratio", "ratio", ())


def test_figures_of_one_code_are_kept_together_with_the_bounds_of_the_judged_one() -> None:
    figures = [
        Figure("P1", "floor", "rows/s", (3.0, 1.0, 2.0)),
        Figure("P1", "ratio", "ratio", (0.2,), at_least=0.18, aim=0.3),
        Figure("P1", "cpu", "CPU ms/visit", (0.05,), at_most=0.1),
        Figure("P6", "p99", "ms", (1.0,)),
    ]
    told = json.loads(json.dumps(by_code(figures)))
    assert told.keys() == {"P1", "P6"}
    assert {name: told["P1"][name] for name in ("at_least", "aim", "rounds")} == {
        "at_least": 0.18,
        "aim": 0.3,
        "rounds": 1,
    }
    assert told["P1"]["floor"]["min"] == 1
    assert told["P1"]["floor"]["median"] == 2
    assert told["P1"]["floor"]["max"] == 3
    assert told["P1"]["cpu"]["at_most"] == 0.1
    assert told["P6"]["p99"]["unit"] == "ms"


def test_only_a_figure_with_a_bound_can_fall_short() -> None:
    good, bad = Figure("P1", "a", "ms", (1,), at_most=2), Figure("P1", "b", "ms", (3,), at_most=2)
    assert short([good, bad, Figure("P1", "c", "ms", (9,), aim=1)]) == [bad]


async def test_the_ways_take_turns_in_every_round_and_the_first_round_is_thrown_away() -> None:
    turns: list[str] = []

    async def floor() -> float:
        turns.append("floor")
        return len(turns)

    async def ours() -> float:
        turns.append("ours")
        return len(turns)

    found = await interleaved(2, floor=floor, ours=ours)
    assert turns == ["floor", "ours"] * 3
    assert found == {"floor": [3, 5], "ours": [4, 6]}


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([1, 6], [2, 3]) == (0.5, 2)
    with pytest.raises(ValueError, match="zip"):
        ratios([1], [1, 2])
