"""A minute of `make faults`: kills of everything under load, and every number right."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.kills import CONSUMER_ZOMBIE, RELAY_ZOMBIE
from tests.faults.part import Run
from tests.faults.randomly import write_and_kill

# Its own limit comes first: it ends what was started, where pytest's would leave all of it running beside other tests.
LIMIT_SECONDS = 570
pytestmark = pytest.mark.timeout(600)

VICTIMS = {
    "gateway": 2,
    "visits api": 2,
    "relay": 3,
    "metrics consumer": 3,
    "PostgreSQL": 1,
    "Kafka": 1,
    RELAY_ZOMBIE: 1,
    CONSUMER_ZOMBIE: 1,
}
MINUTES = 1
ROWS = 5_000
SEED = 20250510


async def test_whatever_is_killed_for_a_minute_nothing_is_lost_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        outcome = await write_and_kill(Run(SEED, MINUTES, tmp_path, say=print), VICTIMS, ROWS)
    assert outcome.figures["differences"] == 0
    assert not outcome.wrong, "\n".join(outcome.wrong[:10])
    for kind, number in VICTIMS.items():
        assert float(outcome.figures[f"kills: {kind}"]) >= number, outcome.figures
