"""How it is, now, in the terminal: five questions, each with a light, a few numbers, and what to read."""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

from deploy.ops.command import Commands, Progress, declare
from deploy.ops.databases import open_databases
from deploy.ops.settings import is_of_here, read
from deploy.ops.status.answers import Light, answer
from deploy.ops.status.looking import look
from deploy.ops.status.seen import Seen
from deploy.ops.status.settings import StatusSettings
from deploy.ops.status.telling import as_json, as_text
from deploy.ops.watch.settings import WatchSettings

__all__ = ["add"]

MORE = """\
Looks at the three databases as the watch does, and asks each process whose port is known (REGISTRY_PORT,
VISITS_CONSUMER_PORT, …) whether it is ready. Compares the newest 20,000 rows of visits' log and a part of what is
counted; with --whole, everything, at full speed. Reads only.

exit codes: 0 nobody has to act (green, or yellow without --strict), 1 somebody has to (red, or unknown),
2 no database could be looked at, or a setting is missing"""


def add(commands: Commands) -> None:
    """Declare `status`."""
    parser = declare(
        commands,
        "status",
        _status,
        vi="năm câu hỏi: có chảy, đúng, nhanh, an toàn, bền không",
        en="five questions: is it flowing, right, fast, safe, will it last",
        more=MORE,
        examples=[
            "status",
            "status --json | jq .light",
            "status --whole     # đối chiếu toàn bộ · compares everything",
        ],
    )
    parser.add_argument("--json", action="store_true", help="một đối tượng JSON · one JSON object")
    parser.add_argument("--strict", action="store_true", help="vàng cũng là 1 · yellow ends with 1, too")
    parser.add_argument("--whole", action="store_true", help="đối chiếu toàn bộ · compare everything")


def _status(asked: Namespace) -> int:
    settings, folder = read(StatusSettings), read(WatchSettings).data_folder()
    seen = asyncio.run(_look(settings, folder, whole=asked.whole))
    if is_of_here(settings.visits_url) and not any(each.samples for each in seen.processes):
        print("`make up` có chạy trong thư mục này không? · Does `make up` run in this folder?", file=sys.stderr)
    answers = answer(seen)
    coloured = sys.stdout.isatty()
    print(as_json(answers, seen.at) if asked.json else as_text(answers, seen.at, coloured=coloured), end="")
    if all(database.error for database in seen.databases.values()):
        return 2
    worst = max(each.light for each in answers)
    return 0 if worst is Light.GREEN or (worst is Light.YELLOW and not asked.strict) else 1


async def _look(settings: StatusSettings, folder: Path | None, *, whole: bool) -> Seen:
    async with open_databases(settings.urls(), command="status", connections=2, seconds=10) as engines:
        progress = Progress("đối chiếu · comparing")
        return await look(engines, settings.processes(), folder, whole=whole, progress=progress)
