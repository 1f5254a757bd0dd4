"""`python -m tests.bench`: run the measurements, print their figures, keep them in `.local/bench`."""

import argparse
import asyncio
import importlib
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from deploy.local.child import LocalError
from deploy.local.system import LOCAL
from tests.bench.bench import Bench, open_bench
from tests.bench.figures import Figure
from tests.bench.report import MEANING, tell

Run = Callable[[Bench], Awaitable[list[Figure]]]

MODULES = {
    "write": ("P1", "P2"),
    "relay": ("P3",),
    "fold": ("P4", "P11"),
    "chain": ("P5", "P9", "P10"),
    "latency": ("P6",),
    "reads": ("P7",),
    "province": ("P8",),
    "reform": ("P12",),
}
"""Which module of this package measures what; it measures those of its codes that the run wants."""


def _run_of(module: str) -> Run:
    """Import a measurement only when it is wanted: what one needs, another need not wait for."""
    run: Run = importlib.import_module(f"tests.bench.{module}").run
    return run


async def _measure(bench: Bench) -> tuple[list[Figure], list[str]]:
    """Run what is wanted; one that fails is told, and the others still run."""
    figures: list[Figure] = []
    failed: list[str] = []
    for module, codes in MODULES.items():
        wanted = [code for code in codes if bench.wants(code)]
        if not wanted:
            continue
        bench.say(f"{', '.join(wanted)}: {module}")
        try:
            found = await _run_of(module)(bench)
            figures += [figure for figure in found if bench.wants(figure.code)]
        except Exception:
            traceback.print_exc()
            failed += wanted
    return figures, failed


async def _main(codes: frozenset[str], rounds: int, local: Path) -> int:
    begun = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.1f} s  {line}\n")
        sys.stderr.flush()

    async with open_bench(codes, rounds=rounds, say=say, local=local) as bench:
        figures, failed = await _measure(bench)
    return tell(figures, failed, local, sys.stdout)


def _codes(text: str) -> frozenset[str]:
    codes = frozenset(code.strip().upper() for code in text.split(",") if code.strip())
    if unknown := codes - MEANING.keys():
        raise argparse.ArgumentTypeError(f"no such measurement: {', '.join(sorted(unknown))}")
    return codes


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 1:
        raise argparse.ArgumentTypeError("at least one round")
    return rounds


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; gives the exit code: 1 where a figure falls short of its bound or a measurement failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure the system beside floors of the same run, on a real PostgreSQL and Kafka with fsync on.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {code:4} {text}" for code, text in MEANING.items()),
    )
    every = frozenset(MEANING)
    parser.add_argument("--q", type=_codes, default=every, metavar="P4,P8", help="only these; default: all")
    parser.add_argument("--rounds", type=_rounds, default=5, help="rounds of each measurement; default: 5")
    parser.add_argument(
        "--local", type=Path, default=LOCAL / "bench", help="data, logs, results; default: .local/bench"
    )
    given = parser.parse_args(arguments)
    try:
        # Some of the load is made in this process: the less it takes of the machine, the better.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_main(given.q or every, given.rounds, given.local.absolute()))
    except LocalError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
