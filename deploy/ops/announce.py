"""`announce`: have relays send all records of their logs again."""

import asyncio
import sys
from argparse import Namespace

from deploy.ops.command import Commands, Progress, declare
from deploy.ops.databases import open_database
from deploy.ops.settings import Databases, read
from libs.common.announcing import announce, outstanding
from libs.common.db import Engine, autocommit, transaction

__all__ = ["add"]

LOGS = ("registry", "visits")
POLL_SECONDS = 0.2
COUNTED = 100_000


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "announce",
        _run,
        vi="gửi lại toàn bộ bản ghi vào Kafka",
        en="send every record to Kafka again",
        more="Relay đang chạy tự nhận ra; bên nhận chỉ lấy cái mới hơn. docs/runbooks/announce.md\n"
        "The running relay notices by itself; consumers take only what is newer.",
        examples=("announce", "announce --service visits --wait 600"),
    )
    parser.add_argument("--service", choices=LOGS, help="mặc định · default: cả hai · both")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="chờ gửi xong · until everything is sent again"
    )


def _run(asked: Namespace) -> int:
    urls = read(Databases).urls()
    return asyncio.run(_announce([asked.service] if asked.service else list(LOGS), urls, asked.wait))


async def _announce(services: list[str], urls: dict[str, str], wait_seconds: float) -> int:
    for name in services:
        async with open_database(urls[name], command="announce") as engine:
            async with transaction(engine) as connection:
                await announce(connection)
            print(f"{name}: sẽ gửi lại tất cả · everything will be sent again", flush=True)
            if wait_seconds and not await _sent(engine, name, wait_seconds):
                print(
                    f"{name}: relay chưa gửi hết sau {wait_seconds:g} s; nó có chạy không?\n"
                    f"{name}: the relay has not sent everything in {wait_seconds:g} s; does it run?",
                    file=sys.stderr,
                )
                return 1
            if wait_seconds:
                print(f"{name}: đã gửi lại hết · everything was sent again", flush=True)
    return 0


async def _sent(engine: Engine, name: str, wait_seconds: float) -> bool:
    """Wait until the relay has come to the end of the log; says whether it has."""
    begun, telling = asyncio.get_running_loop().time(), Progress(f"{name}: đang gửi · sending")
    while True:
        async with autocommit(engine) as connection:
            left = await outstanding(connection, name, most=COUNTED)
        if not left:
            telling.end()
            return True
        telling.at(left, unit="rows left" if left < COUNTED else "rows left or more")
        if asyncio.get_running_loop().time() - begun > wait_seconds:
            return False
        await asyncio.sleep(POLL_SECONDS)
