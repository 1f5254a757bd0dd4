"""Rules, alerts and dashboards as the tree has them, and the metrics that there are to ask for."""

import importlib
import pkgutil
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import deploy
import libs
import services
from deploy.grafana.__main__ import DASHBOARDS
from deploy.grafana.vocabulary import Dashboard, Panel
from libs.common.meters import CounterOf, Declared, HistogramOf
from libs.common.telemetry import new_registry
from tests.support.promql import TARGET, Labels, answer_labels

__all__ = [
    "ALERTS",
    "PROMETHEUS",
    "ROOT",
    "Rule",
    "alerts",
    "declared",
    "known_metrics",
    "panels",
    "promtool",
    "read_yaml",
    "records",
    "substituted",
]

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS: Labels = frozenset({"alertname", "alertstate", "severity", "question", "job", "instance", "province", "slo"})
OF_PROMETHEUS: Mapping[str, Labels] = {"up": TARGET, "ALERTS": ALERTS}

MISSING_PROMTOOL = """\
promtool is missing, so no rule and no alert was tried. It comes with Prometheus:
  apt-get install --no-install-recommends prometheus     (macOS: brew install prometheus)"""


@dataclass(frozen=True)
class Rule:
    """A recording rule or an alert."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    waits: str
    file: Path


def _rules(folder: str, kind: str) -> Iterator[Rule]:
    for file in sorted((PROMETHEUS / folder).glob("*.yml")):
        for group in read_yaml(file)["groups"]:
            for rule in group["rules"]:
                annotations, waits = rule.get("annotations", {}), rule.get("for", "")
                yield Rule(rule[kind], rule["expr"], rule.get("labels", {}), annotations, waits, file)


@cache
def records() -> list[Rule]:
    """Give the recording rules."""
    return list(_rules("rules", "record"))


@cache
def alerts() -> list[Rule]:
    """Give the alerts."""
    return list(_rules("alerts", "alert"))


def panels() -> list[tuple[Dashboard, Panel]]:
    """Give every panel with its dashboard."""
    return [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.panels]


@cache
def declared() -> Mapping[str, Declared]:
    """Give every metric that the code declares, by its name."""
    found: dict[str, Declared] = {}
    for package in (libs, services, deploy):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith(".__main__") or ".migrations" in info.name:
                continue
            for one in vars(importlib.import_module(info.name)).values():
                if isinstance(one, Declared):
                    found[one.name] = one
    return found


def _exposed(metric: Declared) -> dict[str, Labels]:
    labels = frozenset(metric.labels) | TARGET
    if isinstance(metric, HistogramOf):
        parts = {f"{metric.name}_sum": labels, f"{metric.name}_count": labels}
        return {**parts, f"{metric.name}_bucket": labels | {"le"}}
    if isinstance(metric, CounterOf):
        return {metric.name.removesuffix("_total") + "_total": labels}
    return {metric.name: labels}


@cache
def known_metrics() -> Mapping[str, Labels]:
    """Give every series that can be asked for, with its labels: declared, of the process, of Prometheus, recorded."""
    known = dict(OF_PROMETHEUS)
    for metric in declared().values():
        known |= _exposed(metric)
    for family in new_registry().collect():
        for sample in family.samples:
            known[sample.name] = frozenset(sample.labels) | TARGET
    for _ in range(3):  # A rule may stand on one that is recorded by a file read later.
        for rule in records():
            known[rule.name] = known.get(rule.name, frozenset()) | answer_labels(rule.expr, known) | set(rule.labels)
    return known


def substituted(query: str, values: Mapping[str, str] | None = None) -> str:
    """Put in what Grafana puts in for variables: by default All, over an hour, at a scrape every 15 seconds."""
    known = {"province": ".*", "job": ".*", "__rate_interval": "1m", "__interval": "15s", "__range": "1h"}
    for name, value in {**known, **(values or {})}.items():
        query = query.replace(f"${name}", value)
    assert "$" not in query, query
    return query


def promtool() -> str:
    """Give the path of promtool; raises AssertionError that says how to get it."""
    found = shutil.which("promtool")
    assert found is not None, MISSING_PROMTOOL
    return found


@cache
def read_yaml(file: Path) -> Any:
    """Read a YAML file, once; by libyaml where it is there, which takes a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506 both are safe loaders
