"""Histories folded into a real PostgreSQL, batch by batch, each in a transaction: the cells equal the oracle's."""

import asyncio
from itertools import count

import hypothesis
import uvloop

from deploy.local.postgres import open_postgres
from libs.common.db import connect, migrate
from services.metrics.use_cases.rollups import Maker
from tests.faults.histories_fold import Folded
from tests.faults.histories_made import History, histories
from tests.faults.part import Outcome, Run
from tests.support.metrics import Metrics, open_metrics
from tests.support.postgres import SERVICES

__all__ = ["check_histories", "run"]

HISTORIES = 10_000


def check_histories(url: str, histories_wanted: int, seed: int | None) -> int:
    """Fold so many histories into a migrated database, the same ones each time without a seed; gives how many.

    Raises AssertionError with the smallest history that is counted wrongly. Not to be called where a loop runs.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        opened = open_metrics(url)
        runner.run(_be_quick(url))
        metrics = runner.run(opened.__aenter__())
        try:
            return _check(runner, metrics, histories_wanted, seed)
        finally:
            runner.run(opened.__aexit__(None, None, None))


def _check(runner: asyncio.Runner, metrics: Metrics, histories_wanted: int, seed: int | None) -> int:
    numbers, maker = count(1), Maker(metrics.engine, metrics.picture.units)
    last = 0

    @hypothesis.settings(
        max_examples=histories_wanted,
        derandomize=seed is None,
        database=None,
        deadline=None,
        # Not to explain, which would trace every line that is run.
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(histories())
    def folds_to_what_the_oracle_counts(history: History) -> None:
        nonlocal last
        last = next(numbers)
        runner.run(Folded(metrics, maker, last, history).run())

    check = folds_to_what_the_oracle_counts
    (hypothesis.seed(seed)(check) if seed is not None else check)()
    return last


async def _be_quick(url: str) -> None:
    """Do without waiting for the disk: nothing dies here but transactions."""
    connection = await connect(url, application_name="test histories")
    await connection.execute(f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET synchronous_commit = off")
    await connection.close()


async def run(asked: Run, *, histories_wanted: int = HISTORIES) -> Outcome:
    """Fold histories made from the seed."""
    outcome = Outcome()
    async with open_postgres(asked.folder / "postgres" / "data", say=lambda _: None) as postgres:
        await postgres.create_database("metrics")
        url = postgres.url("metrics")
        await asyncio.to_thread(migrate, url, SERVICES / "metrics" / "migrations")
        try:
            folded = await asyncio.to_thread(check_histories, url, histories_wanted, asked.seed)
            outcome.figures["histories"] = folded
        except AssertionError as error:
            outcome.wrong.append("\n".join([str(error), *getattr(error, "__notes__", ())]))
    return outcome
