"""`client create | rotate | suspend | resume | list`: who may call the API, by the registry's own use cases."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from typing import Any

from deploy.ops.command import Commands, Refused, declare
from deploy.ops.databases import open_database
from deploy.ops.settings import read
from libs.common.db import Connection, transaction
from libs.common.files import BadFile, told
from libs.contracts.registry import CLIENT_KINDS, QUOTA_CLASSES, SCOPES
from services.registry.settings import CommandSettings
from services.registry.use_cases import clients
from services.registry.wiring import today

__all__ = ["add"]

TRANSACTION_SECONDS = 60.0

Work = Callable[[Connection, Namespace], Awaitable[str]]
"""Does it within a transaction; gives what standard error is told once that is committed."""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "client",
        _run,
        vi="hệ thống được gọi API: tạo, đổi bí mật, tạm ngưng, cho lại, liệt kê",
        en="systems that may call the API: create, rotate the secret, suspend, resume, list",
        more="Một bí mật chỉ in ra một lần, một mình trên stdout. docs/runbooks/client.md\n"
        "A secret is printed once, alone on stdout. `client ACTION --help` tells what each takes.",
        examples=(
            'client create cong-thu --name "Cổng thử" --scope metrics:read --unit 82',
            "client rotate cong-thu --overlap-minutes 60",
            "client suspend vnpt  # refused everywhere within 2 s, also with a valid token",
            "client resume vnpt",
            "client list",
        ),
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar=" | ".join(WORK))
    _add_create(_action(actions, "create", "tạo; in bí mật một lần", "make a client; prints its secret, once"))
    rotate = _action(actions, "rotate", "bí mật mới; in một lần", "make a new secret; prints it, once")
    rotate.add_argument("client_id")
    rotate.add_argument(
        "--overlap-minutes", type=int, default=0, help="bí mật cũ còn dùng được bao lâu · how long the old one holds"
    )
    for name, vi, en in (
        ("suspend", "từ chối ở mọi nơi trong vài giây", "refuse it everywhere within seconds"),
        ("resume", "cho lại", "take it again"),
    ):
        _action(actions, name, vi, en).add_argument("client_id")
    _action(actions, "list", "mọi hệ thống, mỗi dòng một, cột cách bằng tab", "every client, columns parted by tabs")


def _action(actions: Any, name: str, vi: str, en: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=f"{vi} · {en}", description=f"{vi} · {en}")
    return parser


def _add_create(parser: ArgumentParser) -> None:
    parser.add_argument("client_id")
    parser.add_argument("--name", required=True, help="tên · what people read")
    parser.add_argument("--kind", choices=CLIENT_KINDS, default="portal", help="loại · default: %(default)s")
    parser.add_argument(
        "--scope", action="append", choices=SCOPES, required=True, help="được làm gì, nhiều lần được · repeatable"
    )
    parser.add_argument(
        "--unit",
        metavar="CODE",
        help="chỉ trong đơn vị này, mặc định cả nước · may act in it only; default: everywhere",
    )
    parser.add_argument(
        "--unit-valid-on", metavar="DAY", help="ngày mà mã ấy có nghĩa, mặc định hôm nay · the code is of that day"
    )
    parser.add_argument("--partner", metavar="CODE", help="báo cáo cho đối tác · the partner it reports for")
    parser.add_argument("--expires-at", metavar="TIME", help="hết hạn · such as 2026-12-31T00:00:00+07:00")
    parser.add_argument("--quota-class", choices=QUOTA_CLASSES, default="standard", help="default: %(default)s")
    parser.add_argument(
        "--codes-as-of",
        metavar="DAY",
        help="mã đơn vị nó gửi theo danh mục ngày này · the day of its code list; default: each event's day",
    )


def _run(asked: Namespace) -> int:
    try:
        message = asyncio.run(_do(asked, read(CommandSettings)))
    except clients.Refused as error:
        raise Refused(error.vi, error.en) from error
    except BadFile as error:
        sys.stderr.write("".join(f"{line}\n" for line in told(error)))
        return 1
    if message:
        sys.stderr.write(f"{message}\n")
    return 0


async def _do(asked: Namespace, settings: CommandSettings) -> str:
    async with (
        open_database(settings.database_url, command="client", seconds=TRANSACTION_SECONDS) as engine,
        transaction(engine) as connection,
    ):
        return await WORK[asked.action](connection, asked)


async def _create(connection: Connection, asked: Namespace) -> str:
    secret = await clients.create_client(connection, asked.client_id, clients.asked_values(vars(asked), today()))
    return _shown(asked.client_id, secret)


async def _rotate(connection: Connection, asked: Namespace) -> str:
    minutes = asked.overlap_minutes
    message = _shown(asked.client_id, await clients.rotate_secret(connection, asked.client_id, overlap_minutes=minutes))
    old = (
        f"bí mật trước còn dùng được {minutes} phút · the one before holds for {minutes} minutes"
        if minutes > 0
        else "bí mật trước hết hiệu lực · the one before holds no more"
    )
    return f"{message}\n{old}"


def _shown(client_id: str, secret: str) -> str:
    """Print a secret, before the commit, so that none holds which nobody has seen."""
    print(secret, flush=True)
    return (
        f"trên đây là bí mật của {client_id}, chỉ hiện một lần này: hãy cất ngay\n"
        f"above is the secret of {client_id}, shown this once: keep it now"
    )


async def _set(connection: Connection, asked: Namespace) -> str:
    await clients.set_status(connection, asked.client_id, clients.STATUS_AFTER[asked.action])
    if asked.action == "suspend":
        return (
            f"{asked.client_id}: đã tạm ngưng, vài giây nữa bị từ chối ở mọi nơi · suspended, within seconds everywhere"
        )
    return f"{asked.client_id}: đang được gọi API · active, taken again within seconds"


async def _list(connection: Connection, _: Namespace) -> str:
    rows = await clients.list_rows(connection)
    for row in (clients.COLUMNS, *rows):
        print(*row, sep="\t")
    return "" if rows else "chưa có hệ thống nào · no clients yet"


WORK: dict[str, Work] = {"create": _create, "rotate": _rotate, "suspend": _set, "resume": _set, "list": _list}
