"""A full disk under PostgreSQL, then under Kafka: nothing acknowledged is lost, service returns with the space."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from errno import ENOSPC
from pathlib import Path

from deploy.local.child import LocalError, run_to_end
from deploy.local.kafka import KafkaServer
from deploy.local.postgres import PostgresServer
from tests.faults.part import Outcome, Run
from tests.faults.randomly import Scene, open_scene, settle, verify, write
from tests.faults.waiting import until
from tests.faults.watch import Watch

__all__ = ["run"]

ROWS, ROWS_A_SECOND = 2_000, 500
SIZES = {"PostgreSQL": 400, "Kafka": 300}
LEFT_BYTES = 1_000_000
TRIES = 100
FULL_SECONDS = 8.0
MOST_SECONDS = 180.0


@dataclass(frozen=True)
class Disk:
    """A small file system of its own."""

    path: Path

    def fill(self) -> None:
        """Leave next to nothing; what the server takes meanwhile is taken again from what is left."""
        with (self.path / "ballast").open("wb") as ballast:
            for _ in range(TRIES):
                status = os.statvfs(self.path)
                try:
                    return os.posix_fallocate(
                        ballast.fileno(), 0, max(1, status.f_bavail * status.f_frsize - LEFT_BYTES)
                    )
                except OSError as error:
                    if error.errno != ENOSPC:
                        raise
        raise LocalError(f"{self.path} cannot be filled: the server is always quicker")

    def free(self) -> None:
        """Give the space back."""
        (self.path / "ballast").unlink()


@asynccontextmanager
async def small_disk(path: Path, megabytes: int) -> AsyncIterator[Disk]:
    """Mount a tmpfs; raises LocalError where that is not allowed."""
    await asyncio.to_thread(path.mkdir, parents=True)
    await run_to_end(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(path)])
    try:
        yield Disk(path)
    finally:
        await run_to_end(["umount", "--lazy", str(path)])


async def run(run: Run) -> Outcome:
    """Fill the disk under each server in turn."""
    whole = Outcome()
    for name in SIZES:
        try:
            async with small_disk(run.folder / name / "disk", SIZES[name]) as disk:
                outcome = await _fill(replace(run, folder=run.folder / name), name, disk)
        except LocalError as error:
            if "mount" not in str(error):
                raise
            whole.skipped = f"a small disk needs a tmpfs, which only root may mount ({str(error).splitlines()[-1]})"
            break
        whole.figures |= {f"{name}: {figure}": value for figure, value in outcome.figures.items()}
        whole.wrong += [f"{name}: {text}" for text in outcome.wrong]
    return whole


async def _fill(run: Run, name: str, disk: Disk) -> Outcome:
    """Write while the disk is full, give the space back, write on, compare."""
    chance = random.Random(run.seed)  # noqa: S311
    places = {"postgres_dir": disk.path / "data"} if name == "PostgreSQL" else {"kafka_dir": disk.path}
    async with open_scene(run, **places) as scene:
        server = scene.cluster.postgres if name == "PostgreSQL" else scene.cluster.kafka
        stored, enough = scene.ledger.tally, asyncio.Event()
        writing = asyncio.ensure_future(write(scene, chance, enough.is_set, ROWS_A_SECOND))
        try:
            await _until_stored(scene, ROWS)
            disk.fill()
            run.say(f"{name}: the disk is full")
            await _until_it_hurts(scene, name)
            disk.free()
            began = time.monotonic()
            run.say(f"{name}: there is space again")
            restarted = await _restart_if_dead(server)
            await _until_stored(scene, stored["stored"] + ROWS)
            returned = time.monotonic() - began
            enough.set()
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await settle(scene)
        outcome = await verify(scene)
        told: dict[str, float | str] = {
            "rows stored": stored["stored"],
            "unknown outcomes": sum(scene.door.unknown.values()),
            "the server had ended": int(restarted),
            f"seconds until the next {ROWS} rows were stored": round(returned, 1),
        }
        return Outcome({**told, **outcome.figures}, outcome.wrong)


async def _until_stored(scene: Scene, rows: int) -> None:
    async def are_stored() -> bool:
        return scene.ledger.tally["stored"] >= rows

    await until(are_stored, f"{rows} rows are stored", MOST_SECONDS)


async def _until_it_hurts(scene: Scene, name: str) -> None:
    """Wait until nothing has been stored, or nothing could be relayed, for some seconds."""
    watch = Watch(scene.cluster, scene.door)
    seen: tuple[object, float] = (None, time.monotonic())

    async def it_stands_still() -> bool:
        nonlocal seen
        now = scene.ledger.tally["stored"] if name == "PostgreSQL" else await watch.position()
        if now != seen[0] or (name == "Kafka" and not await watch.relay_is_behind()):
            seen = now, time.monotonic()
        return time.monotonic() - seen[1] > FULL_SECONDS

    try:
        await until(it_stands_still, f"{name} refuses to write, for its disk is full", MOST_SECONDS)
    finally:
        watch.close()


async def _restart_if_dead(server: PostgresServer | KafkaServer) -> bool:
    """Do what a supervisor does: start the server again if it has ended."""
    try:
        os.kill(server.pid, 0)
    except ProcessLookupError:
        await server.restart()
        return True
    return False
