"""A message that Kafka loses moves the watch's gauge off 0; an announce brings it back: real relay, consumer, watch."""

import sys

import aiohttp
import pytest

from deploy.local.child import inherited, run_to_end
from deploy.local.ports import free_port
from deploy.local.supervisor import Service
from deploy.local.system import ROOT
from libs.common.db import connect
from libs.common.log import Position
from libs.contracts.topics import RECORDS
from tests.integration.system.conftest import World, fill, until
from tests.support.kafka import lose_everything
from tests.support.postgres import MakeDatabase

pytestmark = pytest.mark.timeout(300)


def _watch(world: World, registry_url: str) -> Service:
    port = free_port()
    environment = {
        "DATABASE_URL_REGISTRY": registry_url,
        "DATABASE_URL_VISITS": world.visits_url,
        "DATABASE_URL_METRICS": world.metrics_url,
        "WATCH_PORT": str(port),
    }
    return Service("watch", ["-m", "deploy.ops", "watch"], port, environment)


async def _told(watch: Service, name: str) -> float | None:
    """Give the value of a metric without labels, None where it is not told."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{watch.port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)


async def _tells(watch: Service, name: str, value: float) -> bool:
    return await _told(watch, name) == value


async def _tells_of_what_waits(watch: Service) -> bool:
    return bool(await _told(watch, "log_unfolded_seconds")) and bool(await _told(watch, "log_unfolded_records"))


async def _not_folded(world: World) -> int:
    """Count plainly what the log has and metrics has not."""
    newest: dict[object, tuple[int, int]] = {}
    visits = await connect(world.visits_url, application_name="test oracle")
    for row in await visits.fetch("SELECT record_id, revision, edition FROM log WHERE NOT held"):
        newest[row["record_id"]] = max(newest.get(row["record_id"], (0, 0)), (row["revision"], row["edition"]))
    await visits.close()
    metrics = await connect(world.metrics_url, application_name="test oracle")
    folded = {
        row["id"]: (row["revision"], row["edition"])
        for row in await metrics.fetch(
            "SELECT record_id AS id, revision, edition FROM heads"
            " UNION ALL SELECT progress_id, revision, 0 FROM progress"
        )
    }
    await metrics.close()
    return sum(folded.get(record_id, (0, 0)) < state for record_id, state in newest.items())


async def test_what_kafka_lost_is_missing_until_it_is_announced(world: World, make_database: MakeDatabase) -> None:
    watch = _watch(world, await make_database("registry"))
    await world.supervisor.start(world.relay(), world.consumer(), watch)
    await fill(world.visits, 3)
    await world.until_folded()
    await until(lambda: _tells(watch, "log_unfolded_records", 0), "the watch sees that all is folded")
    assert await _told(watch, "conservation_missing_records") == 0
    assert await _told(watch, "conservation_unknown_records") == 0

    await world.supervisor.kill("consumer")
    await fill(world.visits, 1, seed=2)
    end = await world.log_end()
    await until(lambda: _relayed(world, end), "the relay has sent all")
    await lose_everything(world.kafka.bootstrap, RECORDS)
    await fill(world.visits, 1, seed=3)
    await until(lambda: _tells_of_what_waits(watch), "a dead consumer is seen from outside")
    assert await _told(watch, "conservation_missing_records") == 0, "what waits is not missing"
    await world.supervisor.restart("consumer")
    await world.until_folded()
    lost = await _not_folded(world)
    assert lost > 100, "nothing was lost"
    await until(lambda: _tells(watch, "conservation_missing_records", lost), f"the watch misses {lost} records")
    assert await _told(watch, "conservation_unknown_records") == 0

    environment = inherited({"DATABASE_URL_VISITS": world.visits_url})
    await run_to_end([sys.executable, "-m", "services.visits", "announce"], env=environment, cwd=ROOT)
    await until(lambda: _tells(watch, "conservation_missing_records", 0), "the announce heals it")
    assert await _not_folded(world) == 0


async def _relayed(world: World, end: Position) -> bool:
    return await world.relayed() >= end
