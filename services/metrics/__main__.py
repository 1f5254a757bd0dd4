"""`python -m services.metrics api | consumer | all | migrate | await-migration | rollups status, drop`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from libs.common.db import transaction
from libs.common.files import BadFile, told
from libs.common.process import answer, run
from libs.common.telemetry import configure_logging
from services.metrics import wiring
from services.metrics.domain.rollups import PROVINCE
from services.metrics.settings import CommandSettings, Settings
from services.metrics.store.members import read_members
from services.metrics.store.rollups import read_state
from services.metrics.use_cases.rollups import drop
from services.metrics.use_cases.statements import load_statements

PROCESSES = {
    "api": "answer queries over HTTP",
    "consumer": "fold records into facts and cells",
    "all": "the two above in one process, for one machine",
}


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
    commands.add_parser("await-migration", help="wait until somebody else has migrated, then end")
    statements = commands.add_parser(
        "load-statements", help="load a CSV of reported figures; again is harmless, a file with a mistake is not loaded"
    )
    statements.add_argument("file", type=Path)
    statements.add_argument(
        "--words", type=Path, help="sources, parts, caveats, units of count; default: statement_words.toml beside it"
    )
    rollups = commands.add_parser("rollups", help="sums by commune or province and month, which make queries quick")
    actions = rollups.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("status", help="how much of them is ready, and what is outstanding")
    actions.add_parser("drop", help="answer from cells until the consumer has made them anew")
    return parser


async def _rollups_status(settings: CommandSettings) -> int:
    async with (
        wiring.open_database(settings) as engine,
        transaction(engine, isolation="repeatable_read", readonly=True) as connection,
    ):
        state = await read_state(connection)
        members = await read_members(connection, 0)
    ready = sum(member.ready == PROVINCE for member in members) if state.begun else 0
    print(f"{ready} of {len(members)} units ready, {state.entries} changes outstanding")
    return 0


async def _drop_rollups(settings: CommandSettings) -> int:
    async with wiring.open_database(settings) as engine:
        await drop(engine)
    return 0


async def _load_statements(settings: CommandSettings, file: Path, words: Path) -> int:
    contents = [(each.name, each.read_bytes()) for each in (words, file)]
    async with wiring.open_database(settings) as engine, transaction(engine) as connection:
        loaded = await load_statements(connection, *contents)
    print(f"statements: {loaded.read:,} read, {loaded.new:,} new, {loaded.changed:,} changed")
    return 0


def _dispatch(asked: argparse.Namespace) -> int:
    match asked.command, getattr(asked, "action", ""):
        case "migrate", _:
            wiring.migrate(CommandSettings())
            return 0
        case "await-migration", _:
            asyncio.run(wiring.await_migrated(CommandSettings()))
            return 0
        case "load-statements", _:
            words = asked.words or asked.file.parent / "statement_words.toml"
            return asyncio.run(_load_statements(CommandSettings(), asked.file, words))
        case _, "status":
            return asyncio.run(_rollups_status(CommandSettings()))
        case _, "drop":
            return asyncio.run(_drop_rollups(CommandSettings()))
    settings, name = Settings(), asked.command
    configure_logging("metrics", name, settings.log_level)
    return run(lambda: wiring.run(settings, api=name != "consumer", consumer=name != "api"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; gives the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return answer(lambda: _dispatch(asked))
    except BadFile as error:
        for line in told(error):
            print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
