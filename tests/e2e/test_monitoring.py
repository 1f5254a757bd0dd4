"""The whole system with every process apart, the watch, and a real Prometheus with the rules and alerts of the tree.

Every query of every panel is asked of it, after a campaign; then a consumer is killed, and Kafka loses what it held.
"""

import re
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import get_args

import aiohttp
import pytest
import pytest_asyncio

from deploy.grafana.variables import JOB, PROVINCE
from deploy.grafana.vocabulary import Dashboard, Panel, Target
from deploy.local.campaign.caller import Caller, open_caller
from deploy.local.campaign.check import QUESTIONS
from deploy.local.campaign.replay import Replayed, ask, replay
from deploy.local.campaign.sends import Role, load_teams
from deploy.local.campaign.world import make_campaign
from deploy.local.child import inherited, run_to_end
from deploy.local.prometheus import open_prometheus
from deploy.local.system import LOCAL, ROOT, System, open_system
from libs.contracts.topics import RECORDS
from tests.support.asking import Asker, Series, until
from tests.support.kafka import lose_everything
from tests.support.monitoring import alerts, panels, records

pytestmark = pytest.mark.timeout(400)

ROLES: tuple[Role, ...] = get_args(Role)
TEAMS = ROOT / "data" / "teams_sa_dec.csv"
GREEN = ("flowing", "right", "safe")
FEW_TEAMS = 6
SCRAPE_SECONDS = 2


@dataclass(frozen=True)
class Province:
    """The running system, its clients, and what watches it."""

    system: System
    caller: Caller
    prometheus: Asker
    replayed: Replayed

    async def send_today(self) -> None:
        """Send a visit of a moment ago."""
        at = datetime.now(UTC) - timedelta(minutes=1)
        row = {
            "id": str(uuid.uuid4()),
            "team": "SD-01",
            "occurred_at": at.isoformat(),
            "consent": {"text": "v1", "at": at.isoformat(), "how": "oral"},
            "lines": [{"line": 1, "measure": "FLD-07", "person": {"national_id": "087085123456"}}],
        }
        answer = await self.caller.post("app", "/v1/visits:batch", lambda: {"rows": [row]})
        assert answer["counts"]["accepted"] == 1, answer

    async def go_on(self) -> None:
        """Send and ask a little, as clients do all day: a rate is of what rises between two scrapes."""
        await self.send_today()
        await ask(self.caller, QUESTIONS, self.replayed)

    async def light(self, question: str) -> float | None:
        """Give a light as *Tổng quan* shows it."""
        return await self.prometheus.value(f'max(tungnha:light{{question="{question}"}})')


async def all_are_scraped(prometheus: Asker, system: System) -> bool:
    """Say whether Prometheus reaches every process."""
    up = await prometheus.instant("up == 1")
    return {series["metric"]["job"] for series in up} == system.targets.keys()


@pytest_asyncio.fixture(scope="module")
async def province(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Province]:
    """Start everything, and replay a few teams' May of 2025, a visit of today, and some questions."""
    local = tmp_path_factory.mktemp("monitored")
    async with (
        open_system(lambda _: None, local=local, cache=LOCAL / "cache", apart=True) as system,
        open_prometheus(local / "prometheus", system.targets, lambda _: None, scrape_seconds=SCRAPE_SECONDS) as server,
        open_caller(system.gateway_url, {role: system.secrets.clients[role] for role in ROLES}) as caller,
        aiohttp.ClientSession() as http,
    ):
        asker = Asker(http, server.url)
        await until(lambda: all_are_scraped(asker, system), "Prometheus reaches every process")
        campaign = make_campaign(load_teams(TEAMS)[:FEW_TEAMS])
        replayed = await replay(caller, campaign, StringIO())
        province = Province(system, caller, asker, replayed)
        await province.send_today()
        await ask(caller, QUESTIONS, replayed)
        yield province


async def test_every_rule_and_alert_is_evaluated_without_a_fault(province: Province) -> None:
    expected = {rule.name for rule in [*records(), *alerts()]}

    async def all_evaluated() -> bool:
        groups = (await province.prometheus.ask("rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == expected
        assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] == "err"} == {}
        return all(rule["health"] == "ok" for rule in rules)

    await until(all_evaluated, "every rule has been evaluated")


@pytest.mark.parametrize(
    ("dashboard", "panel"), panels(), ids=[f"{dashboard.uid}-{panel.id}" for dashboard, panel in panels()]
)
async def test_a_panel_shows_data(province: Province, dashboard: Dashboard, panel: Panel) -> None:
    for target in panel.targets:
        if target.empty:
            await province.prometheus.target(panel, target)
            continue

        async def answered(target: Target = target) -> bool:
            found = await province.prometheus.target(panel, target)
            for series in found:
                named = set(re.findall(r"{{(\w+)}}", target.legend))
                assert named <= series["metric"].keys(), f"{target.legend} is not of {series['metric']}"
            told = any(is_number(value) for series in found for value in values(series))
            if not told:
                await province.go_on()
            return told

        await until(answered, f"{dashboard.uid} {panel.id} ({panel.title.en}): {target.expr}")


async def test_the_provinces_and_processes_that_can_be_chosen_are_found(province: Province) -> None:
    query = PROVINCE.query.removeprefix("query_result(").removesuffix(")")
    shape = re.compile(PROVINCE.regex.strip("/").replace("(?<", "(?P<"))
    found = {}
    for series in await province.prometheus.instant(query):
        labels = ", ".join(f'{name}="{value}"' for name, value in sorted(series["metric"].items()) if name[0] != "_")
        match = shape.search(f"province_info{{{labels}}} 1 1700000000000")
        assert match is not None, labels
        found[match["value"]] = match["text"]
    assert len(found) == 34
    assert "Đồng Tháp" in found["82"]
    selector, label = JOB.query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
    jobs = {series["metric"][label] for series in await province.prometheus.instant(selector)}
    assert jobs == province.system.targets.keys()


async def test_every_light_is_told_and_green_but_for_this_machines_own_speed_and_disk(province: Province) -> None:
    async def wrong() -> dict[str, str]:
        checks = await province.prometheus.instant("tungnha:check")
        told = {f"{one['metric']['question']} {one['metric']['check']}": one["value"][1] for one in checks}
        of_machine = {name for name in told if name.startswith("fast") or name == "lasting disk"}
        return {
            name: value for name, value in told.items() if value == "2" or (value != "0" and name not in of_machine)
        }

    async def none_wrong() -> bool:
        return await wrong() == {}

    with suppress(AssertionError):
        await until(none_wrong, "every check is well")
    assert await wrong() == {}
    assert {question: await province.light(question) for question in GREEN} == dict.fromkeys(GREEN, 0)
    assert await province.light("fast") in (0, 1, 3)
    assert await province.light("lasting") in (0, 1, 3)


async def test_a_killed_consumer_turns_the_light_of_the_flow_red_until_it_is_back(province: Province) -> None:
    supervisor = province.system.supervisor
    await supervisor.kill("metrics-consumer")
    await until(lambda: shows(province, "flowing", 3), "the light is red")
    await until_pending(province, 'alertname="JobDown", job="metrics-consumer"')
    await supervisor.restart("metrics-consumer")
    await until(lambda: shows(province, "flowing", 0), "the light is green again")


async def test_what_kafka_lost_is_seen_until_it_is_announced(province: Province) -> None:
    system, prometheus = province.system, province.prometheus
    await supervisor_kills_after_folding(province)
    sent = await prometheus.value('sum(events_published_total{job="visits-relay"})')
    assert sent is not None
    await province.send_today()
    await until(lambda: above(prometheus, 'sum(events_published_total{job="visits-relay"})', sent), "it was relayed")
    await lose_everything(system.environment["KAFKA_BOOTSTRAP"], RECORDS)
    await province.send_today()
    await system.supervisor.restart("metrics-consumer")
    await until(lambda: above(prometheus, "max(conservation_missing_records)", 0), "the loss is seen")
    missing = "\n".join(alert.expr for alert in alerts() if alert.name == "RecordsMissing")
    await until(lambda: above(prometheus, missing, 0), "the alert's own expression holds")
    await until(lambda: shows(province, "right", 3), "the light is red")
    await until_pending(province, 'alertname="RecordsMissing"')

    command = [sys.executable, "-m", "services.visits", "announce"]
    await run_to_end(command, env=inherited(system.environment), cwd=ROOT)
    await until(lambda: shows(province, "right", 0), "what the runbook says mends it")


async def supervisor_kills_after_folding(province: Province) -> None:
    """Kill the consumer once it has folded everything, so that what comes next waits in Kafka."""

    async def nothing_waits() -> bool:
        return await province.prometheus.value("max(log_unfolded_records)") == 0

    await until(nothing_waits, "everything is folded")
    await province.system.supervisor.kill("metrics-consumer")


async def until_pending(province: Province, alert: str) -> None:
    """Wait until an alert is seen; it must not fire yet, for what heals itself pages nobody."""

    async def seen() -> bool:
        states = [one["metric"]["alertstate"] for one in await province.prometheus.instant(f"ALERTS{{{alert}}}")]
        assert states in ([], ["pending"]), alert
        return bool(states)

    await until(seen, f"{alert} is pending")


async def shows(province: Province, question: str, value: int) -> bool:
    return await province.light(question) == value


async def above(prometheus: Asker, query: str, value: float) -> bool:
    found = await prometheus.value(query)
    return found is not None and found > value


def values(series: Series) -> list[str]:
    """Give the values of a series, of a moment or of a while."""
    return [value for _, value in series.get("values", [series.get("value")])]


def is_number(value: str) -> bool:
    return value not in ("NaN", "+Inf", "-Inf")
