"""Dashboards: their JSON is fresh and as Grafana's schema has it; whoever looks at one is told what to do."""

import json
from itertools import combinations, pairwise

import pytest
import yaml

from deploy.grafana.__main__ import DASHBOARDS, FOLDER, printed
from deploy.grafana.printing import SCHEMA_VERSION, dashboard_json, described
from deploy.grafana.variables import JOB, PROVINCE
from deploy.grafana.vocabulary import Dashboard, Panel, Words
from tests.support.grafana_schema import faults_of
from tests.support.monitoring import ROOT, alerts, panels

CORE = {"stat", "timeseries", "table", "bargauge", "state-timeline", "text", "heatmap", "gauge", "row"}
EACH_PANEL = pytest.mark.parametrize(
    ("dashboard", "panel"), panels(), ids=[f"{dashboard.uid}-{panel.id}" for dashboard, panel in panels()]
)
EACH = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)


@EACH
def test_the_json_in_the_tree_is_what_the_code_prints(dashboard: Dashboard) -> None:
    file = FOLDER / f"{dashboard.uid}.json"
    assert file.read_text(encoding="utf-8") == printed(dashboard), "stale: run `make freeze`"


def test_no_json_is_left_of_a_dashboard_that_is_gone() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {dashboard.uid for dashboard in DASHBOARDS}


@EACH
def test_the_json_is_as_grafanas_schema_has_it(dashboard: Dashboard) -> None:
    assert faults_of(json.loads(printed(dashboard))) == []


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda one: one.update(titel="x"), "dashboard.titel: there is no such key"),
        (lambda one: one["panels"][1]["options"].update(colorMod="x"), "options.colorMod: there is no such key"),
        (lambda one: one["panels"][1]["options"].update(colorMode="loud"), "'loud' is not among"),
        (lambda one: one["panels"][1]["gridPos"].update(w="wide"), "'wide' is no int"),
        (lambda one: one["panels"][1]["links"][0].update(icno="x"), "icno: there is no such key"),
        (lambda one: one["panels"][1]["targets"][0].update(format="lines"), "'lines' is not among"),
        (lambda one: one["templating"]["list"][0].update(type="choice"), "'choice' is not among"),
        (lambda one: one["panels"][1]["fieldConfig"]["defaults"].update(unit=3), "3 is no str"),
    ],
)
def test_the_schema_check_finds_what_grafana_would_pass_over(break_it: object, told: str) -> None:
    assert callable(break_it)
    document = json.loads(printed(DASHBOARDS[0]))
    break_it(document)
    assert any(told in fault for fault in faults_of(document)), faults_of(document)


@EACH
def test_any_grafana_since_ten_can_show_it(dashboard: Dashboard) -> None:
    document = dashboard_json(dashboard, DASHBOARDS)
    assert document["schemaVersion"] == SCHEMA_VERSION <= 38
    assert {panel["type"] for panel in document["panels"]} <= CORE
    assert len(dashboard.uid) <= 40


@EACH
def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: Dashboard) -> None:
    document = dashboard_json(dashboard, DASHBOARDS)
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in document["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@EACH_PANEL
def test_a_panel_says_what_it_shows_and_what_to_do_in_both_languages(dashboard: Dashboard, panel: Panel) -> None:
    for words in (panel.title, panel.shows, panel.wrong):
        assert words.vi.strip()
        assert words.en.strip()
    assert "Khi bất thường" in described(panel)
    assert "When it looks wrong" in described(panel)
    assert panel.unit
    assert panel.targets or panel.kind == "text"


@EACH_PANEL
def test_a_panels_lights_go_up_in_order(dashboard: Dashboard, panel: Panel) -> None:
    if panel.steps:
        first, *rest = panel.steps
        assert first.at is None
        assert all(one.at is not None for one in rest)
        assert all(one.at < other.at for one, other in pairwise(rest) if one.at is not None and other.at is not None)


@EACH_PANEL
def test_a_panel_tells_nothing_known_apart_from_zero(dashboard: Dashboard, panel: Panel) -> None:
    document = dashboard_json(dashboard, DASHBOARDS)
    shown = next(one for one in document["panels"] if one["id"] == panel.id)
    defaults = shown["fieldConfig"]["defaults"]
    assert "no data" in defaults["noValue"]
    assert any(one["type"] == "special" and one["options"]["match"] == "null+nan" for one in defaults["mappings"])
    assert defaults["custom"].get("spanNulls", False) is False
    for target in panel.targets:
        assert "vector(" not in target.expr, "a number out of nothing"
        if panel.kind in ("stat", "bargauge", "table"):
            assert target.instant, "the last value of a series that has ended would look alive"


@EACH_PANEL
def test_a_panel_leads_to_the_runbooks_of_its_alerts_and_they_to_it(dashboard: Dashboard, panel: Panel) -> None:
    leading_here = {
        alert.name
        for alert in alerts()
        if (alert.annotations["dashboard_uid"], alert.annotations["panel_id"]) == (dashboard.uid, str(panel.id))
    }
    assert set(panel.alerts) == leading_here
    document = dashboard_json(dashboard, DASHBOARDS)
    shown = next(one for one in document["panels"] if one["id"] == panel.id)
    urls = {link["url"] for link in shown["links"]}
    assert urls == {f"${{runbooks}}/{alert}.md" for alert in panel.alerts} or not panel.alerts
    assert urls


@EACH
def test_a_dashboard_links_to_all_others_and_to_the_runbooks(dashboard: Dashboard) -> None:
    urls = [link["url"] for link in dashboard_json(dashboard, DASHBOARDS)["links"]]
    others = [f"/d/{one.uid}" for one in DASHBOARDS if one is not dashboard]
    assert urls == [*others, "${runbooks}/README.md"]


def test_words_that_are_the_same_are_said_once() -> None:
    assert str(Words("API", "API")) == "API"
    assert str(Words("Tỉnh", "Province")) == "Tỉnh · Province"


def test_provinces_and_processes_can_be_chosen() -> None:
    chosen = {dashboard.uid: set(dashboard.variables) for dashboard in DASHBOARDS}
    assert PROVINCE in chosen["tungnha-overview"]
    assert PROVINCE in chosen["tungnha-campaign"]
    assert JOB in chosen["tungnha-flow"]
    assert JOB in chosen["tungnha-api"]
    for dashboard in DASHBOARDS:
        for variable in dashboard.variables:
            assert any(f"${variable.name}" in target.expr for panel in dashboard.panels for target in panel.targets)


def test_the_sources_that_dashboards_name_are_provisioned() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "tungnha.yml").read_text(encoding="utf-8"))["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    choice = dashboard_json(DASHBOARDS[0], DASHBOARDS)["templating"]["list"][0]
    assert by_uid[choice["current"]["value"]]["type"] == choice["query"]
    for destination in by_uid["tungnha-prometheus"]["jsonData"]["exemplarTraceIdDestinations"]:
        assert by_uid[destination["datasourceUid"]]["type"] == "tempo"
