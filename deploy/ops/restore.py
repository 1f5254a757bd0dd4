"""`restore FOLDER`, `restore FOLDER --check`, and `after-restore` where the restore was made by other means."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.running import command
from deploy.ops.command import Commands, Refused, declare
from deploy.ops.recovery.checking import Checked, check
from deploy.ops.recovery.manifest import Manifest, read_manifest
from deploy.ops.recovery.restoring import LOGS, Found, Restored, check_files, look, restore
from deploy.ops.recovery.servers import Keys, open_servers
from deploy.ops.recovery.taking import marks_of

__all__ = ["add"]

NEXT = """\
Tiếp theo · what comes next:
  1. {start}, rồi · then
     {check}
  2. khi bằng nhau, {rest}
  3. thiết bị, đối tác gửi lại những gì đã gửi từ lúc sao lưu: id đã có là duplicate
     devices and partners send again what they sent since: ids that are there are duplicates"""

ON_ONE_MACHINE = {
    "start": "make up",
    "rest": "xong · when all is equal, it is done",
}
APART = {
    "start": "khởi động relay và consumer · start the relays and the consumers",
    "rest": "mở cổng vào · when all is equal, start the rest, the gateway last",
}


def add(commands: Commands) -> None:
    """Declare both commands."""
    parser = declare(
        commands,
        "restore",
        _run,
        vi="khôi phục từ bản sao lưu, hoặc kiểm tra sau khi khôi phục",
        en="put a backup back, or check what was put back",
        more="Mọi dịch vụ phải dừng; có gì sẽ mất thì nói trước, chỉ làm khi có --yes.\n"
        "Every service must stand still; what would be destroyed is told first, and done with --yes only.",
        examples=[
            "restore backups/2026-11-22",
            "restore backups/2026-11-22 --only visits --yes",
            "restore backups/2026-11-22 --check --wait 600",
        ],
    )
    parser.add_argument("folder", type=Path, help="của lệnh backup · made by `backup`")
    parser.add_argument("--only", choices=LOGS, help="chỉ dịch vụ này · this service only; default: both")
    parser.add_argument("--check", action="store_true", help="chỉ so số liệu · compare the numbers, change nothing")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="--check: wait until all is counted")
    _add_common(parser)
    after = declare(
        commands,
        "after-restore",
        _run_after,
        vi="những việc phải làm sau khi khôi phục bằng cách khác (CloudNativePG, pg_restore)",
        en="what must come after a restore by other means (CloudNativePG, pg_restore)",
        more="Nâng epoch, xóa chủ đề của dịch vụ, dựng lại metrics, nói những gì đã mất.\n"
        "Raises the epoch, deletes the service's topics, makes metrics anew, tells what was lost.",
        examples=["after-restore visits --yes", "after-restore registry visits --yes"],
    )
    after.add_argument("services", nargs="+", choices=LOGS)
    _add_common(after)


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="làm thật · do it")
    parser.add_argument(
        "--lost", type=Path, metavar="FILE", help="ghi những gì đã mất (CSV) · where what was lost is written"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(asked: Namespace) -> int:
    manifest = read_manifest(asked.folder)
    if asked.check:
        return asyncio.run(_check(asked, manifest))
    return asyncio.run(_restore(asked, [asked.only] if asked.only else LOGS, asked.folder, manifest))


def _run_after(asked: Namespace) -> int:
    return asyncio.run(_restore(asked, asked.services, None, None))


async def _restore(asked: Namespace, services: Sequence[str], folder: Path | None, manifest: Manifest | None) -> int:
    if folder is not None and manifest is not None:
        check_files(folder, manifest)
        _known_keys(manifest)
    async with open_servers(_say, kafka=True) as servers:
        assert servers.kafka is not None
        found = await look(servers.urls, servers.kafka, services, manifest)
        if not _may(found, asked.yes):
            return 1
        restored = await restore(servers.urls, servers.kafka, services, found, _say, backup=folder, manifest=manifest)
    _tell(restored, found, asked.lost)
    check = command("deploy.ops", "restore", str(folder or "FOLDER"), "--check", "--wait", "600")
    print(NEXT.format(check=check, **(ON_ONE_MACHINE if servers.own else APART)))
    return 0


def _known_keys(manifest: Manifest) -> None:
    """Raise Refused where a file of keys is at hand and not the one of then: everybody would count as somebody new."""
    for name, file in Keys().files().items():
        if missing := set(manifest.key_marks.get(name, ())) - set(marks_of(file)):
            raise Refused(
                f"{file} không có khóa của lúc sao lưu (dấu {', '.join(sorted(missing))})",
                f"{file} lacks the key of the backup (mark {', '.join(sorted(missing))}): put the right file there",
            )


def _may(found: Found, yes: bool) -> bool:
    for name, rows in found.holds.items():
        newer = len(found.newer[name].rows) if name in found.newer else None
        what = "nằm ngoài bản sao lưu · not in the backup" if newer is not None else "dựng lại · made anew"
        print(f"{name}: {rows:,} rows" + (f", {newer:,} {what}" if newer is not None else f", {what}"))
    for topic in found.topics:
        print(f"{topic.name}: xóa, relay tạo lại · deleted, made again by the relay")
    if yes or not (found.holds or found.topics):
        return True
    print("Sẽ thay thế những thứ trên. Sao lưu trước nếu còn cần, rồi thêm --yes.", file=sys.stderr)
    print("All of this would be replaced. Back it up first if it may be needed, then add --yes.", file=sys.stderr)
    return False


def _tell(restored: Restored, found: Found, file: Path | None) -> None:
    for name, epoch in restored.epochs.items():
        known = ", ".join(f"{place} {highest}" for place, highest in sorted(found.told_by[name].items()))
        print(f"{name}: epoch {epoch} (đã dùng · used: {known})")
    for name, lost in restored.lost.items():
        print(f"{name}: mất · lost: {len(lost.rows):,}")
        for column in ("type", "reporter", "client"):
            for value, many in lost.by(column).most_common(10) if lost.rows else ():
                print(f"  {column} {value}: {many:,}")
        if lost.rows:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            place = (file or Path(f"lost-{stamp}.csv")).with_stem(f"{(file or Path(f'lost-{stamp}')).stem}-{name}")
            lost.write(place)
            print(f"  {place}")


async def _check(asked: Namespace, manifest: Manifest) -> int:
    async with open_servers(_say, kafka=False) as servers:
        if servers.own and asked.wait:
            _say("`make up` không chạy: không ai đếm, nên không chờ")
            _say("`make up` does not run: nobody counts, so there is nothing to wait for")
        return _told(await check(servers.urls, manifest, wait_seconds=0 if servers.own else asked.wait))


def _told(checked: Checked) -> int:
    for measure, quantity in sorted(checked.numbers.quantity.items()):
        people = f"{checked.numbers.people[measure]:,} người" if checked.numbers.people is not None else ""
        print(f"{measure}\t{quantity:,} lượt\t{people}")
    for title, differences in (
        ("nhật ký khác bản kê · the log is not what the manifest says", checked.log),
        ("metrics khác nhật ký · metrics is not what the log says", checked.metrics),
    ):
        if differences:
            print(title, *differences, sep="\n  ", file=sys.stderr)
    if not checked.folded:
        print("metrics chưa đếm hết · metrics has not folded everything yet (--wait)", file=sys.stderr)
    if checked.dead:
        print(f"{checked.dead} thư chết · dead letters are not counted: deploy.ops dead-letters list", file=sys.stderr)
    right = checked.folded and not checked.log and not checked.metrics
    print("bằng nhau · equal" if right else "không bằng nhau · not equal")
    return 0 if right else 1
