"""`recount`: every cell, or those of a unit, counted again from its facts."""

import asyncio
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from deploy.ops.command import Commands, Progress, declare
from deploy.ops.quiet import only_warnings
from deploy.ops.settings import read
from libs.common.kafka import NoSuchTopic
from services.metrics.settings import CommandSettings, Settings
from services.metrics.use_cases.recount import NeverCounted, NoUnitToday, Wanted
from services.metrics.wiring import read_territory, recount

__all__ = ["add"]

MAP_SECONDS = 60.0
HEIRS = 12

MORE = """\
Each cell (unit, measure, platform, day, reporter) is compared in every part: the sum, what came without a person, the
people, the households, the kind of reporter. Each is read with its facts in one snapshot, so folds may go on. Nobody is
named: of people it is told how many are missing and how many too many. A difference is mended by `replay`: whether the
cell is wrong or a fact was lost only the topics know. docs/runbooks/recount.md

exit codes: 0 all equal; 1 some differ; 2 could not begin: no such unit today, no such measure, Kafka away"""


class Impossible(Exception):
    """What was asked for cannot be counted: told in both languages, exit code 2, for 1 says that cells differ."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi}\n{en}")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "recount",
        _run,
        vi="đếm lại mọi ô số liệu từ các sự kiện của nó và so sánh",
        en="count every cell again from its facts, and compare",
        more=MORE,
        examples=("recount", "recount --unit 82 --measure FLD-07 --from 2025-05-01 --to 2025-05-31"),
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
    try:
        if asked.first and asked.last and asked.first > asked.last:
            raise Impossible(
                f"--from {asked.first} sau --to {asked.last}", f"--from {asked.first} is after --to {asked.last}"
            )
        return asyncio.run(_recount(asked))
    except NeverCounted as error:
        sys.stderr.write(
            f"chưa từng đếm gì cho chỉ tiêu {error}: mã có đúng không?\n"
            f"nothing was ever counted of measure {error}: is the code right?\n"
        )
    except Impossible as error:
        sys.stderr.write(f"{error}\n")
    return 2


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
    if not counted:
        sys.stderr.write("không có ô nào để đếm lại\nthere was no cell to count again\n")
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
        raise Impossible(
            f"Kafka trả lời, nhưng registry chưa gửi hết bản đồ trong {MAP_SECONDS:.0f} s; relay có chạy không?",
            f"Kafka answers, but the registry has not told all of the map in {MAP_SECONDS:.0f} s; does its relay run?",
        ) from None
    except NoSuchTopic:
        raise Impossible(
            "Kafka chưa có bản đồ nào; relay của registry đã chạy chưa?",
            "Kafka knows no map yet; has the registry's relay ever run?",
        ) from None
    except NoUnitToday as error:
        raise _no_unit(reference, error) from None


def _no_unit(reference: str, found: NoUnitToday) -> Impossible:
    if found.ended is None:
        return Impossible(f"hôm nay không có đơn vị {reference}", f"there is no unit {reference} today")
    today = ", ".join(f"{unit.code or unit.unit_id} {unit.name}" for unit in found.today[:HEIRS])
    today += ", …" if len(found.today) > HEIRS else ""
    name, until = found.ended.name, found.ended.valid_to
    return Impossible(
        f"hôm nay không có đơn vị {reference}: {reference} {name} hết hiệu lực từ {until}; nay là {today or '–'}",
        f"there is no unit {reference} today: {reference} {name} ended on {until}; today it is {today or '–'}",
    )
