"""Prints dashboards as Grafana's JSON (schema 38, Grafana 10.1 and newer)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from deploy.grafana.looks import options_of, style_of
from deploy.grafana.vocabulary import Column, Dashboard, Mapping, Panel, Step, Target, Variable, Words

__all__ = ["NO_DATA", "SCHEMA_VERSION", "dashboard_json", "described"]

Json = dict[str, Any]

SCHEMA_VERSION: Final = 38
WIDTH: Final = 24
FIRST_ROW_ID: Final = 1000
SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
NO_DATA: Final = "không có dữ liệu · no data"


def described(panel: Panel) -> str:
    """Give a panel's description: what it shows and what to do, in both languages."""
    return (
        f"{panel.shows.vi}\n\n**Khi bất thường:** {panel.wrong.vi}\n\n---\n\n"
        f"{panel.shows.en}\n\n**When it looks wrong:** {panel.wrong.en}"
    )


def dashboard_json(dashboard: Dashboard, all_of_them: Sequence[Dashboard]) -> Json:
    """Give a dashboard as Grafana reads it; it links to the others."""
    return {
        "uid": dashboard.uid,
        "title": str(dashboard.title),
        "description": f"{dashboard.description.vi}\n\n{dashboard.description.en}",
        "tags": list(dashboard.tags),
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": "30s",
        "time": {"from": dashboard.since, "to": "now"},
        "links": [
            *(_link(str(one.title), f"/d/{one.uid}", keep=True) for one in all_of_them if one is not dashboard),
            _link("Sổ tay xử lý · runbooks", "${runbooks}/README.md"),
        ],
        "templating": {"list": [*_own_variables(), *map(_variable, dashboard.variables)]},
        "annotations": {"list": [_alerts_firing()]},
        "panels": list(_placed(dashboard)),
    }


def _link(title: str, url: str, *, keep: bool = False) -> Json:
    return {
        "title": title,
        "type": "link",
        "url": url,
        "icon": "external link",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": not keep,
        "includeVars": keep,
        "keepTime": keep,
    }


def _own_variables() -> list[Json]:
    prometheus = {"text": "Prometheus", "value": "tungnha-prometheus"}
    pages = "/public/runbooks"
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": str(Words("Nguồn dữ liệu", "Data source")),
            "query": "prometheus",
            "current": prometheus,
        },
        {
            "type": "textbox",
            "name": "runbooks",
            "label": str(Words("Địa chỉ sổ tay", "Runbooks at")),
            "description": "Nơi phục vụ docs/runbooks · where docs/runbooks is served",
            "query": pages,
            "current": {"text": pages, "value": pages},
            "hide": 2,
        },
    ]


def _variable(variable: Variable) -> Json:
    return {
        "type": "query",
        "name": variable.name,
        "label": str(variable.label),
        "datasource": SOURCE,
        "query": {"query": variable.query, "refId": f"PrometheusVariableQueryEditor-{variable.name}"},
        "regex": variable.regex,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
    }


def _alerts_firing() -> Json:
    return {
        "name": str(Words("Báo động", "Alerts")),
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing", severity="page"}',
    }


def _placed(dashboard: Dashboard) -> Iterator[Json]:
    """Lay rows below each other, panels beside each other, the next line below the highest of this one."""
    y = 0
    for number, row in enumerate(dashboard.rows):
        yield {
            "type": "row",
            "id": FIRST_ROW_ID + number,
            "title": str(row.title),
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
            "panels": [],
        }
        y += 1
        x = high = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, high = 0, y + high, 0
            yield _panel(panel, {"x": x, "y": y, "w": panel.width, "h": panel.height})
            x, high = x + panel.width, max(high, panel.height)
        y += high


def _panel(panel: Panel, place: Json) -> Json:
    pages = [_link(f"{alert}: sổ tay · runbook", f"${{runbooks}}/{alert}.md") for alert in panel.alerts]
    printed: Json = {
        "id": panel.id,
        "type": panel.kind,
        "title": str(panel.title),
        "description": described(panel),
        "gridPos": place,
        "links": pages or [_link("Sổ tay xử lý · runbooks", "${runbooks}/README.md")],
        "options": options_of(panel),
    }
    if panel.kind == "text":
        return printed
    printed |= {
        "datasource": SOURCE,
        "targets": [_target(panel, target, chr(ord("A") + n)) for n, target in enumerate(panel.targets)],
        "fieldConfig": {"defaults": _field(panel), "overrides": [_override(column) for column in panel.columns]},
    }
    if panel.columns:
        printed["transformations"] = [{"id": "merge", "options": {}}, _organized(panel.columns)]
    return printed


def _target(panel: Panel, target: Target, ref: str) -> Json:
    formats = {"table": "table", "heatmap": "heatmap"}
    return {
        "refId": ref,
        "datasource": SOURCE,
        "expr": target.expr,
        "legendFormat": target.legend,
        "format": formats.get(panel.kind, "time_series"),
        "instant": target.instant,
        "range": not target.instant,
        "exemplar": target.exemplars,
    }


def _field(panel: Panel) -> Json:
    printed: Json = {
        "unit": panel.unit,
        "noValue": NO_DATA,
        "mappings": _mappings(panel.mappings),
        "thresholds": _thresholds(panel.steps),
        "color": {"mode": "thresholds" if panel.steps or panel.mappings else "palette-classic"},
        "custom": style_of(panel),
    }
    if panel.kind == "timeseries":
        printed["color"] = {"mode": "palette-classic"}
        printed["min"] = 0
    if panel.top is not None:
        printed["max"] = panel.top
    return printed


def _thresholds(steps: Sequence[Step]) -> Json:
    shown = steps or (Step("text"),)
    return {"mode": "absolute", "steps": [{"color": step.color, "value": step.at} for step in shown]}


def _mappings(mappings: Sequence[Mapping]) -> list[Json]:
    """Tell what is not there apart from 0, whatever else is mapped."""
    nothing: Json = {
        "type": "special",
        "options": {"match": "null+nan", "result": {"text": NO_DATA, "color": "purple", "index": len(mappings)}},
    }
    if not mappings:
        return [nothing]
    told = {
        str(one.value): {"text": str(one.text), "color": one.color, "index": number}
        for number, one in enumerate(mappings)
    }
    return [{"type": "value", "options": told}, nothing]


def _override(column: Column) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.steps:
        properties += [
            {"id": "thresholds", "value": _thresholds(column.steps)},
            {"id": "color", "value": {"mode": "thresholds"}},
            {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}},
        ]
    if column.link:
        properties.append({"id": "links", "value": [_link(str(column.title), column.link)]})
    return {"matcher": {"id": "byName", "options": str(column.title)}, "properties": properties}


def _organized(columns: Sequence[Column]) -> Json:
    return {
        "id": "organize",
        "options": {
            "excludeByName": {"Time": True},
            "indexByName": {column.source: number for number, column in enumerate(columns)},
            "renameByName": {column.source: str(column.title) for column in columns},
        },
    }
