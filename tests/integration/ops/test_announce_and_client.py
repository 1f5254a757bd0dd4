"""Announce and clients by the operators' program."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.kafka import KafkaServer
from deploy.ops.__main__ import main
from libs.common.db import connect
from libs.common.relay import RelaySettings, run_relay
from tests.support.kafka import OwnTopic, own_topic, read_all
from tests.support.postgres import MakeDatabase

TYPE = "test.thing.v1"


@asynccontextmanager
async def _relaying(url: str, bootstrap: str, topic: OwnTopic) -> AsyncIterator[None]:
    stop = asyncio.Event()
    relaying = asyncio.ensure_future(
        run_relay(
            url,
            bootstrap,
            owner="visits",
            routes={TYPE: topic},
            settings=RelaySettings(),
            registry=CollectorRegistry(),
            stop=stop,
            beat=lambda: None,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await relaying


async def test_announced_every_record_is_sent_again_and_the_command_waits_until_it_was(
    make_database: MakeDatabase, kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await make_database("visits")
    for name in ("REGISTRY", "VISITS", "METRICS"):
        monkeypatch.setenv(f"DATABASE_URL_{name}", url)
    connection = await connect(url, application_name="test")
    records = [uuid.uuid4() for _ in range(20)]
    await connection.execute(
        """INSERT INTO log (record_id, revision, epoch, kind, state, type, partition_key, received_at, body)
           SELECT id, 1, 1, 'visit', 'recorded', $2, id, now(), '{}' FROM unnest($1::uuid[]) AS told (id)""",
        records,
        TYPE,
    )
    await connection.close()
    topic = own_topic("announced")
    async with _relaying(url, kafka.bootstrap, topic):
        assert await asyncio.to_thread(main, ["announce", "--service", "visits", "--wait", "30"]) == 0
        assert await asyncio.to_thread(main, ["announce", "--service", "visits", "--wait", "30"]) == 0
    sent = [message for message in await read_all(kafka.bootstrap, topic) if message.type == TYPE]
    assert len(sent) >= 40, "each was sent when it came and when it was announced"
    assert {message.key.decode() for message in sent} == {str(record) for record in records}
    assert capsys.readouterr().out.count("visits: đã gửi lại hết · everything was sent again\n") == 2
    assert await asyncio.to_thread(main, ["announce", "--service", "visits", "--wait", "0.3"]) == 1, "no relay runs"
    told = capsys.readouterr()
    assert "does it run?" in told.err
    assert "was sent again" not in told.out


async def test_a_client_is_made_rotated_suspended_and_listed(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL_REGISTRY", await make_database("registry"))

    async def client(*words: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, ["client", *words])
        told = capsys.readouterr()
        return code, told.out.strip(), told.err

    assert "no clients yet" in (await client("list"))[2]
    code, secret, told = await client("create", "cong-thu", "--name", "Cổng thử", "--scope", "metrics:read")
    assert (code, secret[:3], len(secret.split())) == (0, "tn_", 1), "scripts read nothing but the secret"
    assert "bí mật của cong-thu, chỉ hiện một lần" in told
    assert "the secret of cong-thu, shown this once" in told
    assert secret not in told
    code, other, told = await client("rotate", "cong-thu", "--overlap-minutes", "5")
    assert (code, other != secret, other[:3], len(other.split())) == (0, True, "tn_", 1)
    assert "the secret of cong-thu" in told
    assert "holds for 5 minutes" in told
    code, _, told = await client("suspend", "cong-thu")
    assert (code, "cong-thu: đã tạm ngưng" in told, "suspended" in told) == (0, True, True)
    head, row = (await client("list"))[1].splitlines()
    assert head.split("\t") == ["client_id", "status", "kind", "scopes", "unit", "partner", "expires_at"]
    assert row.split("\t") == ["cong-thu", "suspended", "portal", "metrics:read", "-", "-", "-"]
    code, _, told = await client("resume", "cong-thu")
    assert (code, "cong-thu: đang được gọi API · active" in told) == (0, True)
    assert "cong-thu\tactive" in (await client("list"))[1]
    code, _, told = await client("suspend", "nobody")
    assert (code, "there is no client nobody" in told) == (1, True)
    code, out, told = await client("create", "x2", "--name", "X", "--scope", "metrics:read", "--unit", "82")
    assert (code, out, "x2" in told) == (1, "", True), "no such unit is known"
