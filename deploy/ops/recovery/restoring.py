"""Puts a backup back, and does what must come after any restore, by whatever means it was made.

The order bears being cut short anywhere. Topics go first: the log as it stands would be sent again whole. Then each
log comes back with its new epoch in one transaction. Metrics is made anew last: until then what it has folded and the
log does not know is what was lost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.say import Say
from deploy.ops.command import Progress, Refused
from deploy.ops.grant_watch import GRANTS, ROLE
from deploy.ops.recovery.anew import EMPTY, MIGRATIONS, OWN, REVISIONS, exists, make_anew, minutes_now
from deploy.ops.recovery.content import contents, differences
from deploy.ops.recovery.epochs import known_epochs, next_epoch, raise_epoch, raised
from deploy.ops.recovery.lost import Lost, folded_since, not_in, written_since
from deploy.ops.recovery.manifest import Database, Manifest, digest_of
from deploy.ops.recovery.tools import Script, create_if_missing, find_tool, play
from deploy.ops.recovery.topics import delete_topics, present, topics_of
from libs.common.db import Connection, connect, migrate
from libs.common.kafka import Address
from libs.contracts.topics import Topic

__all__ = ["LOGS", "Found", "Restored", "check_files", "look", "restore"]

NAME = "ops recovery"
LOGS = ("registry", "visits")
WATCHES = "ops watch"
MEGABYTE = 1_000_000


@dataclass
class Found:
    """What there is before anything is done: what would be destroyed, and the epochs that are known."""

    holds: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    told_by: dict[str, dict[str, int]] = field(default_factory=dict)
    topics: list[Topic] = field(default_factory=list)
    newer: dict[str, Lost] = field(default_factory=dict)
    revision: int = 0


@dataclass
class Restored:
    """What was done: the new epoch of each log, and what it does not know any more."""

    epochs: dict[str, int]
    lost: dict[str, Lost]


async def look(urls: Mapping[str, str], address: Address, services: Sequence[str], manifest: Manifest | None) -> Found:
    """Look at everything that a restore of some services touches, and change nothing but to create what is missing.

    Raises Refused while anything but the watch is connected; Away or Unavailable where a server does not answer.
    """
    found = Found()
    async with AsyncExitStack() as stack:
        opened: dict[str, Connection] = {}
        for name, url in urls.items():
            await create_if_missing(url)
            opened[name] = await _connect(stack, url)
            await _nobody_else(opened[name], name)
        for name in services:
            log, topics = opened[name], await present(address, topics_of(name))
            known = await known_epochs(log, opened["metrics"], address, topics)
            if manifest is not None:
                known["backup"] = manifest.databases[name].epoch
            found.told_by[name], found.topics = known, [*found.topics, *topics]
            found.epochs[name] = next_epoch(max(known.values()))
            if await exists(log, "log"):
                found.holds[name] = await log.fetchval("SELECT count(*) FROM log")
                if manifest is not None:
                    kept, found.newer[name] = manifest.databases[name], Lost()
                    found.newer[name].take(await written_since(log, kept.epoch, kept.visible))
        if await exists(opened["metrics"], "heads"):
            found.holds["metrics"] = await opened["metrics"].fetchval("SELECT count(*) FROM heads")
            found.revision = await opened["metrics"].fetchval("SELECT epoch FROM data_revision")
    found.holds = {name: rows for name, rows in found.holds.items() if rows}
    return found


async def _connect(stack: AsyncExitStack, url: str) -> Connection:
    connection = await connect(url, application_name=NAME, transaction_timeout_seconds=0)
    stack.push_async_callback(connection.close)
    return connection


async def _nobody_else(connection: Connection, name: str) -> None:
    rows = await connection.fetch(
        """SELECT coalesce(nullif(application_name, ''), '?') AS who, count(*) AS many FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
             AND application_name NOT IN ($1, $2) GROUP BY 1 ORDER BY 1""",
        NAME,
        WATCHES,
    )
    if rows:
        who = ", ".join(f"{row['who']} ({row['many']})" for row in rows)
        raise Refused(
            f"cơ sở dữ liệu {name} đang được dùng: {who}. Hãy dừng mọi dịch vụ, kể cả cổng vào, rồi làm lại",
            f"the database of {name} is in use by: {who}. Stop every service, the gateway too, and do it again",
        )


async def restore(
    urls: Mapping[str, str],
    address: Address,
    services: Sequence[str],
    found: Found,
    say: Say,
    *,
    backup: Path | None,
    manifest: Manifest | None,
) -> Restored:
    """Do it. Without a backup, only what comes after a restore that was made by other means."""
    if found.topics:
        say(f"xóa chủ đề · deleting topics: {', '.join(topic.name for topic in found.topics)}")
        await delete_topics(address, found.topics)
    for name in services:
        if backup is not None and manifest is not None:
            say(f"{name}: khôi phục · restoring")
            kept = manifest.databases[name]
            await _put_back(urls[name], backup, kept, Script(EMPTY, raised(found.epochs[name])))
            await asyncio.to_thread(migrate, urls[name], MIGRATIONS[name])
    lost = await _after(urls, services, found, raise_too=backup is None)
    say("metrics: làm lại từ đầu · making it anew")
    await _metrics(urls["metrics"], backup, manifest, found.revision)
    for name in (*services, "metrics"):
        await _grant_again(urls[name], name)
    return Restored({name: found.epochs[name] for name in services}, lost)


async def _grant_again(url: str, name: str) -> None:
    """Let the watch read tables that are others now under the same names, where it has a role of its own."""
    async with AsyncExitStack() as stack:
        connection = await _connect(stack, url)
        if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", ROLE):
            async with connection.transaction():
                for statement in GRANTS[name]:
                    await connection.execute(statement)


async def _after(urls: Mapping[str, str], services: Sequence[str], found: Found, *, raise_too: bool) -> dict[str, Lost]:
    """Have every log sent again, in a new epoch where it was restored, and find out what is missing in it."""
    lost: dict[str, Lost] = {}
    async with AsyncExitStack() as stack:
        metrics = await _connect(stack, urls["metrics"])
        for name in LOGS:
            log = await _connect(stack, urls[name])
            if name not in services:
                # What is not restored is read again by a metrics made anew, so it is told again, too.
                if await exists(log, "log_position"):
                    await log.execute("DELETE FROM log_position")
                continue
            if raise_too:
                await raise_epoch(log, found.epochs[name])
            lost[name] = Lost()
            newer = found.newer.get(name, Lost())
            lost[name].take(await not_in(log, list(newer.rows.values())))
            if name == "visits":
                lost[name].take(await folded_since(metrics, log))
    return lost


async def _put_back(url: str, backup: Path, kept: Database, script: Script) -> None:
    """Play a dump in one transaction, and read every table again whole. Raises Refused where one is not as it was."""
    file, major = backup / kept.file, int(kept.server.split(".")[0])
    async with AsyncExitStack() as stack:
        connection = await _connect(stack, url)
        server = int(await connection.fetchval("SELECT current_setting('server_version_num')::integer / 10000"))
        if server < major:
            raise Refused(
                f"máy chủ PostgreSQL {server} cũ hơn bản sao lưu ({major})",
                f"PostgreSQL {server} is older than what was backed up ({major})",
            )
        pg_restore, psql = await find_tool("pg_restore", server), await find_tool("psql", server)
        playing = Progress(f"{kept.service}: đang khôi phục · restoring")
        await play(pg_restore, psql, url, file, script, lambda done: playing.at(done // MEGABYTE, unit="MB"))
        playing.end()
        reading, done = Progress(f"{kept.service}: đang đối soát · digesting"), 0

        def told(table: str, rows: int) -> None:
            nonlocal done
            reading.at(done := done + rows, unit="rows")

        async with connection.transaction(isolation="repeatable_read", readonly=True):
            wrong = differences(kept.tables, await contents(connection, told, only=None if kept.whole else OWN))
        reading.end()
    if wrong:
        raise Refused(f"{kept.service}: không khớp với bản kê", "not as the manifest says:\n" + "\n".join(wrong))


async def _metrics(url: str, backup: Path | None, manifest: Manifest | None, revision: int) -> None:
    """Make metrics anew with what is its own; or as it was in the backup, where that has it whole."""
    kept = manifest.databases["metrics"] if manifest else None
    if backup is None or kept is None:
        await make_anew(url)
    elif kept.whole:
        least = max(minutes_now(), revision + 1)
        anew = [f"UPDATE public.{table} SET epoch = greatest(epoch + 1, {least})" for table in REVISIONS]
        # All topics are read again, and with them what could not be.
        await _put_back(url, backup, kept, Script(EMPTY, "; ".join([*anew, "DELETE FROM public.dead_letters"])))
        await asyncio.to_thread(migrate, url, MIGRATIONS["metrics"])
    elif not await make_anew(url):
        await _put_back(
            url, backup, kept, Script("; ".join(f"DELETE FROM public.{table}" for table in OWN), "SELECT 1")
        )


def check_files(backup: Path, manifest: Manifest) -> None:
    """Read every file of a backup; raises Refused where one is not what was written."""
    for kept in manifest.databases.values():
        if _damaged(backup / kept.file, kept):
            file = backup / kept.file
            raise Refused(f"{file} thiếu hoặc bị hỏng", f"{file} is missing or damaged")


def _damaged(file: Path, kept: Database) -> bool:
    reading = Progress(f"{kept.file}: đang kiểm tra · checking")
    if not file.exists() or file.stat().st_size != kept.bytes:
        return True
    digest = digest_of(file, lambda done: reading.at(done // MEGABYTE, kept.bytes // MEGABYTE, "MB"))
    reading.end()
    return digest != kept.sha256
