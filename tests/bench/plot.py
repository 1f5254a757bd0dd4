"""Cost as the work grows, drawn from the figures of P11."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

__all__ = ["draw", "series"]

PANELS = (
    ("fold", "facts in the database", "facts folded a second", "log"),
    ("query", "facts in the database", "ms for a query", "log"),
    ("partitions", "partitions of the topic", "facts folded a second", "linear"),
)


def series(told: Mapping[str, Any], name: str) -> list[tuple[int, Mapping[str, float]]]:
    """Give the figures called `<name>_<number>` in the order of their numbers."""
    found = ((re.fullmatch(rf"{name}_(\d+)", key), figure) for key, figure in told.items())
    return sorted(((int(match[1]), figure) for match, figure in found if match), key=lambda pair: pair[0])


def draw(told: Mapping[str, Any], path: Path) -> None:
    """Draw what grows along the bottom, its cost upwards from 0; the bar spans the rounds, the point is the median."""
    panels = [(panel, series(told, panel[0])) for panel in PANELS]
    drawn = [(panel, points) for panel, points in panels if points]
    if not drawn:
        return
    # The same numbers give the same bytes.
    with mpl.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9}):
        sheet = Sheet(figsize=(3.6 * len(drawn), 2.8), layout="constrained")
        axes = sheet.subplots(1, len(drawn), squeeze=False)[0]
        for ax, ((_, across, up, scale), points) in zip(axes, drawn, strict=True):
            _draw_one(ax, points, across, up, scale)
        sheet.savefig(path, format="svg", metadata={"Date": None})


def _draw_one(ax: Axes, points: list[tuple[int, Mapping[str, float]]], across: str, up: str, scale: str) -> None:
    sizes = [size for size, _ in points]
    medians = [figure["median"] for _, figure in points]
    below = [figure["median"] - figure["min"] for _, figure in points]
    above = [figure["max"] - figure["median"] for _, figure in points]
    ax.errorbar(sizes, medians, yerr=[below, above], marker="o", capsize=3)
    ax.set_xscale(scale)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    ax.grid(visible=True, alpha=0.3)
