"""`replay`: metrics made anew from the topics beside the live tables, compared, and put in their place."""

import asyncio
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from deploy.ops.command import Commands, Progress, Refused, declare
from deploy.ops.quiet import only_warnings
from deploy.ops.settings import read
from services.metrics.settings import Settings
from services.metrics.store.rebuild.tables import BESIDE, REPLACED, Marker, Room
from services.metrics.use_cases.rebuild import Comparison, Filling, Obstacle, Rebuild
from services.metrics.wiring import open_rebuild

__all__ = ["add"]

MORE = """\
The owners send everything again; a schema beside the live tables is filled from the beginning of the topics by the very
code that folds; both are compared, record by record; then one short transaction puts the new tables in the place of the
old ones. Queries are answered and records are folded throughout. Ended at any moment, nothing has changed, and the same
command goes on. Reported figures (statements) stay where they are. What was so before a correction is forgotten: topics
keep the newest state of each record. docs/runbooks/replay.md

exit codes: 0 done; 1 refused, or with --dry-run: what is live is not what the topics make; 2 could not begin"""

CALM_MESSAGES = 2000
LOOK_SECONDS = 2.0
SPARE = 1.3  # What is written is about as large as what is there; its log and what is vacuumed come beside.
LEAST_FREE_BYTES = 500_000_000


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "replay",
        _run,
        vi="dựng lại số liệu từ Kafka bên cạnh bảng đang dùng, so sánh, rồi thay; luôn trả lời được",
        en="numbers made anew from the topics beside the live ones, compared, switched; answers go on",
        more=MORE,
        examples=(
            "replay --service metrics --from 0 --dry-run   # only compare",
            "replay --service metrics --from 0",
            "replay --service metrics --drop-old           # what --keep-old has kept",
        ),
    )
    parser.add_argument("--service", choices=["metrics"], required=True, help="dịch vụ · the service")
    step = parser.add_mutually_exclusive_group(required=True)
    step.add_argument("--from", type=int, choices=[0], dest="start", help="từ đầu · from the beginning of the topics")
    step.add_argument("--abandon", action="store_true", help="bỏ phần đang dựng dở · drop a rebuild that was left")
    step.add_argument("--drop-old", action="store_true", help="xóa bảng cũ đã giữ · drop the tables that were replaced")
    _options(parser)


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="chỉ so sánh, rồi bỏ · compare, then drop what was made")
    parser.add_argument("--keep-old", action="store_true", help=f"giữ bảng cũ · keep the old ones, in {REPLACED}")
    parser.add_argument("--no-announce", action="store_true", help="không gửi lại · nothing is sent again before")
    parser.add_argument("--anew", action="store_true", help="không làm tiếp phần dở · do not go on with what was left")
    parser.add_argument(
        "--assume-room", action="store_true", help="chỗ trống đã xem · there is disk room: you have looked yourself"
    )
    parser.add_argument(
        "--accept-loss", action="store_true", help="chấp nhận mất bản ghi không có trong Kafka · lose what topics lack"
    )
    parser.add_argument(
        "--without-rollups",
        action="store_true",
        help="không chờ bảng tổng · do not wait for roll-ups: queries are slow",
    )
    parser.add_argument(
        "--announce-wait", type=float, default=3600, metavar="SECONDS", help="chờ gửi lại · for all to be sent again"
    )
    parser.add_argument(
        "--patience", type=float, default=600, metavar="SECONDS", help="tìm lúc thay bảng · for a moment to switch in"
    )


def _run(asked: Namespace) -> int:
    only_warnings()
    settings = read(Settings)
    try:
        return asyncio.run(_replay(settings, asked))
    except Obstacle as error:
        raise Refused(error.vi, error.en) from error


async def _replay(settings: Settings, asked: Namespace) -> int:
    async with open_rebuild(settings) as opened:
        if opened is None:
            raise Refused("một lần dựng lại khác đang chạy", "another rebuild is under way")
        rebuild, filling = opened
        left, replaced = await rebuild.look()
        if asked.abandon or asked.drop_old:
            return await _drop(rebuild, BESIDE if asked.abandon else REPLACED)
        _check_replaced(replaced)
        _check_room(await rebuild.room(), assumed=asked.assume_room)
        if not asked.no_announce:
            await _announce(asked.announce_wait)
        await _begin(rebuild, left, anew=asked.anew)
        filling.start()
        await _fill(rebuild, filling, rollups=not asked.without_rollups)
        comparison = await _compare(rebuild)
        _tell(comparison)
        if asked.dry_run:
            await filling.stop()
            await _drop(rebuild, BESIDE)
            return 0 if comparison.equal else 1
        _check_lost(comparison, accepted=asked.accept_loss)
        _say("đang thay bảng", "switching")
        revision = await rebuild.switch(filling, asked.patience)
        _say(f"đã thay; dữ liệu ở revision {revision}", f"switched; the data are at revision {revision}")
        if not asked.keep_old:
            await _drop(rebuild, REPLACED)
    return 0


async def _announce(seconds: float) -> None:
    """Have the owners send everything again, and wait until they have."""
    command = (sys.executable, "-m", "deploy.ops", "announce", "--wait", str(seconds))
    # Not in its own session: what ends this command ends that too.
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise Refused(
            "các dịch vụ chưa gửi lại hết; relay có chạy không? hoặc --no-announce",
            "the owners have not sent everything again; do their relays run? or --no-announce",
        )


def _say(vi: str, en: str) -> None:
    print(f"{vi} · {en}", flush=True)


async def _drop(rebuild: Rebuild, schema: str) -> int:
    if await rebuild.drop(schema):
        _say(f"đã xóa lược đồ {schema}", f"schema {schema} is dropped")
    else:
        _say(f"không có lược đồ {schema}", f"there is no schema {schema}")
    return 0


def _check_replaced(replaced: Marker | None) -> None:
    if replaced is not None:
        raise Refused(
            f"bảng cũ bị thay lúc {replaced.since} vẫn còn trong {REPLACED}: --drop-old trước",
            f"the tables replaced at {replaced.since} are in {REPLACED} still: --drop-old first",
        )


def _check_room(room: Room, *, assumed: bool) -> None:
    """Refuse where the disk has not, or may not have, room for everything once more."""
    needed = max(0, int(room.live * SPARE) - room.beside) + LEAST_FREE_BYTES
    free = _free(room)
    if free is None and not assumed:
        raise Refused(
            f"không thấy đĩa của PostgreSQL; cần {needed / 1e9:,.1f} GB trống: xem rồi thêm --assume-room",
            f"PostgreSQL's disk is out of sight; {needed / 1e9:,.1f} GB must be free: look, then add --assume-room",
        )
    if free is not None and free < needed and not assumed:
        raise Refused(
            f"cần {needed / 1e9:,.1f} GB trống, chỉ có {free / 1e9:,.1f} GB",
            f"{needed / 1e9:,.1f} GB must be free, {free / 1e9:,.1f} GB are",
        )


def _free(room: Room) -> int | None:
    folder = Path(room.folder) if room.folder else None
    return shutil.disk_usage(folder).free if folder is not None and folder.is_dir() else None


async def _begin(rebuild: Rebuild, left: Marker | None, *, anew: bool) -> None:
    if await rebuild.prepare(anew=anew) and left is not None:
        _say(f"làm tiếp phần dựng từ {left.since}", f"going on with what was begun at {left.since}")
    else:
        _say(f"dựng bảng mới trong lược đồ {BESIDE}", f"tables are made anew in schema {BESIDE}")


async def _fill(rebuild: Rebuild, filling: Filling, *, rollups: bool) -> None:
    """Wait until everything is read that was there, and roll-ups are made of it."""
    progress, begun, first = Progress("đọc lại · reading"), time.monotonic(), -1
    try:
        while True:
            filling.check()
            status, room = await rebuild.status(), await rebuild.room()
            first = status.read if first < 0 else first
            if status.behind <= CALM_MESSAGES and not (rollups and status.unready != 0):
                break
            if (free := _free(room)) is not None and free < LEAST_FREE_BYTES:
                raise Refused("đĩa sắp đầy: --abandon", "the disk is nearly full: --abandon")
            waiting = (
                "bảng tổng · roll-ups"
                if status.behind <= CALM_MESSAGES
                else _left(status.behind, first, status.read, begun)
            )
            progress.at(status.read, status.of, waiting)
            await asyncio.sleep(LOOK_SECONDS if time.monotonic() - begun > LOOK_SECONDS else LOOK_SECONDS / 10)
    finally:
        progress.end()
    _say(f"đã đọc lại {status.read:,} tin nhắn", f"{status.read:,} messages are read again")


def _left(behind: int, first: int, read: int, begun: float) -> str:
    """Say how long it will take still, as fast as it has gone so far."""
    if read <= first:
        return ""
    seconds = behind * (time.monotonic() - begun) / (read - first)
    return f"còn · left ≈ {seconds / 60:,.0f} min" if seconds > 90 else f"còn · left ≈ {seconds:,.0f} s"


async def _compare(rebuild: Rebuild) -> Comparison:
    await rebuild.polish()
    progress = Progress("so sánh · comparing")
    try:
        return await rebuild.compare(lambda done, of: progress.at(done, of))
    finally:
        progress.end()


def _tell(comparison: Comparison) -> None:
    """Print what is live and what was made anew, side by side."""
    print(f"{'':24}{'đang dùng · live':>20}{'dựng lại · anew':>20}{'':>12}")
    for name, (old, new) in comparison.named.items():
        print(_row(name, old, new))
    for code, (before, after) in comparison.totals.items():
        for name in ("quantity", "unknown", "cells"):
            print(_row(f"{code} {name}", getattr(before, name, 0), getattr(after, name, 0)))
    print(
        f"bản ghi giống hệt · records alike: {comparison.same:,}\n"
        f"cùng revision, khác nội dung · same revision, other facts: {comparison.differing:,}\n"
        f"mới hơn trong Kafka · newer in the topics: {comparison.newer:,}\n"
        f"Kafka không có · not in the topics: {comparison.lost:,}"
        + "".join(f", {table}: {lost:,}" for table, lost in comparison.lost_states.items() if lost),
        flush=True,
    )


def _row(name: str, old: int, new: int) -> str:
    return f"{name:24}{old:20,}{new:20,}{f'{new - old:+,}' if new != old else '=':>12}"


def _check_lost(comparison: Comparison, *, accepted: bool) -> None:
    if comparison.anything_lost and not accepted:
        raise Refused(
            "không thay: Kafka thiếu bản ghi đang được đếm; gửi lại (không dùng --no-announce) hoặc --accept-loss",
            "not switched: the topics lack what is counted; have it sent (without --no-announce), or --accept-loss",
        )
