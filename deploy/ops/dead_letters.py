"""`dead-letters list | show | redrive | drop`: events that metrics could not process."""

import asyncio
import getpass
import json
import re
import socket
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from deploy.ops.command import Commands, Refused, declare
from deploy.ops.settings import read
from libs.common.db import Connection, transaction
from services.metrics.consumer import redrive
from services.metrics.settings import CommandSettings
from services.metrics.store.letters import Dropped, Letter, drop_letters, list_letters
from services.metrics.wiring import lifter_of, open_database

__all__ = ["add", "shown"]

MOST = 1000
SHOWN_CHARACTERS = 20_000
IDENTITY = re.compile(r"\d{9,}")
"""A national id or a phone number: nobody should have sent one, but this is what somebody sent wrongly."""

Work = Callable[[Connection], Awaitable[int]]


def add(commands: Commands) -> None:
    """Declare the command and what it does with letters."""
    parser = declare(
        commands,
        "dead-letters",
        _run,
        vi="sự kiện không xử lý được: xem, xử lý lại, bỏ hẳn",
        en="events that could not be processed: look, process again, drop",
        more="docs/runbooks/dead-letters.md",
        examples=(
            "dead-letters list",
            "dead-letters show 17",
            "dead-letters redrive  # after a mended version is running",
            "dead-letters redrive 17 18",
            'dead-letters drop 17 --reason "sent by a test of the partner, ticket 4711"',
        ),
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show | redrive | drop")
    listing = actions.add_parser("list", help=f"{MOST} thư cũ nhất, mỗi thư một dòng · the oldest, a line each")
    listing.add_argument("--dropped", action="store_true", help="những thư đã bỏ · those that were dropped")
    show = actions.add_parser("show", help="một thư, cả tiêu đề · one letter with its headers")
    show.add_argument("id", type=int)
    show.add_argument("--raw", action="store_true", help="chỉ nội dung, từng byte · its value only, byte by byte")
    again = actions.add_parser("redrive", help="xử lý lại; xong thì xóa · process again; removed once it is done")
    again.add_argument("ids", type=int, nargs="*", metavar="id", help=f"mặc định · default: {MOST}, the oldest first")
    drop = actions.add_parser("drop", help="bỏ hẳn, ghi lại ai và vì sao · put aside for good; who and why is kept")
    drop.add_argument("ids", type=int, nargs="+", metavar="id")
    drop.add_argument("--reason", required=True, help="vì sao · why")
    drop.add_argument("--by", help="ai quyết định · who decided it; default: the user at this machine")


def _run(asked: Namespace) -> int:
    work: dict[str, Work] = {
        "list": lambda connection: _list(connection, asked.dropped),
        "show": lambda connection: _show(connection, asked.id, asked.raw),
        "drop": lambda connection: _drop(connection, asked.ids, asked.by, asked.reason.strip()),
    }
    settings = read(CommandSettings)
    if asked.action == "redrive":
        return asyncio.run(_redrive(settings, asked.ids))
    return asyncio.run(_with_connection(settings, work[asked.action]))


async def _with_connection(settings: CommandSettings, work: Work) -> int:
    async with open_database(settings) as engine, transaction(engine) as connection:
        return await work(connection)


async def _list(connection: Connection, dropped: bool) -> int:
    letters = await list_letters(connection, limit=MOST, dropped=dropped)
    if not letters:
        told = "không có thư đã bỏ · no dropped letters" if dropped else "không có thư chết · no dead letters"
        print(told, file=sys.stderr)
    for letter in letters:
        words = [str(letter.letter_id), letter.buried_at.isoformat(), _place(letter), letter.message.type]
        if letter.dropped is not None:
            words += [letter.dropped.by, letter.dropped.at.isoformat(), letter.dropped.why]
        print(*words, _safe(letter.reason), sep="\t")
    return 0


def _place(letter: Letter) -> str:
    return f"{letter.message.topic}[{letter.message.partition}]@{letter.message.offset}"


async def _show(connection: Connection, letter_id: int, raw: bool) -> int:
    letters = await list_letters(connection, [letter_id], limit=1)
    if not letters:
        raise Refused(f"không có thư {letter_id}", f"there is no letter {letter_id}")
    (letter,) = letters
    if raw:
        sys.stdout.buffer.write(letter.message.value)
        sys.stdout.flush()
        return 0
    told = {"id": str(letter_id), "place": _place(letter), "source": letter.source, "reason": letter.reason}
    told |= {"buried_at": letter.buried_at.isoformat(), "key": letter.message.key.decode(errors="backslashreplace")}
    if letter.dropped is not None:
        told["dropped"] = f"{letter.dropped.by}, {letter.dropped.at.isoformat()}: {letter.dropped.why}"
    for name, value in told.items():
        print(f"{name}: {_safe(value)}")
    for name, value in letter.message.headers.items():
        print(f"  {_safe(name)}: {_safe(value)}")
    print(f"value, {len(letter.message.value):,} bytes:")
    print(shown(letter.message.value))
    return 0


def shown(value: bytes) -> str:
    """Make bytes fit to be looked at: JSON with its lines, no control character, no number that could be somebody's."""
    text = value.decode(errors="backslashreplace")
    try:
        text = json.dumps(json.loads(value), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        text = text[:SHOWN_CHARACTERS]
    lines = [_safe(IDENTITY.sub("•••", line)) for line in text[:SHOWN_CHARACTERS].splitlines()]
    return "\n".join([*lines, *(["…"] if len(text) > SHOWN_CHARACTERS else [])])


def _safe(text: str) -> str:
    """Give what a terminal may be sent: what somebody else wrote must not move the cursor."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


async def _redrive(settings: CommandSettings, ids: list[int]) -> int:
    async with open_database(settings) as engine, transaction(engine) as connection:
        handled, dead = await redrive(connection, ids, limit=MOST, lifter=lifter_of(settings))
    unknown = len(ids) - handled - len(dead) if ids else 0
    if unknown > 0:
        print(f"{unknown} không có · of these ids are not among the dead letters", file=sys.stderr)
    print(f"đã xử lý {handled}, còn {len(dead)} · {handled} processed, {len(dead)} still dead")
    for letter in dead:
        message = letter.message
        print(f"{message.topic}[{message.partition}]@{message.offset}", _safe(letter.reason), sep="\t")
    return 1 if dead or unknown > 0 else 0


async def _drop(connection: Connection, ids: list[int], by: str | None, why: str) -> int:
    if not why:
        raise Refused("--reason không được trống", "--reason must say something")
    who = by or f"{getpass.getuser()}@{socket.gethostname()}"
    found = await drop_letters(connection, ids, Dropped(who, datetime.now(UTC), why))
    if missing := sorted(set(ids) - set(found)):
        # Raised within the transaction, so none of the others is dropped either.
        told = ", ".join(map(str, missing))
        raise Refused(
            f"không có thư, hoặc đã bỏ: {told}; chưa bỏ thư nào", f"no such letter waits: {told}; none was dropped"
        )
    print(f"đã bỏ · dropped: {', '.join(map(str, sorted(found)))} ({who})")
    return 0
