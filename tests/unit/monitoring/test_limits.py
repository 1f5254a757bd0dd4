"""One limit, said twice: where Prometheus looks, and where the terminal does."""

import math
import re
from pathlib import Path

import pytest
import yaml

from deploy.ops.status.answers import LIMITS

FILE = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules" / "checks.yml"
RULES = {
    rule["labels"]["check"]: rule["expr"]
    for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if rule["record"] == "tungnha:check"
}
ONLY_NOW = {"answers"}
"""How long a database takes to answer this very look; Prometheus has the services' own seconds instead."""


def _limits(expression: str) -> set[float]:
    """Give what an expression compares with; what may not be less than a share is told as what may not be more."""
    found = set()
    for sign, number, factor in re.findall(r"([<>]) bool ([\d.]+)(?: \* ([\d.]+))?", expression):
        limit = float(number) * float(factor or 1)
        found.add(limit if sign == ">" else round(1 - limit, 6))
    return found


@pytest.mark.parametrize("check", sorted(LIMITS.keys() - ONLY_NOW))
def test_the_terminal_and_prometheus_judge_by_the_same_limits(check: str) -> None:
    assert _limits(RULES[check]) == {limit for limit in LIMITS[check] if math.isfinite(limit)}
