"""`python -m tests.faults`: kill everything, lose nothing; 1 where a difference was found."""

import argparse
import asyncio
import json
import random
import shutil
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.say import Say
from deploy.local.system import LOCAL
from libs.common.telemetry import configure_logging
from tests.faults import disk, histories, randomly, steps, unreadable
from tests.faults.part import Outcome, Part, Run

PARTS: dict[str, tuple[Part, str]] = {
    "random": (randomly.run, "eight clients write while processes and servers are killed at random"),
    "steps": (steps.run, "a death at every await of the batch write, the relay and the fold"),
    "histories": (histories.run, "generated histories of visits, in every order: the cells are the oracle's"),
    "poison": (unreadable.run, "twenty unreadable messages in a row stop the consumer; a lost topic is sent again"),
    "disk": (disk.run, "the disk is full under PostgreSQL, then under Kafka"),
}
FOLDER = LOCAL / "faults"
SHOWN = 10


def _speaker() -> Say:
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", file=sys.stderr, flush=True)  # noqa: T201

    return say


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["parts:", *(f"  {name:10} {text}" for name, (_, text) in PARTS.items())]),
    )
    parser.add_argument("--part", default="all", help="one of the below, several with commas, or all (default)")
    parser.add_argument("--minutes", type=float, default=10, help="of the random part (default 10)")
    parser.add_argument("--seed", type=int, help="to repeat a run; default: a new one, which is printed")
    asked = parser.parse_args()
    asked.parts = list(PARTS) if asked.part == "all" else asked.part.split(",")
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return asked


def _show(name: str, outcome: Outcome, seconds: float) -> None:
    state = f"skipped: {outcome.skipped}" if outcome.skipped else "WRONG" if outcome.wrong else "right"
    print(f"\n{name}: {state} ({seconds:.0f} s)")  # noqa: T201
    for figure, value in outcome.figures.items():
        print(f"  {figure:45} {value:>12,}" if not isinstance(value, str) else f"  {figure:45} {value}")  # noqa: T201
    for text in outcome.wrong[:SHOWN]:
        print(f"  WRONG {text}")  # noqa: T201
    if len(outcome.wrong) > SHOWN:
        print(f"  … and {len(outcome.wrong) - SHOWN} more")  # noqa: T201


def _run(part: Part, run: Run) -> Outcome:
    """Run a part; one that breaks off is wrong, and the others run all the same."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(part(run))
    except Exception as error:
        traceback.print_exc()
        return Outcome(wrong=[f"broken off: {type(error).__name__}: {error}"])


def main() -> int:
    """Run the parts that are asked for, one after the other; each is told of as soon as it has ended."""
    asked = _arguments()
    configure_logging("faults", "all", "critical")  # Parts that run a service's code here would tell of each request.
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    say = _speaker()
    say(f"seed={seed} minutes={asked.minutes:g} part={','.join(asked.parts)}")
    told: dict[str, dict[str, Any]] = {}
    for name in asked.parts:
        part, text = PARTS[name]
        say(f"{name}: {text}")
        folder = FOLDER / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        begun = time.monotonic()
        outcome = _run(part, Run(seed, asked.minutes, folder, say))
        seconds = round(time.monotonic() - begun, 1)
        _show(name, outcome, seconds)
        told[name] = {"seconds": seconds, "skipped": outcome.skipped, "wrong": outcome.wrong, **outcome.figures}
        _write(FOLDER / "latest.json", {"seed": seed, "minutes": asked.minutes, "parts": told})
    wrong = [name for name in told if told[name]["wrong"]]
    skipped = [name for name in told if told[name]["skipped"]]
    end = f"WRONG: {', '.join(wrong)}" if wrong else "nothing was lost, nothing was counted twice"
    print(f"\nseed={seed}: {end}{'; skipped: ' if skipped else ''}{', '.join(skipped)}")  # noqa: T201
    return 1 if wrong else 0


def _write(file: Path, told: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
