"""A Prometheus beside the running `make up`: what to open, what to ask, and where the dashboards are."""

from pathlib import Path
from urllib.parse import urlencode

from deploy.local.control import ask
from deploy.local.lock import hold_lock
from deploy.local.ports import remembered_port
from deploy.local.prometheus import find_prometheus, open_prometheus
from deploy.local.say import Say
from deploy.local.system import LOCAL, ROOT, TARGETS_FILE

__all__ = ["QUERIES", "monitor"]

DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
RUNBOOKS = ROOT / "docs" / "runbooks"
QUERIES = {
    "Có chảy không · is it flowing": "sum by (outcome) (rate(records_received_total[5m]))",
    "Chậm bao nhiêu · how far behind": "log_unfolded_seconds",
    "Có đúng không, phải là 0 · is it right, must be 0": "conservation_missing_records + conservation_unknown_records",
    "Có nhanh không · is it fast (p99)": "histogram_quantile(0.99,"
    " sum by (le, route_class) (rate(http_request_seconds_bucket[5m])))",
    "Có an toàn không · is it safe": "sum by (operation, status)"
    ' (rate(http_requests_total{status=~"401|403|429"}[5m]))',
    "Còn đủ chỗ không · will it last": "database_size_bytes",
    "Tiến trình nào không trả lời · which process does not answer": "up == 0",
}


async def monitor(say: Say, local: Path = LOCAL) -> int:
    """Run a Prometheus over the processes of `make up` and stay until told to stop, or until it dies."""
    find_prometheus()
    await ask(local, "ps")  # It must be up.
    with hold_lock(local / "monitoring.lock"):
        port = remembered_port(local / "ports.json", "prometheus", say)
        async with open_prometheus(local / "prometheus", local / TARGETS_FILE, say, port=port) as server:
            print(_addresses(server.url), flush=True)
            await server.wait()


def _addresses(url: str) -> str:
    lines = [
        "",
        f"Prometheus              {url}/graph",
        f"Cảnh báo · alerts       {url}/alerts",
        f"Tiến trình · processes  {url}/targets",
        "",
        "Mấy câu hỏi · a few questions:",
        "",
    ]
    for question, query in QUERIES.items():
        words = urlencode({"g0.expr": query, "g0.tab": 0, "g0.range_input": "30m"})
        lines += [f"  {question}", f"    {query}", f"    {url}/graph?{words}"]
    lines += ["", *_about_grafana(url), "", f"Sổ tay xử lý · runbooks: {_shown(RUNBOOKS)}/README.md", ""]
    return "\n".join([*lines, "Ctrl-C: dừng Prometheus · stops Prometheus; `make up` vẫn chạy · goes on."])


def _about_grafana(url: str) -> list[str]:
    boards = [f"    {_shown(board)}" for board in sorted(DASHBOARDS.glob("*.json"))]
    return [
        "Grafana của bạn · a Grafana of your own:",
        "  Connections → Data sources → Prometheus, URL như sau · this URL:",
        f"    {url}",
        "  Dashboards → New → Import, từng tệp · each file:",
        *boards,
    ]


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
