"""Rules and alerts as Prometheus' own tool takes them."""

import subprocess
from pathlib import Path

import pytest

from tests.support.monitoring import PROMETHEUS, panels, promtool, substituted

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def _run(*words: str | Path) -> str:
    done = subprocess.run([promtool(), *map(str, words)], capture_output=True, text=True, check=False, timeout=110)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    files = [*sorted((PROMETHEUS / "rules").glob("*.yml")), *sorted((PROMETHEUS / "alerts").glob("*.yml"))]
    assert "SUCCESS" in _run("check", "rules", *files)
    assert "SUCCESS" in _run("check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_rules_and_alerts_do_what_their_tests_say(file: Path) -> None:
    assert "SUCCESS" in _run("test", "rules", file)


def test_prometheus_can_read_every_query_of_every_panel(tmp_path: Path) -> None:
    """As rules of a file, which promtool reads whole and names what it cannot."""
    lines = ["groups:", "  - name: panels", "    rules:"]
    for dashboard, panel in panels():
        for number, target in enumerate(panel.targets):
            name = f"{dashboard.uid.replace('-', '_')}_{panel.id}_{number}"
            query = substituted(target.expr).replace("'", "''")
            lines += [f"      - record: {name}", f"        expr: '{query}'"]
    file = tmp_path / "panels.yml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "SUCCESS" in _run("check", "rules", file)
