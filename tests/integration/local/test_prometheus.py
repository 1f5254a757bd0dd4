"""A Prometheus of one's own: it scrapes what it is told to, knows the rules, and says what it lacks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.local.child import LocalError, ProcessDied
from deploy.local.monitoring import QUERIES, monitor
from deploy.local.ports import free_port
from deploy.local.prometheus import PrometheusServer, find_prometheus, open_prometheus, write_targets

pytestmark = pytest.mark.usefixtures("prometheus_binary")

RULES = """
groups:
- name: doors
  rules:
  - record: doors_knocked:double
    expr: doors_knocked_total * 2
"""
ALERTS = """
groups:
- name: doors
  rules:
  - alert: DoorsKnocked
    expr: doors_knocked_total > 6
    labels: {severity: page}
"""


def quiet(_: str) -> None:
    """Say nothing."""


@asynccontextmanager
async def a_process() -> AsyncIterator[str]:
    """Answer for a process that has knocked at seven doors; gives its address."""
    port = free_port()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"# TYPE doors_knocked_total counter\ndoors_knocked_total 7\n"
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield f"127.0.0.1:{port}"


async def ask(server: PrometheusServer, path: str, **parameters: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/api/v1/{path}", params=parameters) as answer:
        body = json.loads(await answer.text())
        assert answer.status == 200, body
        return body["data"]


async def until(look: Callable[[], Awaitable[Any]], wanted: object) -> None:
    deadline = asyncio.get_running_loop().time() + 30
    while (found := await look()) != wanted:
        assert asyncio.get_running_loop().time() < deadline, f"{found!r} is not {wanted!r}"
        await asyncio.sleep(0.1)


async def jobs_up(server: PrometheusServer) -> dict[str, str]:
    found = (await ask(server, "query", query="up"))["result"]
    return {each["metric"]["job"]: each["value"][1] for each in found}


async def test_each_process_is_a_job_by_its_name_and_one_that_is_away_is_down(tmp_path: Path) -> None:
    async with a_process() as address:
        targets = {"visits-api": address, "metrics-consumer": f"127.0.0.1:{free_port()}"}
        async with open_prometheus(tmp_path / "prometheus", targets, quiet, scrape_seconds=1) as server:
            await until(lambda: jobs_up(server), {"visits-api": "1", "metrics-consumer": "0"})


async def test_targets_that_change_are_followed_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    async with a_process() as address:
        write_targets(file, {"visits-api": address})
        async with open_prometheus(tmp_path / "prometheus", file, quiet, scrape_seconds=1) as server:
            await until(lambda: jobs_up(server), {"visits-api": "1"})
            write_targets(file, {"metrics-api": address})
            await until(lambda: jobs_up(server), {"metrics-api": "1"})


async def test_rules_and_alerts_of_the_folder_are_evaluated(tmp_path: Path) -> None:
    for folder, text in (("rules", RULES), ("alerts", ALERTS)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "doors.yml").write_text(text)
    async with (
        a_process() as address,
        open_prometheus(tmp_path / "p", {"visits-api": address}, quiet, scrape_seconds=1, rules=tmp_path) as server,
    ):

        async def doubled() -> list[str]:
            found = (await ask(server, "query", query="doors_knocked:double"))["result"]
            return [each["value"][1] for each in found]

        async def alerts() -> list[tuple[str, str]]:
            return [(each["labels"]["alertname"], each["state"]) for each in (await ask(server, "alerts"))["alerts"]]

        await until(doubled, ["14"])
        await until(alerts, [("DoorsKnocked", "firing")])


async def test_a_broken_rule_ends_the_start_with_its_file_in_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "broken.yml").write_text("groups: [{name: x, rules: [{alert: A, expr: 'sum('}]}]")
    with pytest.raises(ProcessDied, match=r"broken\.yml"):
        async with open_prometheus(tmp_path / "prometheus", {}, quiet, rules=tmp_path):
            raise AssertionError("it runs")


async def test_the_tree_s_own_rules_load_and_the_printed_questions_can_be_asked(tmp_path: Path) -> None:
    async with open_prometheus(tmp_path / "prometheus", {}, quiet) as server:
        for query in QUERIES.values():
            await ask(server, "query", query=query)
        assert "groups" in await ask(server, "rules")


async def test_monitoring_without_a_running_system_says_in_both_languages_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"`make up` chưa chạy(.|\n)*`make up` does not run"):
        await monitor(quiet, tmp_path)


def test_a_missing_binary_says_in_both_languages_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"Không tìm thấy(.|\n)*is missing(.|\n)*apt-get install(.|\n)*brew install"):
        find_prometheus()
    monkeypatch.setenv("PROMETHEUS_BINARY", str(tmp_path / "nothing"))
    with pytest.raises(LocalError, match=r"PROMETHEUS_BINARY=.* is not a program"):
        find_prometheus()
