"""Kafka's jars: fetched once by their Maven coordinates, and used only if they are those of our list."""

import asyncio
import fcntl
import hashlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploy.local.child import POLL_SECONDS, LocalError
from deploy.local.say import Say

LIST_FILE = Path(__file__).with_name("kafka-jars.sha256")
# What the list is made from: the broker with what it depends on, and the jar that lets its log messages through.
# The latter, of the same version as the log4j-core of the former, comes alone: resolved together they would
# drag in versions the broker is not built with.
BROKER = "org.apache.kafka:kafka_2.13:4.3.1"
BROKER_LOG = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
AT_ONCE = 6
ATTEMPTS = 3
REQUEST_TIMEOUT_SECONDS = 60
SAY_EVERY = 10


@dataclass(frozen=True)
class Jar:
    """A line of the list: the path in a Maven repository, and the digest of the content."""

    path: PurePosixPath
    sha256: str

    def check(self, file: Path) -> None:
        """Raise LocalError unless the file has the content we expect."""
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != self.sha256:
            raise LocalError(
                f"{self.path.name} is not the jar we know: its sha256 is {found}, {LIST_FILE.name} says "
                f"{self.sha256}. Nothing was started. If you trust the list, delete {file} and start again."
            )


def read_list(list_file: Path) -> list[Jar]:
    """The jars of a list in the format of `sha256sum`."""
    lines = [line.split() for line in list_file.read_text().splitlines() if line and not line.startswith("#")]
    return [Jar(PurePosixPath(path), sha256) for sha256, path in lines]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


async def ensure_jars(cache_dir: Path, say: Say, *, list_file: Path = LIST_FILE) -> list[Path]:
    """Return all jars of the list, fetched if need be; raises LocalError if one differs or cannot be had.

    A stamp remembers the list and each file's size and time, so a warm start hashes nothing.
    """
    jars, folder = read_list(list_file), _made(cache_dir / "kafka")
    files = [folder / jar.path.name for jar in jars]
    stamp_file = folder / "checked"
    async with _exclusive(cache_dir / "kafka.lock", say):
        if stamp_file.exists() and stamp_file.read_text() == _stamp(list_file, files):
            return files
        stamp_file.unlink(missing_ok=True)
        for jar, file in zip(jars, files, strict=True):
            if file.exists():
                await asyncio.to_thread(jar.check, file)
        missing = [jar for jar, file in zip(jars, files, strict=True) if not file.exists()]
        if missing:
            await _fetch_all(missing, cache_dir / "incoming", folder, say)
        stamp_file.write_text(_stamp(list_file, files))
    return files


def _stamp(list_file: Path, files: Sequence[Path]) -> str:
    lines = [hashlib.sha256(list_file.read_bytes()).hexdigest()]
    for file in files:
        status = file.stat() if file.exists() else None
        lines.append(f"{file.name} {status.st_size} {status.st_mtime_ns}" if status else f"{file.name} missing")
    return "\n".join(lines)


async def _fetch_all(jars: Sequence[Jar], incoming: Path, folder: Path, say: Say) -> None:
    """Fetch into one folder and move what was checked into the other: an interrupted run leaves no half jar there."""
    shutil.rmtree(incoming, ignore_errors=True)
    say(f"Kafka: fetching {len(jars)} jars (about 45 MB in all, only once)")
    some_at_once, done = asyncio.Semaphore(AT_ONCE), 0

    async def fetch(jar: Jar) -> None:
        nonlocal done
        async with some_at_once:
            file = await asyncio.to_thread(_fetch, jar, incoming)
            await asyncio.to_thread(jar.check, file)
            file.replace(folder / jar.path.name)
        done += 1
        if done % SAY_EVERY == 0 or done == len(jars):
            say(f"Kafka: {done} of {len(jars)} jars")

    try:
        async with asyncio.TaskGroup() as group:
            for jar in jars:
                group.create_task(fetch(jar))
    except* LocalError as several:
        raise several.exceptions[0] from None
    shutil.rmtree(incoming, ignore_errors=True)


def _fetch(jar: Jar, incoming: Path) -> Path:
    from jgo.maven import MavenContext, PythonResolver  # Slow to import, and needed only when something is missing.

    context = MavenContext(resolver=PythonResolver(), repo_cache=incoming, timeout=REQUEST_TIMEOUT_SECONDS)
    group, artifact, version = ".".join(jar.path.parts[:-3]), jar.path.parts[-3], jar.path.parts[-2]
    for attempt in range(ATTEMPTS):
        try:
            return context.project(group, artifact).at_version(version).artifact().resolve()
        except (OSError, RuntimeError) as error:
            (incoming / jar.path).unlink(missing_ok=True)
            if attempt == ATTEMPTS - 1:
                raise LocalError(
                    f"Kafka's {jar.path.name} could not be fetched: {error}. It is needed once, over the network "
                    "(HTTPS_PROXY is respected); or set KAFKA_BOOTSTRAP to a broker you have."
                ) from error
            time.sleep(2**attempt)
    raise AssertionError("the loop returns or raises")


@asynccontextmanager
async def _exclusive(lock_file: Path, say: Say) -> AsyncIterator[None]:
    with lock_file.open("a") as lock:
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    say("Kafka: waiting for another process that fetches the same jars")
                waiting = True
                await asyncio.sleep(POLL_SECONDS)
        yield


def _resolve_list(repo_cache: Path) -> list[str]:
    """The list made anew from BROKER and BROKER_LOG, with every dependency a broker needs when it runs."""
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=repo_cache, timeout=REQUEST_TIMEOUT_SECONDS)
    inputs, others = context.resolver.resolve([context.create_dependency(BROKER)])
    found = [*inputs, *(each for each in others if each.scope in ("compile", "runtime"))]
    needed = [each.artifact.resolve() for each in [*found, context.create_dependency(BROKER_LOG)]]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(repo_cache)}" for file in needed]
    return sorted(set(lines), key=lambda line: line.split()[1])


if __name__ == "__main__":  # python -m deploy.local.jars > deploy/local/kafka-jars.sha256, after a change of BROKER
    sys.stdout.write("\n".join(_resolve_list(Path(".local/cache/maven").absolute())) + "\n")
