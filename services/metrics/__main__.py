"""`python -m services.metrics api | consumer | all | migrate | dead-letters list | dead-letters redrive`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from libs.common.db import transaction
from libs.common.process import answer, run
from libs.common.telemetry import configure_logging
from services.metrics import wiring
from services.metrics.consumer import redrive
from services.metrics.settings import CommandSettings, Settings
from services.metrics.store.letters import list_letters

PROCESSES = {
    "api": "answer queries over HTTP",
    "consumer": "fold records into facts and cells",
    "all": "the two above in one process, for one machine",
}
MAX_LETTERS = 1000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.metrics",
        description="Metrics: facts and the numbers made of them. Settings come from the environment; "
        "see services/metrics/settings.py.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in PROCESSES.items():
        commands.add_parser(name, help=text)
    commands.add_parser("migrate", help="bring the database to the newest revision, then end")
    letters = commands.add_parser("dead-letters", help="events that could not be processed")
    actions = letters.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help=f"the oldest {MAX_LETTERS}, each with the reason")
    again = actions.add_parser("redrive", help="process them again; those that can be are removed")
    again.add_argument("ids", type=int, nargs="*", metavar="id", help=f"default: the oldest {MAX_LETTERS}")
    return parser


async def _list(settings: CommandSettings) -> int:
    async with wiring.open_database(settings) as engine, transaction(engine, readonly=True) as connection:
        letters = await list_letters(connection, limit=MAX_LETTERS)
    for letter in letters:
        message = letter.message
        place = f"{message.topic}[{message.partition}]@{message.offset}"
        print(letter.letter_id, letter.buried_at.isoformat(), place, message.type, letter.reason, sep="\t")
    return 0


async def _redrive(settings: CommandSettings, ids: Sequence[int]) -> int:
    async with wiring.open_database(settings) as engine, transaction(engine) as connection:
        handled, dead = await redrive(connection, ids, limit=MAX_LETTERS)
    if len(ids) > handled + len(dead):
        print(f"{len(ids) - handled - len(dead)} of these ids are not among the dead letters", file=sys.stderr)
    print(f"{handled} processed, {len(dead)} still dead")
    for letter in dead:
        print(f"{letter.message.topic}[{letter.message.partition}]@{letter.message.offset}", letter.reason, sep="\t")
    return 1 if dead or len(ids) > handled else 0


def _dispatch(asked: argparse.Namespace) -> int:
    match asked.command, getattr(asked, "action", ""):
        case "migrate", _:
            wiring.migrate(CommandSettings())
            return 0
        case _, "list":
            return asyncio.run(_list(CommandSettings()))
        case _, "redrive":
            return asyncio.run(_redrive(CommandSettings(), asked.ids))
    settings, name = Settings(), asked.command
    configure_logging("metrics", name, settings.log_level)
    return run(lambda: wiring.run(settings, api=name != "consumer", consumer=name != "api"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; gives the exit code."""
    asked = _parser().parse_args(arguments)
    return answer(lambda: _dispatch(asked))


if __name__ == "__main__":
    sys.exit(main())
