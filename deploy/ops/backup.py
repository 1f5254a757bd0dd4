"""`backup FOLDER`: the databases as one set, taken while everything runs."""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

from deploy.ops.command import Commands, declare
from deploy.ops.recovery.manifest import MANIFEST, Manifest
from deploy.ops.recovery.servers import Keys, open_servers
from deploy.ops.recovery.taking import take

__all__ = ["add"]

MORE = """\
registry và visits nguyên vẹn; của metrics chỉ những gì không dựng lại được từ nhật ký, trừ khi có --with-metrics.
Registry and visits whole; of metrics only what no log tells again, unless --with-metrics is given.

KHÔNG có trong bản sao lưu, phải cất riêng: khóa bí danh, khóa niêm phong, khóa ký token. Thiếu hai khóa đầu thì không
nhận lại được người đã gặp, không đọc được thông tin thành viên.
NOT in it, to be kept apart: the pseudonym keys, the sealing keys, the key that signs tokens. Without the first two
nobody is recognised again and no member's details can be read."""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "backup",
        _run,
        vi="sao lưu các cơ sở dữ liệu trong khi hệ thống chạy",
        en="back the databases up while everything runs",
        more=MORE,
        examples=["backup backups/2026-11-22", "backup --with-metrics backups/2026-11-22"],
    )
    parser.add_argument("folder", type=Path, help="thư mục sẽ tạo · made by the command; must not exist")
    parser.add_argument(
        "--with-metrics",
        action="store_true",
        help="cả metrics: to hơn, nhưng khôi phục xong là có số liệu · metrics whole: larger, and there at once",
    )


def _run(asked: Namespace) -> int:
    manifest = asyncio.run(_take(asked.folder, asked.with_metrics))
    _tell(asked.folder, manifest)
    return 0


async def _take(folder: Path, whole_metrics: bool) -> Manifest:
    async with open_servers(lambda line: print(line, file=sys.stderr), kafka=False) as servers:
        return await take(servers.urls, folder, whole_metrics=whole_metrics, keys=Keys().files())


def _tell(folder: Path, manifest: Manifest) -> None:
    for name, kept in sorted(manifest.databases.items()):
        rows = sum(content.rows for content in kept.tables.values())
        part = "" if kept.whole else " (phần riêng · its own part)"
        print(f"{kept.file}\t{name}{part}\t{rows:,} rows\t{kept.bytes:,} bytes\t{kept.position}")
    for measure, quantity in sorted(manifest.numbers.quantity.items()):
        people = f"{manifest.numbers.people[measure]:,} người" if manifest.numbers.people is not None else ""
        print(f"{measure}\t{quantity:,} lượt\t{people}")
    print(f"{folder / MANIFEST}: xong · done")
    print("cất riêng các khóa · keep the keys apart:")
    for name, file in Keys().files().items():
        print(f"  {file}\t{name}")
