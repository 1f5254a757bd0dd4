"""Brokers of tests start quickly: the first process of a run that needs one makes the file that shortens each start."""

import fcntl
import shutil
from pathlib import Path

from deploy.local.child import LocalError
from deploy.local.java import find_java, java_version
from deploy.local.kafka import open_kafka
from deploy.local.kafka_quick import QuickStart

__all__ = ["ensure_quick_start"]

OLDEST_JAVA = 24  # The first to keep what it has loaded and linked.
NOTE_SECONDS = 120


async def ensure_quick_start(cache: Path) -> None:
    """Make the file unless it is there, this Java cannot, or another process is at it: it only saves time."""
    java = await find_java()
    quick = QuickStart(cache, java)
    if quick.file.exists() or await java_version(java) < OLDEST_JAVA:
        return
    quick.file.parent.mkdir(parents=True, exist_ok=True)
    with quick.file.with_suffix(".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        folder = quick.file.with_suffix(".trial")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            await _make(quick, folder, cache)
        except LocalError as error:
            print(f"brokers of tests start slowly: {error}")  # noqa: T201  shown beside a failure
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _make(quick: QuickStart, folder: Path, cache: Path) -> None:
    async with open_kafka(folder / "kafka", cache, say=_quiet, quick=quick.recording()) as broker:
        await broker.stop(NOTE_SECONDS)
        await broker.run_java(*quick.making())
        quick.made()


def _quiet(_: str) -> None:
    """Say nothing."""
