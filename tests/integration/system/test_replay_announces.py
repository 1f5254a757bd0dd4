"""What never reached Kafka is counted after a replay: it begins with the owners sending everything again."""

import asyncio
import os
import sys

from deploy.local.ports import free_port
from deploy.local.supervisor import Service
from libs.common.db import connect
from tests.integration.system.conftest import World, fill, until
from tests.support.counting import counted, expected
from tests.support.postgres import MakeDatabase


async def lose_everything_sent_so_far(world: World) -> None:
    """Have the relay believe that it has sent all that is in the log."""
    connection = await connect(world.visits_url, application_name="test")
    await connection.execute(
        """UPDATE log_position SET (epoch, xid, seq) =
               (SELECT epoch, xid, seq FROM log ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1)"""
    )
    await connection.close()


async def relayed(world: World) -> bool:
    return await world.relayed() >= await world.log_end()


async def replay(world: World, registry_url: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.ops", "replay", "--service", "metrics", "--from", "0", "--without-rollups"),
        *arguments,
        env={
            **os.environ,  # noqa: TID251
            "KAFKA_BOOTSTRAP": world.kafka.bootstrap,
            "DATABASE_URL_METRICS": world.metrics_url,
            "DATABASE_URL_VISITS": world.visits_url,
            "DATABASE_URL_REGISTRY": registry_url,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_what_never_reached_kafka_is_counted_after_a_replay(world: World, make_database: MakeDatabase) -> None:
    registry_url, port = await make_database("registry"), free_port()
    env = {
        "KAFKA_BOOTSTRAP": world.kafka.bootstrap,
        "DATABASE_URL_REGISTRY": registry_url,
        "REGISTRY_RELAY_PORT": str(port),
    }
    await world.supervisor.start(world.relay())
    await world.supervisor.start(Service("registry relay", ["-m", "services.registry", "relay"], port, env))
    await fill(world.visits, 1)
    await until(lambda: relayed(world), "the relay leads and has sent the first")
    await world.supervisor.stop_one("relay")
    await fill(world.visits, 2, seed=7)
    await lose_everything_sent_so_far(world)
    await world.supervisor.start_again("relay")
    await world.supervisor.start(world.consumer())
    await fill(world.visits, 1, seed=8)
    await world.until_folded()
    truth = await expected(world.visits_url)
    assert (await counted(world.metrics_url)).quantity != truth.quantity
    code, said = await replay(world, registry_url)
    assert code == 0, said
    assert "everything will be sent again" in said
    await world.until_folded()
    assert await counted(world.metrics_url) == truth
