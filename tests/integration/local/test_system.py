"""The whole system on servers that were there before: used where they answer, named where they do not."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from deploy.local.child import LocalError
from deploy.local.kafka import KafkaServer, open_kafka
from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer
from deploy.local.system import LOCAL, WITH_DATABASE, open_system
from libs.common.db import connect
from libs.common.kafka import identify
from libs.contracts.topics import TOPICS

pytestmark = pytest.mark.timeout(180)
CACHE = LOCAL / "cache"


def quiet(_: str) -> None:
    """Say nothing."""


async def name_servers(postgres: PostgresServer, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Name three empty databases and a broker in the environment."""
    named = {"KAFKA_BOOTSTRAP": bootstrap}
    for service in WITH_DATABASE:
        database = f"given_{service}_{uuid.uuid4().hex[:8]}"
        await postgres.create_database(database)
        named[f"DATABASE_URL_{service.upper()}"] = postgres.url(database)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    return named


async def _tables(url: str) -> int:
    connection = await connect(url, application_name="test watcher")
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
    finally:
        await connection.close()


async def test_servers_named_in_the_environment_are_used_and_none_is_started(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "local"
    # A broker of its own, for nobody else's topics may be in it.
    async with open_kafka(tmp_path / "elsewhere" / "kafka", CACHE, say=quiet) as broker:
        given = await name_servers(postgres, broker.bootstrap, monkeypatch)
        async with open_system(quiet, local=local, cache=CACHE) as system, aiohttp.ClientSession() as http:
            async with http.get(f"{system.gateway_url}/health/ready") as answer:
                assert answer.status == 200
            assert system.postgres is None
            assert system.kafka is None
            assert given.items() <= system.environment.items()
        for service in WITH_DATABASE:
            assert await _tables(given[f"DATABASE_URL_{service.upper()}"]) > 0, f"{service} is elsewhere"
        assert await identify(given["KAFKA_BOOTSTRAP"], [topic.name for topic in TOPICS])
    assert not (local / "postgres").exists()
    assert not (local / "kafka").exists()


SOON_SECONDS = 60  # No process is waited for that could not become ready; making the servers' folders takes its time.


@pytest.mark.parametrize("name", ["DATABASE_URL_VISITS", "KAFKA_BOOTSTRAP"])
async def test_a_server_that_is_down_ends_the_start_with_the_name_of_its_variable(
    name: str, postgres: PostgresServer, kafka: KafkaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await name_servers(postgres, kafka.bootstrap, monkeypatch)
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv(name, nowhere if name == "KAFKA_BOOTSTRAP" else f"postgresql://somebody:x@{nowhere}/visits")
    begun = time.monotonic()
    with pytest.raises(LocalError, match=f"^{name}: .*does not answer"):
        async with open_system(quiet, local=tmp_path / "local", cache=CACHE):
            raise AssertionError("the system is up")
    assert time.monotonic() - begun < SOON_SECONDS
