"""Every metric that a rule, an alert or a panel names is told by somebody, with the labels that are asked of it."""

import pytest

from deploy.grafana.__main__ import DASHBOARDS
from deploy.local.processes import APART
from libs.common.meters import told_by
from tests.support.monitoring import (
    PROMETHEUS,
    alerts,
    declared,
    known_metrics,
    panels,
    read_yaml,
    records,
    substituted,
)
from tests.support.promql import read_query

QUERIES = {
    **{f"record {rule.name} {number}": rule.expr for number, rule in enumerate(records())},
    **{f"alert {rule.name}": rule.expr for rule in alerts()},
    **{
        f"{dashboard.uid} {panel.id} {number}": target.expr
        for dashboard, panel in panels()
        for number, target in enumerate(panel.targets)
    },
    **{
        f"{dashboard.uid} ${variable.name}": variable.query.partition("(")[2].rpartition(")")[0].split(", ")[0]
        for dashboard in DASHBOARDS
        for variable in dashboard.variables
    },
}
JOBS = {job["job_name"] for job in read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_what_a_query_names_exists_with_its_labels(query: str) -> None:
    asked, faults = read_query(substituted(query), known_metrics())
    assert asked
    assert faults == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_metric_is_asked_of_a_process_that_tells_it(query: str) -> None:
    asked, _ = read_query(substituted(query), known_metrics())
    for one in asked:
        base = one.metric.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        metric = declared().get(one.metric) or declared().get(base)
        if metric is not None and "job" in one.equal:
            assert one.equal["job"] in {name.replace(" ", "-") for name in told_by(metric)}, one


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("sum(log_unfolded_second)", "nobody tells log_unfolded_second"),
        ('log_unfolded_seconds{province="87"}', "province is no label of log_unfolded_seconds"),
        ("sum by (topic) (log_unfolded_seconds)", "topic is no label of"),
        ("max(up) * on (job) max(up)", "job is no label of"),
        ("sum by (le) (rate(http_request_seconds_count[5m]))", "le is no label of"),
        ("up * on (job) group_left (name) max by (job) (up)", "name is no label of"),
    ],
)
def test_a_wrong_name_is_found(query: str, fault: str) -> None:
    _, faults = read_query(query, known_metrics())
    assert any(fault in one for one in faults), faults


def test_what_is_scraped_is_every_process_there_is() -> None:
    assert {process.name for process in APART} == JOBS
