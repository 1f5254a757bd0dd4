"""A figure: what was measured in each round, what it has to reach, whether it does."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Figure", "by_code", "short"]


@dataclass(frozen=True)
class Figure:
    """One number of a measurement, a value for each round; judged by the median, where it has a bound."""

    code: str
    name: str
    unit: str
    values: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None
    note: str = ""
    less_is_better: bool = False

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.code} {self.name}: a figure needs a value")

    @property
    def min(self) -> float:
        """The lowest round."""
        return min(self.values)

    @property
    def median(self) -> float:
        """The middle round, which is the one that is judged."""
        return statistics.median(self.values)

    @property
    def max(self) -> float:
        """The highest round."""
        return max(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether the bounds are kept; None where there is none."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.median >= self.at_least) and (
            self.at_most is None or self.median <= self.at_most
        )

    @property
    def aim_reached(self) -> bool | None:
        """Whether the aim, which lies beyond the bound, is reached; None where there is none."""
        if self.aim is None:
            return None
        down = self.less_is_better or self.at_most is not None
        return self.median <= self.aim if down else self.median >= self.aim

    def to_json(self) -> dict[str, Any]:
        """Give what is kept of the figure, without what it does not have."""
        told = {
            "unit": self.unit,
            "min": self.min,
            "median": self.median,
            "max": self.max,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "aim": self.aim,
            "holds": self.holds,
            "rounds": len(self.values),
            "values": list(self.values),
            "note": self.note or None,
        }
        return {name: value for name, value in told.items() if value is not None}


def by_code(figures: Iterable[Figure]) -> dict[str, dict[str, Any]]:
    """Give the figures by code and name; the first with a bound also says its bounds for the whole code."""
    found: dict[str, dict[str, Any]] = {}
    for figure in figures:
        told = figure.to_json()
        of_code = found.setdefault(figure.code, {})
        if figure.holds is not None and "rounds" not in of_code:
            bounds = ("at_least", "at_most", "aim", "rounds")
            of_code |= {name: told[name] for name in bounds if name in told}
        of_code[figure.name] = told
    return found


def short(figures: Iterable[Figure]) -> Sequence[Figure]:
    """Give the figures that fall short of their bounds."""
    return [figure for figure in figures if figure.holds is False]
