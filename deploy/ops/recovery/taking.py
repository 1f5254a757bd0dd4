"""Takes a backup while everything runs: one snapshot of each database, in an order that makes them one set.

Each service knows of others only what those have committed: metrics what visits wrote, visits what the registry wrote.
So metrics' snapshot is the oldest, the registry's the newest, and nothing in the set refers to what is not in it.
Snapshots only read: they take no transaction id, and so hold no relay back.
"""

import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from deploy.ops.command import Progress, Refused
from deploy.ops.recovery.anew import OWN
from deploy.ops.recovery.content import contents
from deploy.ops.recovery.manifest import Database, Manifest, digest_of, write_manifest
from deploy.ops.recovery.numbers import of_log
from deploy.ops.recovery.tools import find_tool, run_tool
from libs.common.db import Connection, connect

__all__ = ["NAME", "OLDEST_FIRST", "marks_of", "take"]

NAME = "ops recovery"
OLDEST_FIRST = ("metrics", "visits", "registry")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class _Snapshot:
    service: str
    url: str
    connection: Connection
    snapshot: str
    visible: str
    server: str


async def take(urls: Mapping[str, str], folder: Path, *, whole_metrics: bool, keys: Mapping[str, Path]) -> Manifest:
    """Make a backup in a new folder; until it is whole it has another name. Raises Refused."""
    unfinished = _make_room(folder)
    begun = datetime.now(UTC).isoformat()
    try:
        async with AsyncExitStack() as stack:
            snapshots = [await stack.enter_async_context(_snapshot(each, urls[each])) for each in OLDEST_FIRST]
            databases = {each.service: await _keep(each, unfinished, whole_metrics) for each in snapshots}
            counting = Progress("đang tính số liệu · adding the numbers up")
            numbers = await of_log(snapshots[1].connection, told=lambda cells: counting.at(cells, unit="cells"))
            counting.end()
        manifest = Manifest(
            begun,
            datetime.now(UTC).isoformat(),
            _version(),
            databases,
            numbers,
            {k: marks_of(f) for k, f in keys.items()},
        )
        write_manifest(unfinished, manifest)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return manifest


def _make_room(folder: Path) -> Path:
    if folder.exists():
        raise Refused(f"{folder} đã có; hãy chọn tên khác", f"{folder} exists; choose another name")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    return unfinished


def _version() -> str:
    try:
        return version("tungnha")
    except PackageNotFoundError:
        return "checkout"


def marks_of(file: Path) -> list[str]:
    """Give a mark of each key of a file: enough to tell another key by, useless for anything else."""
    try:
        keys = file.read_text(encoding="utf-8").split()
    except OSError as error:
        raise Refused(f"không đọc được {file}", f"{file} cannot be read: {error}") from error
    return [hashlib.sha256(b"tungnha mark of a key\0" + key.lower().encode()).hexdigest()[:16] for key in keys]


@asynccontextmanager
async def _snapshot(service: str, url: str) -> AsyncIterator[_Snapshot]:
    """Hold a snapshot open."""
    connection = await connect(url, application_name=NAME, transaction_timeout_seconds=0)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            row = await connection.fetchrow(
                """SELECT pg_export_snapshot() AS id, pg_current_snapshot()::text AS visible,
                          current_setting('server_version') AS server"""
            )
            assert row is not None
            yield _Snapshot(service, url, connection, row["id"], row["visible"], row["server"])
    finally:
        await connection.close()


async def _keep(of: _Snapshot, folder: Path, whole_metrics: bool) -> Database:
    """Dump a database, read it whole beside the dump, and say what was in it."""
    whole = of.service != "metrics" or whole_metrics
    schema = await of.connection.fetchval("SELECT version_num FROM public.alembic_version")
    file = folder / f"{of.service}.dump"
    file.touch(mode=0o600)
    dumping = Progress(f"{of.service}: đang sao lưu · dumping")
    # Level 1: JSON gets small by it already; more costs thrice the time for a tenth.
    words = ["--format=custom", "--compress=gzip:1", f"--snapshot={of.snapshot}", f"--file={file}"]
    if not whole:
        words += ["--data-only", *(f"--table=public.{table}" for table in OWN)]
    tool = await find_tool("pg_dump", int(of.server.split(".")[0]))
    await run_tool(tool, of.url, words, lambda: dumping.at(file.stat().st_size // MEGABYTE, unit="MB"))
    dumping.end()
    reading, done = Progress(f"{of.service}: đang đối soát · digesting"), 0

    def told(table: str, rows: int) -> None:
        nonlocal done
        reading.at(done := done + rows, unit="rows")

    tables = await contents(of.connection, told, only=None if whole else OWN)
    reading.end()
    facts = {} if of.service == "metrics" else await _facts(of.connection, of.service)
    size = file.stat().st_size
    return Database(
        of.service, whole, of.server, schema, file.name, size, digest_of(file), tables, visible=of.visible, **facts
    )


async def _facts(connection: Connection, service: str) -> dict[str, Any]:
    """Say where a log is: its epoch, its newest row, how far it was sent."""
    row = await connection.fetchrow(
        """SELECT (SELECT epoch FROM log_epoch) AS epoch,
                  coalesce((SELECT concat_ws('.', log.epoch, xid, seq) FROM log
                            ORDER BY log.epoch DESC, xid DESC, seq DESC LIMIT 1), '') AS position,
                  coalesce((SELECT concat_ws('.', epoch, xid, seq) FROM log_position WHERE relay = $1), '') AS sent""",
        service,
    )
    assert row is not None
    return dict(row)
