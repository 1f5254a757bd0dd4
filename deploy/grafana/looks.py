"""How each kind of panel looks, as its own options."""

from typing import Any, Final

from deploy.grafana.vocabulary import Panel

__all__ = ["options_of", "style_of"]

Json = dict[str, Any]

LAST: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
"""The newest value of the queries' range; a series that has ended long ago is kept out by asking for an instant."""
LEGEND: Final[Json] = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
TOOLTIP: Final[Json] = {"mode": "multi", "sort": "desc"}


def options_of(panel: Panel) -> Json:
    """Give the options of a panel's kind."""
    return {
        "stat": _stat,
        "timeseries": _lines,
        "table": _table,
        "bargauge": _bars,
        "state-timeline": _states,
        "heatmap": _heat,
        "text": _text,
    }[panel.kind](panel)


def style_of(panel: Panel) -> Json:
    """Give what its kind adds to each field. A gap stays a gap: nothing known is not 0."""
    if panel.kind == "timeseries":
        return {
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stacked else 5,
            "spanNulls": False,
            "showPoints": "auto",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
        }
    if panel.kind == "state-timeline":
        return {"lineWidth": 0, "fillOpacity": 80}
    return {}


def _stat(panel: Panel) -> Json:
    return {
        "graphMode": "none",
        "colorMode": "background" if panel.steps or panel.mappings else "value",
        "justifyMode": "auto",
        "textMode": "value_and_name" if any(target.legend for target in panel.targets) else "value",
        "orientation": "auto",
        "reduceOptions": LAST,
    }


def _lines(_: Panel) -> Json:
    return {"legend": LEGEND, "tooltip": TOOLTIP}


def _table(_: Panel) -> Json:
    return {"showHeader": True, "cellHeight": "sm"}


def _bars(_: Panel) -> Json:
    return {
        "displayMode": "basic",
        "valueMode": "color",
        "orientation": "horizontal",
        "showUnfilled": True,
        "minVizWidth": 8,
        "minVizHeight": 16,
        "reduceOptions": LAST,
    }


def _states(_: Panel) -> Json:
    return {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": LEGEND, "tooltip": TOOLTIP}


def _heat(panel: Panel) -> Json:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"unit": panel.unit, "axisPlacement": "left"},
    }


def _text(panel: Panel) -> Json:
    content = f"### {panel.title.vi}\n\n{panel.shows.vi}\n\n{panel.wrong.vi}\n\n"
    content += f"### {panel.title.en}\n\n{panel.shows.en}\n\n{panel.wrong.en}"
    return {"mode": "markdown", "content": content}
