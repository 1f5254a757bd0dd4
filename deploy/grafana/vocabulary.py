"""The words dashboards are written in: what is shown, what to do when it looks wrong, how to ask Prometheus."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "ACT",
    "ATTENTION",
    "MUST_BE_ZERO",
    "UNKNOWN",
    "WELL",
    "Column",
    "Dashboard",
    "Kind",
    "Mapping",
    "Panel",
    "Row",
    "Step",
    "Target",
    "Variable",
    "Words",
]

Kind = Literal["stat", "timeseries", "table", "bargauge", "state-timeline", "text", "heatmap"]
"""Grafana's own panels only: none that a plugin would bring."""

WELL, ATTENTION, UNKNOWN, ACT = "green", "yellow", "purple", "red"


@dataclass(frozen=True)
class Words:
    """One text in both languages."""

    vi: str
    en: str

    def __str__(self) -> str:
        """Give both on one line."""
        return self.vi if self.vi == self.en else f"{self.vi} · {self.en}"


@dataclass(frozen=True)
class Target:
    """A question to Prometheus; `legend` names each series by its labels (`{{job}}`)."""

    expr: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False
    empty: str = ""
    """Why there is rightly no answer while all is well; empty where there always is one."""


@dataclass(frozen=True)
class Step:
    """From a value on (None: from below everything) a panel has this colour."""

    color: str
    at: float | None = None


@dataclass(frozen=True)
class Mapping:
    """A value told in words."""

    value: int
    text: Words
    color: str


@dataclass(frozen=True)
class Column:
    """A column of a table: a label's name, or `Value #A` of the first target, `Value #B` of the second …"""

    source: str
    title: Words
    unit: str = "string"
    steps: tuple[Step, ...] = ()
    link: str = ""
    """Where a click on a cell leads."""


@dataclass(frozen=True)
class Panel:
    """One picture. Its id never changes: alerts link to it."""

    id: int
    kind: Kind
    title: Words
    shows: Words
    wrong: Words
    """What to do when it looks wrong."""
    unit: str
    targets: tuple[Target, ...] = ()
    width: int = 8
    height: int = 8
    steps: tuple[Step, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    columns: tuple[Column, ...] = ()
    alerts: tuple[str, ...] = ()
    """The alerts that lead here; each has a page in docs/runbooks."""
    stacked: bool = False
    top: float | None = None
    """The end of the scale, where it has one."""


@dataclass(frozen=True)
class Row:
    """Panels under one heading, laid from left to right."""

    title: Words
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard, filled by a query; All is `.*`."""

    name: str
    label: Words
    query: str
    regex: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A page. Its uid never changes: alerts and the other pages link to it."""

    uid: str
    title: Words
    description: Words
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    since: str = "now-3h"
    tags: tuple[str, ...] = field(default=("tungnha",))

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All its panels."""
        return tuple(panel for row in self.rows for panel in row.panels)


MUST_BE_ZERO = (Step(WELL), Step(ACT, 1))
