"""`recount`: every cell, or those of a unit, counted again from its facts."""

import asyncio
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from deploy.ops.command import Commands, Progress, Refused, declare
from deploy.ops.quiet import only_warnings
from deploy.ops.settings import read
from libs.common.problem import Problem
from services.metrics.settings import CommandSettings, Settings
from services.metrics.use_cases.recount import Wanted
from services.metrics.wiring import read_territory, recount

__all__ = ["add"]

MAP_SECONDS = 60.0

MORE = """\
Each cell (unit, measure, platform, day, reporter) is compared in every part: the sum, what came without a person, the
people, the households, the kind of reporter. Each is read with its facts in one snapshot, so folds may go on. Nobody is
named: of people it is told how many are missing and how many too many. A difference is mended by `replay`: whether the
cell is wrong or a fact was lost only the topics know. docs/runbooks/recount.md

exit codes: 0 all equal; 1 some differ; 2 could not begin"""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "recount",
        _run,
        vi="đếm lại mọi ô số liệu từ các sự kiện của nó và so sánh",
        en="count every cell again from its facts, and compare",
        more=MORE,
        examples=("recount", "recount --unit 87 --measure FLD-07 --from 2025-05-01 --to 2025-05-31"),
    )
    parser.add_argument(
        "--unit", metavar="CODE|ID", help="mã hiện nay hoặc id, với lãnh thổ của nó · today's code, or id"
    )
    parser.add_argument("--measure", metavar="CODE", help="chỉ chỉ tiêu này · of this measure only")
    parser.add_argument("--from", dest="first", type=_day, metavar="DAY", help="từ ngày · from this day")
    parser.add_argument("--to", dest="last", type=_day, metavar="DAY", help="đến hết ngày · through this day")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text}: dạng · such as 2025-05-31") from None


def _run(asked: Namespace) -> int:
    only_warnings()
    return asyncio.run(_recount(asked))


async def _recount(asked: Namespace) -> int:
    units = await _units(asked.unit) if asked.unit else None
    settings = read(CommandSettings)
    counted = different = 0
    progress = Progress("đếm lại · counting again")
    async for found in recount(settings, Wanted(units, asked.measure, asked.first, asked.last)):
        counted += found.outcome.counted
        for each in found.outcome.different:
            different += 1
            progress.end()
            print(each.told(units or {}), flush=True)
        progress.at(found.unit, found.units, "đơn vị · units")
    progress.end()
    print(f"{counted:,} ô đã đếm lại, {different:,} khác · cells counted again, {different:,} differ")
    if different:
        sys.stderr.write(
            "sửa bằng: python -m deploy.ops replay --service metrics --from 0 (docs/runbooks/recount.md)\n"
        )
    return 1 if different else 0


async def _units(reference: str) -> Mapping[UUID, str]:
    """Give the units of today's territory of one, with their codes and names."""
    try:
        return await read_territory(read(Settings), reference, MAP_SECONDS)
    except TimeoutError:
        raise Refused(
            f"registry chưa gửi bản đồ trong {MAP_SECONDS:.0f} s", f"no map was told in {MAP_SECONDS:.0f} s"
        ) from None
    except Problem:
        raise Refused(f"không có đơn vị {reference}", f"there is no unit {reference} today") from None
