"""`python -m deploy.local ps | start | stop | restart`: what is asked of the running `make up`."""

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.control import Refused, ask
from deploy.local.processes import APART

__all__ = ["add_running", "command", "how_it_ended", "run"]

STATES = {
    "ready": "sẵn sàng · ready",
    "not ready": "chưa sẵn sàng · not ready",
    "ended": "ĐÃ CHẾT · ENDED",
    "stopped": "đã dừng · stopped",
}
NAMES = ", ".join(each.name for each in APART)
ABOUT = {
    "ps": "liệt kê các tiến trình của `make up` · list the processes of `make up`",
    "start": "chạy lại tiến trình đã chết hoặc đã dừng · start processes again that have ended or were stopped",
    "stop": "dừng tiến trình, những cái khác vẫn chạy · stop processes; the others go on",
    "restart": "dừng rồi chạy lại · stop processes, and start them again",
}
EXIT_CODES = {
    "ps": "exit codes: 0 all are ready, 1 some are not, 2 `make up` does not run in this folder",
    "": "exit codes: 0 done, 1 not done (which standard error says), 2 `make up` does not run in this folder",
}
WHILE = {"start": "đang chạy · starting", "stop": "đang dừng · stopping", "restart": "đang chạy lại · restarting"}


def add_running(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    for name, about in ABOUT.items():
        parser = commands.add_parser(
            name,
            help=about,
            description=about,
            epilog=EXIT_CODES.get(name, EXIT_CODES[""]),
        )
        if name == "ps":
            parser.add_argument("--json", action="store_true", help="một đối tượng JSON · one JSON document")
        else:
            parser.add_argument("names", nargs="+", metavar="NAME", help=NAMES)


def command(module: str, *words: str) -> str:
    """Give the words that run a module's command in the project's folder."""
    python = Path(sys.executable)
    shown = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else Path("python")
    return " ".join([str(shown), "-m", module, *words])


def how_it_ended(exit_code: int) -> str:
    """Say how a process has ended."""
    return signal.Signals(-exit_code).name if exit_code < 0 else f"mã thoát · exit code {exit_code}"


async def run(asked: argparse.Namespace, local: Path) -> int:
    """Do what the command line names; gives the exit code."""
    if asked.command == "ps":
        return await _ps(local, as_json=asked.json)
    failed = False
    for name in asked.names:
        print(f"{name}: {WHILE[asked.command]} …", file=sys.stderr, flush=True)
        try:
            print((await ask(local, asked.command, name))["done"], flush=True)
        except Refused as error:
            failed = True
            print(error, file=sys.stderr)
    return 1 if failed else 0


async def _ps(local: Path, *, as_json: bool) -> int:
    processes = (await ask(local, "ps"))["processes"]
    print(json.dumps(processes, indent=1) if as_json else _table(processes))
    return 0 if all(each["state"] == "ready" for each in processes) else 1


def _table(processes: Sequence[Mapping[str, Any]]) -> str:
    lines = [("NAME", "PID", "PORT", "STATE"), *(_row(each) for each in processes)]
    return "\n".join(f"{name:<18}{pid:>8}{port:>7}  {state}" for name, pid, port, state in lines)


def _row(process: Mapping[str, Any]) -> tuple[str, str, str, str]:
    state = STATES[process["state"]]
    if process["state"] == "ended":
        state += f" ({how_it_ended(process['exit_code'])})"
    elif process.get("answer"):
        state += f": {process['answer']}"
    return process["name"], str(process["pid"] or "-"), str(process["port"]), state
