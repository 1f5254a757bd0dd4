"""Generated histories: revisions, voids, repeats and replays in any order are counted as an oracle does."""

import asyncio

import pytest

from tests.faults.histories import check_histories
from tests.support.postgres import MakeDatabase

HISTORIES = 2_000


@pytest.mark.timeout(300)
async def test_cells_and_answers_equal_those_of_an_independent_oracle(make_database: MakeDatabase) -> None:
    url = await make_database("metrics")
    assert await asyncio.to_thread(check_histories, url, HISTORIES, None) >= HISTORIES
