"""Alerts: who is woken, what they are told, where they are led; each is tried for firing and for staying quiet."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.grafana.__main__ import DASHBOARDS
from libs.common.meters import QUESTIONS
from tests.support.monitoring import PROMETHEUS, ROOT, Rule, alerts, known_metrics, read_yaml, substituted
from tests.support.promql import answer_labels

EACH = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
LABEL = re.compile(r"\$labels\.(\w+)")
METRIC = re.compile(r"[a-z_:]+")
RUNBOOK = '{{ or $externalLabels.runbooks "docs/runbooks" }}/%s.md'
DASHBOARD = "{{ $externalLabels.grafana }}/d/%s?viewPanel=%s"
SHORTEST_PAGE_MINUTES = 2


def _cases(alert: str) -> Iterator[Mapping[str, Any]]:
    for file in sorted((PROMETHEUS / "tests").glob("*.yml")):
        for case in read_yaml(file)["tests"]:
            if case["name"].split(":")[0].split()[0] == alert:
                yield case


def _minutes(waits: str) -> int:
    number, unit = int(waits[:-1]), waits[-1]
    return number * {"m": 1, "h": 60}[unit]


@EACH
def test_an_alert_has_a_test_that_it_fires_and_one_that_it_stays_quiet(alert: Rule) -> None:
    fires = [case for case in _cases(alert.name) if case["name"].startswith(f"{alert.name} fires")]
    quiet = [case for case in _cases(alert.name) if case["name"].startswith(f"{alert.name} stays quiet: ")]
    assert fires
    assert quiet
    for case in [*fires, *quiet]:
        for tried in case["promql_expr_test"]:
            assert tried["expr"] == f'ALERTS{{alertname="{alert.name}", alertstate="firing"}}'
            assert bool(tried["exp_samples"]) == (case in fires), case["name"]
    # What it stays quiet about is of the same kind as what it fires for, or nothing would have been tried.
    names = {METRIC.match(one["series"]) for one in fires[0]["input_series"]}
    assert {name and name.group() for name in names} == {
        name and name.group() for name in (METRIC.match(one["series"]) for one in quiet[0]["input_series"])
    }


def test_no_test_is_of_an_alert_that_is_gone() -> None:
    known = {alert.name for alert in alerts()}
    for file in (PROMETHEUS / "tests").glob("*.yml"):
        for case in read_yaml(file)["tests"]:
            for tried in case["promql_expr_test"]:
                for name in re.findall(r'alertname="(\w+)"', tried["expr"]):
                    assert name in known, case["name"]


@EACH
def test_an_alert_says_who_acts_and_which_question_it_answers(alert: Rule) -> None:
    assert alert.labels["severity"] in ("page", "ticket")
    assert alert.labels["question"] in QUESTIONS
    if alert.labels["severity"] == "page":
        assert _minutes(alert.waits) >= SHORTEST_PAGE_MINUTES, "a restart or a take-over would page"


@EACH
def test_an_alert_speaks_both_languages(alert: Rule) -> None:
    for name in ("summary", "description"):
        vi, divider, en = alert.annotations[name].partition(" / ")
        assert divider
        assert vi.strip()
        assert en.strip()
        assert " / " not in en


@EACH
def test_an_alert_leads_to_its_runbook_and_its_panel(alert: Rule) -> None:
    told = alert.annotations
    assert told["runbook_url"] == RUNBOOK % alert.name
    assert (ROOT / "docs" / "runbooks" / f"{alert.name}.md").is_file()
    assert told["dashboard_url"] == DASHBOARD % (told["dashboard_uid"], told["panel_id"])
    by_uid = {dashboard.uid: dashboard for dashboard in DASHBOARDS}
    panel = next(one for one in by_uid[told["dashboard_uid"]].panels if str(one.id) == told["panel_id"])
    assert alert.name in panel.alerts


@EACH
def test_an_alert_names_only_labels_that_it_has(alert: Rule) -> None:
    has = answer_labels(substituted(alert.expr), known_metrics())
    for text in alert.annotations.values():
        assert set(LABEL.findall(text)) <= has, text


def test_alerts_have_names_of_their_own() -> None:
    names = [alert.name for alert in alerts()]
    assert len(names) == len(set(names))
