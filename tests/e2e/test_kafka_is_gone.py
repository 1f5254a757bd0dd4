"""Kafka's data are gone for good while everything else runs on: nothing is lost but time."""

import asyncio
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.local.child import inherited, run_to_end
from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.system import LOCAL, ROOT, System, open_system
from libs.common.kafka import identify
from tests.integration.system.conftest import until
from tests.support.counting import counted, expected
from tests.support.door import Door

pytestmark = pytest.mark.timeout(300)

DAY = "2025-05-07"


def _visit(number: int) -> dict[str, Any]:
    person = {"national_id": f"0870851{number:05}"}
    return {
        "id": str(uuid.uuid4()),
        "team": "SD-01",
        "occurred_at": f"{DAY}T08:30:00+07:00",
        "consent": {"text": "v1", "at": f"{DAY}T08:25:00+07:00", "how": "oral"},
        "lines": [{"line": 1, "measure": "FLD-07", "person": person}],
    }


async def test_everything_counts_on_in_another_cluster_at_the_same_address(tmp_path: Path) -> None:
    async with open_system(lambda _: None, local=tmp_path / "local", cache=LOCAL / "cache") as system:
        kafka = system.kafka
        assert kafka is not None
        async with aiohttp.ClientSession(system.gateway_url) as http:
            door = Door(http, system)
            answer = await door.send(*(_visit(n) for n in range(20)))
            assert (await door.people(DAY, answer["position"]))["total"]["nguoi"] == 20
            before = await identify(kafka.bootstrap, [])
            await kafka.kill()
            await asyncio.to_thread(shutil.rmtree, kafka.data_dir / "storage")
            answer = await door.send(*(_visit(n) for n in range(15, 30)))
            assert answer["counts"]["accepted"] == 15, "records are taken in without Kafka"
            await _in_another_cluster(system, kafka, before, door, answer["position"])


async def _in_another_cluster(system: System, lost: KafkaServer, before: str, door: Door, position: str) -> None:
    async with open_kafka(lost.data_dir, LOCAL / "cache", port=lost.port, say=lambda _: None) as kafka:
        assert await identify(kafka.bootstrap, []) != before
        await until(lambda: _are(door, position, 30), "what came meanwhile is counted, too", 120)
        wanted, found = (
            await expected(system.environment["DATABASE_URL_VISITS"]),
            await counted(system.environment["DATABASE_URL_METRICS"]),
        )
        assert found.facts == wanted.facts
        assert found.people == wanted.people
        # Whoever starts now finds everything in the new cluster.
        await system.supervisor.restart("visits")
        answer = await door.send(_visit(40))
        assert answer["counts"]["accepted"] == 1
        # What the registry tells after the loss still reaches those who had read its topics before it.
        command = ["-m", "deploy.ops", "client", "suspend", "cong-dong-thap"]
        await run_to_end([sys.executable, *command], env=inherited(system.environment), cwd=ROOT)
        await until(lambda: _refused(door), "a client suspended after the loss is refused", 60)


async def _are(door: Door, position: str, people: int) -> bool:
    query = {"measures": ["FLD-07"], "from": DAY, "to": DAY, "at_least": position}
    status, body = await door.post("portal", "/v1/metrics:query", query)
    assert status in (200, 503), body
    return status == 200 and body["total"]["nguoi"] == people


async def _refused(door: Door) -> bool:
    status, _ = await door.get("portal", "/v1/catalogue")
    return status == 401
