"""`python -m tests.bench.world [--facts 300000]`: load worlds without measuring anything."""

import argparse
import asyncio
import sys
from pathlib import Path

from deploy.local.lock import hold_lock
from deploy.local.system import LOCAL
from tests.bench.world.databases import open_worlds


async def _load(folder: Path, sizes: list[int]) -> None:
    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    with hold_lock(folder.parent / "lock"):
        async with open_worlds(folder, say) as worlds:
            for facts in sizes:
                say(await worlds.ensure(facts))


def main() -> None:
    """Load the worlds asked for that are not there yet."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.world", description=__doc__)
    parser.add_argument("--facts", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--local", type=Path, default=LOCAL / "bench", help="default: .local/bench")
    given = parser.parse_args()
    asyncio.run(_load(given.local.absolute() / "world", given.facts))


if __name__ == "__main__":
    main()
