"""Writes the dashboards as Grafana reads them: `python -m deploy.grafana`."""

import json
import sys
from pathlib import Path

from deploy.grafana import api, campaign, flow, overview
from deploy.grafana.printing import dashboard_json
from deploy.grafana.vocabulary import Dashboard

__all__ = ["DASHBOARDS", "FOLDER", "printed"]

DASHBOARDS: tuple[Dashboard, ...] = (overview.OVERVIEW, flow.FLOW, api.API, campaign.CAMPAIGN)
FOLDER = Path(__file__).parent / "dashboards"


def printed(dashboard: Dashboard) -> str:
    """Give the text of a dashboard's file."""
    return json.dumps(dashboard_json(dashboard, DASHBOARDS), ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Write every file; gives the exit code."""
    FOLDER.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(printed(dashboard), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
