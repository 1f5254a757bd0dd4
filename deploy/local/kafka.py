"""A real Apache Kafka on this machine: one broker in KRaft mode, no container, no installed Java."""

import asyncio
import base64
import signal
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.child import Child, LocalError, inherited, run_to_end, start_child
from deploy.local.jars import LIST_FILE, ensure_jars
from deploy.local.java import find_java
from deploy.local.kafka_quick import QuickStart
from deploy.local.leftover import command_line, stop_leftover
from deploy.local.ports import free_port, given_or_free
from deploy.local.say import Say

READY_SECONDS = 60.0
STOP_SECONDS = 15
POLL_SECONDS = 0.05
ANSWER_TIMEOUT_SECONDS = 5
LOG_SETTINGS = Path(__file__).with_name("kafka-log4j2.properties")
HEAP = ("-Xms256m", "-Xmx512m")
# Quick to start and small rather than fast for ever. Without UsePerfData the machine's /tmp is left alone.
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={storage}

# Topics are made on purpose, with their settings; a misspelt name is an error.
auto.create.topics.enable=false

# One node holds the only copy.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0

# After a crash the controller waits out the old session: 1.5 s instead of 9 s until the first acknowledgement.
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300

# For topics that say nothing themselves: a week.
log.retention.hours=168
"""


@dataclass
class KafkaServer:
    """A broker that answers, opened by `open_kafka`."""

    data_dir: Path
    port: int
    log_file: Path
    _java: Path
    _class_path: str
    _quick: Sequence[str]
    _child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """The address clients start from."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the broker."""
        return self._running().pid

    async def wait(self) -> None:
        """Wait until the broker ends, however it ends, and raise ProcessDied."""
        await self._running().wait()

    async def kill(self) -> None:
        """SIGKILL, as a crash would; returns when the broker is gone."""
        await self._running().kill()

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Controlled shutdown; after so many seconds, SIGKILL."""
        if self._child is not None:
            await self._child.stop(seconds)
            _pid_file(self.data_dir).unlink(missing_ok=True)

    async def restart(self) -> None:
        """Start again on the same port, after `kill`, a death, or a stop that this does first."""
        await self.stop()
        self._child = await start_child(
            "Kafka",
            [
                str(self._java),
                *HEAP,
                *JVM,
                *_log_option(),
                *self._quick,
                "kafka.Kafka",
                str(_settings_file(self.data_dir)),
            ],
            log_file=self.log_file,
            stop_seconds=STOP_SECONDS,
            env=inherited({"CLASSPATH": self._class_path}),
            cwd=self.data_dir,
        )
        _pid_file(self.data_dir).write_text(f"{self._child.pid}\n")
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while obstacle := await self._obstacle():
            self._child.check()
            if asyncio.get_running_loop().time() > deadline:
                raise LocalError(f"Kafka was not ready in {READY_SECONDS:.0f} s: {obstacle}; see {self.log_file}")
            await asyncio.sleep(POLL_SECONDS)

    async def run_java(self, *words: str) -> None:
        """Run the broker's Java on its jars to the end; raises LocalError with what it wrote if it fails."""
        command = [str(self._java), *JVM, *_log_option(), *words]
        await run_to_end(command, env=inherited({"CLASSPATH": self._class_path}), cwd=self.data_dir)

    def _running(self) -> Child:
        if self._child is None:
            raise LocalError("Kafka has not been started")
        return self._child

    async def _obstacle(self) -> str:
        """What keeps clients from using the broker, which is in its own list when ready; empty if nothing does."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as error:
            return str(error)
        writer.close()
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                await admin.start()
                return "" if (await admin.describe_cluster())["brokers"] else "it knows no broker yet"
        except (KafkaError, OSError) as error:
            return str(error) or type(error).__name__
        finally:
            await admin.close()


@asynccontextmanager
async def open_kafka(
    data_dir: Path,
    cache_dir: Path,
    *,
    port: int | None = None,
    say: Say = print,
    jar_list: Path = LIST_FILE,
    settings: str = SETTINGS,
    format_words: Sequence[str] = (),
    quick: Sequence[str] | None = None,
) -> AsyncIterator[KafkaServer]:
    """Run a broker on this data directory, which is made on the first run and kept afterwards.

    The jars are fetched into the cache once and must be those of the list. Without a port, any free one.
    The log is `log/kafka.log` beside the data directory. Raises LocalError (ProcessDied with the last log
    lines if the broker ended). `quick` are Java's options that have to do with a quick start, else those of the cache.
    """
    java = await find_java()
    class_path = ":".join(map(str, await ensure_jars(cache_dir, say, list_file=jar_list)))
    quick = QuickStart(cache_dir, java).options() if quick is None else quick
    data_dir = _made(data_dir)
    await _stop_leftover(data_dir, say)
    log_file = data_dir.parent / "log" / "kafka.log"
    server = KafkaServer(data_dir, given_or_free(port), log_file, java, class_path, quick)
    filled = settings.format(port=server.port, controller_port=free_port(), storage=data_dir / "storage")
    _settings_file(data_dir).write_text(filled)
    if not (data_dir / "storage" / "meta.properties").exists():
        await _format(server, say, format_words)
    try:
        await server.restart()
        yield server
    finally:
        await server.stop()


def _made(data_dir: Path) -> Path:
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir.absolute()


def _settings_file(data_dir: Path) -> Path:
    return data_dir / "server.properties"


def _pid_file(data_dir: Path) -> Path:
    return data_dir / "broker.pid"


def _log_option() -> Sequence[str]:
    return [f"-Dlog4j2.configurationFile={LOG_SETTINGS}"]


async def _format(server: KafkaServer, say: Say, more: Sequence[str]) -> None:
    """Give the storage its cluster id. That file is written last, so without it the storage holds nothing yet."""
    say("Kafka: making a new data directory")
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # An id may begin with a dash, which the tool would take for an option.
    words = ["format", f"--cluster-id={cluster}", "-c", str(_settings_file(server.data_dir)), *more]
    await server.run_java(*server._quick, "kafka.tools.StorageTool", *words)


async def _stop_leftover(data_dir: Path, say: Say) -> None:
    """Stop the broker of a crashed run, which would hold the storage's lock."""
    try:
        pid = int(_pid_file(data_dir).read_text())
    except (OSError, ValueError):
        return
    if str(_settings_file(data_dir)) in await command_line(pid):
        say(f"Kafka: stopping the one a crashed run left behind (pid {pid})")
        await stop_leftover(pid, signal.SIGTERM, STOP_SECONDS)
    _pid_file(data_dir).unlink(missing_ok=True)
