"""The rows of the audit log are counted as they are committed, whoever wrote them and in whatever order they end."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from libs.common.db import Engine, open_engine, transaction
from services.registry.store.audit import Audited, note
from services.registry.use_cases.audited import ROWS, AuditCount
from tests.support.postgres import MakeDatabase


@pytest_asyncio.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with open_engine(await make_database("registry"), application_name="test audit", pool_size=3) as opened:
        yield opened


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


def entry(action: str) -> Audited:
    return Audited("officer", action, "member", "m-1", None)


def counted(metrics: CollectorRegistry) -> dict[str, float]:
    [family] = [family for family in metrics.collect() if f"{family.name}_total" == ROWS.name]
    return {sample.labels["action"]: sample.value for sample in family.samples if sample.name == ROWS.name}


async def test_old_rows_and_new_ones_count_once(engine: Engine, metrics: CollectorRegistry) -> None:
    async with transaction(engine) as connection:
        await note(connection, entry("member.read"), entry("member.read"), entry("client.rotated"))
        await connection.execute(
            "UPDATE audit SET at = at - interval '1 day' WHERE entry < (SELECT max(entry) FROM audit)"
        )
    count = AuditCount(engine, metrics)
    for _ in range(2):
        await count.look()
        assert counted(metrics) == {"member.read": 2, "client.rotated": 1}
    async with transaction(engine) as connection:
        await note(connection, entry("member.read"))
    for _ in range(2):
        await count.look()
        assert counted(metrics) == {"member.read": 3, "client.rotated": 1}


async def test_a_row_that_ends_after_a_later_one_is_counted_too(engine: Engine, metrics: CollectorRegistry) -> None:
    count = AuditCount(engine, metrics)
    await count.look()
    async with transaction(engine) as slow:
        await note(slow, entry("member.read"))
        async with transaction(engine) as quick:
            await note(quick, entry("client.created"))
        await count.look()
        assert counted(metrics) == {"client.created": 1}
    await count.look()
    assert counted(metrics) == {"client.created": 1, "member.read": 1}


async def test_what_was_rolled_back_is_not_counted(engine: Engine, metrics: CollectorRegistry) -> None:
    count = AuditCount(engine, metrics)

    async def fail() -> None:
        async with transaction(engine) as connection:
            await note(connection, entry("member.read"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await count.look()
    assert counted(metrics) == {}
