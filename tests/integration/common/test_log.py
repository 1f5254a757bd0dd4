"""The log: what is read is what was committed, in an order nothing can slip behind."""

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

from libs.common.db import Engine, connect, open_engine, transaction
from libs.common.log import BEGINNING, append, read, schema
from tests.support.postgres import MakeDatabase


@dataclass(frozen=True)
class Row:
    """A row of a log of nothing in particular."""

    record_id: UUID
    revision: int
    type: str = "thing.v1"
    body: bytes = b"{}"


async def new_log(make_database: MakeDatabase) -> str:
    url = await make_database("")
    connection = await connect(url, application_name="test")
    for statement in (*schema(), "ALTER TABLE log ADD COLUMN traceparent text"):
        await connection.execute(statement)
    await connection.close()
    return url


async def test_a_row_is_appended_once_and_a_second_time_changes_nothing(make_database: MakeDatabase) -> None:
    url = await new_log(make_database)
    row = Row(uuid4(), 1)
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            assert await append(connection, [row]) == 1
        async with transaction(engine) as connection:
            assert await append(connection, [row]) == 0
        async with transaction(engine) as connection:
            assert len((await read(connection, BEGINNING, 10)).announced) == 1


async def test_what_is_rolled_back_is_never_read(make_database: MakeDatabase) -> None:
    url = await new_log(make_database)
    async with open_engine(url, application_name="test") as engine:
        try:
            async with transaction(engine) as connection:
                await append(connection, [Row(uuid4(), 1)])
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        async with transaction(engine) as connection:
            assert (await read(connection, BEGINNING, 10)).rows == 0


async def test_a_row_committed_late_holds_back_those_behind_it_and_is_not_passed_over(
    make_database: MakeDatabase,
) -> None:
    url = await new_log(make_database)
    early, late = Row(uuid4(), 1), Row(uuid4(), 1)
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as slow:
            await append(slow, [early])
            async with transaction(engine) as quick:
                await append(quick, [late])
            async with transaction(engine) as reader:
                assert (await read(reader, BEGINNING, 10)).rows == 0
        async with transaction(engine) as reader:
            page = await read(reader, BEGINNING, 10)
    assert [state.record_id for state in page.announced] == [early.record_id, late.record_id]


async def test_whatever_row_changed_the_highest_revision_is_what_is_sent(make_database: MakeDatabase) -> None:
    """A correction committed by a transaction older than the creation's must not be followed by the creation."""
    url = await new_log(make_database)
    record = uuid4()
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as older:
            await older.execute("SELECT pg_current_xact_id()")
            async with transaction(engine) as younger:
                await append(younger, [Row(record, 1)])
            await append(older, [Row(record, 2)])
        async with transaction(engine) as reader:
            page = await read(reader, BEGINNING, 10)
    assert [state.revision for state in page.announced] == [2, 2]


async def test_no_row_of_many_writers_is_missed_or_read_twice(make_database: MakeDatabase) -> None:
    url = await new_log(make_database)
    writers, batches, size = 8, 20, 10
    async with open_engine(url, application_name="test", pool_size=writers + 1) as engine:

        async def write() -> None:
            for _ in range(batches):
                async with transaction(engine) as connection:
                    await append(connection, [Row(uuid4(), 1) for _ in range(size)])

        seen: list[UUID] = []
        position = BEGINNING
        writing = asyncio.gather(*(write() for _ in range(writers)))
        while len(seen) < writers * batches * size:
            done = writing.done()
            async with transaction(engine) as connection:
                page = await read(connection, position, 50)
            assert page.reached >= position
            position = page.reached
            seen += [state.record_id for state in page.announced]
            assert page.rows or not done, "the writers are done and rows are missing"
        await writing
    assert len(seen) == len(set(seen)) == writers * batches * size


async def raise_epoch(engine: Engine) -> None:
    """What a restore does: its server's transactions are numbered from lower down again."""
    async with transaction(engine) as connection:
        await connection.execute("UPDATE log SET xid = '9000000000'")
        await connection.execute("UPDATE log_epoch SET epoch = epoch + 1")


async def test_rows_of_a_raised_epoch_come_after_those_of_the_old_one(make_database: MakeDatabase) -> None:
    url = await new_log(make_database)
    old, new = [Row(uuid4(), 1) for _ in range(3)], [Row(uuid4(), 1) for _ in range(3)]
    async with open_engine(url, application_name="test") as engine:
        async with transaction(engine) as connection:
            await append(connection, old)
        await raise_epoch(engine)
        async with transaction(engine) as connection:
            await append(connection, new)
        async with transaction(engine) as connection:
            first = await read(connection, BEGINNING, 3)
            second = await read(connection, first.reached, 10)
    ids = [{state.record_id for state in page.announced} for page in (first, second)]
    assert ids == [{row.record_id for row in old}, {row.record_id for row in new}]
    assert (first.reached.epoch, second.reached.epoch) == (1, 2)
    assert first.reached.xid > second.reached.xid
