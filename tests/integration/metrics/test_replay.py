"""Numbers made anew beside the live ones, while records are folded and questions are answered all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from libs.common.db import connect, transaction
from libs.common.inbox import DROPPED
from services.metrics.store.rebuild.tables import FROM_TOPICS, KEPT, SEQUENCES, VIEWS, relations
from services.metrics.use_cases.recount import Wanted, recount_units
from tests.support.postgres import MakeDatabase
from tests.support.replaying import World, open_world, until

pytestmark = pytest.mark.timeout(240)

FROM_0 = ("--from", "0", "--no-announce")


@pytest_asyncio.fixture(scope="module")
async def whole(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(await make_database("metrics"), tmp_path_factory.mktemp("replay")) as opened:
        for _ in range(4):
            await opened.send(300)
        await opened.until_folded()
        yield opened


@pytest_asyncio.fixture
async def world(whole: World) -> World:
    """One broker and one consumer for all tests of this file: each leaves the numbers right."""
    assert await whole.schemas() == set()
    assert await whole.counted() == whole.expected()
    return whole


async def execute(world: World, *statements: str) -> None:
    async with transaction(world.metrics.engine) as connection:
        for statement in statements:
            await connection.execute(statement)


async def corrupt(world: World) -> None:
    """Make a cell wrong, lose a fact, and a record with all that is known of it."""
    await execute(
        world,
        "UPDATE cells SET quantity = quantity + 100 WHERE ctid = (SELECT min(ctid) FROM cells WHERE quantity > 0)",
        "DELETE FROM facts WHERE ctid = (SELECT max(ctid) FROM facts WHERE fold_out IS NULL)",
        """WITH lost AS (SELECT record_id FROM facts WHERE fold_out IS NULL LIMIT 1), gone AS (
               DELETE FROM heads WHERE record_id IN (SELECT record_id FROM lost)
           ) DELETE FROM facts WHERE record_id IN (SELECT record_id FROM lost)""",
    )


async def differing(world: World) -> int:
    found = [each async for each in recount_units(world.metrics.engine, Wanted())]
    assert sum(each.outcome.counted for each in found) > 0
    return sum(len(each.outcome.different) for each in found)


@asynccontextmanager
async def holding(world: World, lock: str) -> AsyncIterator[None]:
    """Hold a lock as a long query, or somebody else's, would."""
    connection = await connect(world.url, application_name="test holder", transaction_timeout_seconds=120)
    try:
        async with connection.transaction():
            await connection.execute(lock)
            yield
    finally:
        await connection.close()


class Life:
    """Records come and questions are asked all the time; every answer is kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answers: list[tuple[str, str, Any, int]] = []
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def lived(self) -> AsyncIterator[None]:
        """Go on for as long as this is open."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write())
            for number in range(2):
                tasks.create_task(self._ask(number))
            try:
                yield
            finally:
                self._stop.set()

    async def _write(self) -> None:
        while not self._stop.is_set():
            await self.world.send(40)

    async def _ask(self, number: int) -> None:
        query: dict[str, Any] = {
            "from_": "2025-03-01",
            "group_by": [["measure"], ["unit:commune", "time:month"]][number],
        }
        while not self._stop.is_set():
            answer = await self.world.metrics.ask(**query)
            assert answer.status == 200, answer.body
            revision = answer.json["contract"]["data_revision"]
            self.answers.append((revision, answer.headers["etag"], answer.json["rows"], number))
            await asyncio.sleep(0.01)


async def test_what_was_wrong_is_right_afterwards_and_every_question_was_answered(world: World) -> None:
    await execute(
        world,
        "INSERT INTO statement_words (kind, code, vi, en) VALUES ('caveats', 'kept', 'còn', 'kept')",
        "CREATE ROLE replay_reader",
        "GRANT SELECT ON cells, named_facts, fold_ids TO replay_reader",
        f"""INSERT INTO dead_letters (topic, partition, "offset", source, type, key, value, headers, reason)
            SELECT 't', 0, 7, 's', 'x', '', '', json_build_object('{DROPPED}', json_build_object('by', 'An')), 'r'""",
    )
    await corrupt(world)
    assert await differing(world) > 0
    assert await world.counted() != world.expected()
    ((before,),) = await world.metrics.fetch("SELECT epoch FROM data_revision")
    life = Life(world)
    async with life.lived():
        replay = await world.replay(*FROM_0)
        assert await replay.end() == 0, replay.said
        at_switch = len(life.answers)
        await until(lambda: asyncio.sleep(0, len(life.answers) > at_switch + 20), "questions are asked after it")
    await world.until_folded()
    assert await world.counted() == world.expected()
    assert await differing(world) == 0
    assert await world.metrics.fetch("SELECT vi FROM statement_words WHERE code = 'kept'") == [("còn",)]
    assert await world.metrics.fetch(f"SELECT headers #>> '{{{DROPPED},by}}' FROM dead_letters") == [("An",)]
    rights = "SELECT name, has_table_privilege('replay_reader', name, 'SELECT') FROM unnest($1::text[]) AS name"
    assert await world.metrics.fetch(rights, ["cells", "facts"]) == [("cells", True), ("facts", False)]
    assert await world.schemas() == set()
    check_revisions(life, before)


def check_revisions(life: Life, before: int) -> None:
    """Of one revision there is one answer, revisions only rise, and those of after begin a new epoch."""
    told: dict[tuple[str, int], tuple[str, Any]] = {}
    for number in (0, 1):
        revisions = [tuple(map(int, revision.split("."))) for revision, _, _, n in life.answers if n == number]
        assert revisions == sorted(revisions)
        assert revisions[0][0] == before < revisions[-1][0]
    for revision, tag, rows, number in life.answers:
        assert told.setdefault((revision, number), (tag, rows)) == (tag, rows)


async def test_the_consumer_goes_on_without_a_restart_and_roll_ups_serve_at_once(world: World) -> None:
    replay = await world.replay(*FROM_0, "--keep-old")
    assert await replay.end() == 0, replay.said
    ready = await world.metrics.fetch("SELECT min(ready) FROM rollup_units")
    assert ready == [(2,)]
    # Units that came last may be ready with all of theirs still to be worked in.
    ((made,),) = await world.metrics.fetch("SELECT coalesce(max(n), 0) FROM rollups")
    for _ in range(3):
        await world.send(200)
    await world.until_folded()
    assert await world.counted() == world.expected()

    async def worked_in() -> bool:
        return await world.metrics.fetch("SELECT max(n) > $1 FROM rollups", made) == [(True,)]

    await until(worked_in, "the consumer's own loop works changes into the new roll-ups")
    asked = await world.metrics.numbers(from_="2025-03-01", to="2025-05-31", group_by=["time:month", "reporter_kind"])
    assert sum(row["luot"] for row in asked["rows"]) == sum(n for n, _ in world.expected().values())
    again = await world.replay(*FROM_0)
    assert await again.end() == 1, again.said
    assert "--drop-old" in again.said
    dropped = await world.replay("--drop-old")
    assert await dropped.end() == 0, dropped.said
    assert await world.schemas() == set()


async def test_a_dry_run_tells_what_is_wrong_and_changes_nothing_and_one_that_was_killed_goes_on(world: World) -> None:
    await corrupt(world)
    await recounts(world)
    before = await world.counted()
    replay = await world.replay(*FROM_0, "--dry-run")
    assert await replay.end() == 1, replay.said
    assert "same revision, other facts: 1" in replay.said, replay.said
    assert "newer in the topics: 1" in replay.said, replay.said
    assert "+" in replay.said.partition("FLD-07 quantity")[0].rpartition("facts")[2]
    assert await world.counted() == before
    assert await world.schemas() == set()
    await killed_while_it_reads(world)
    agreed = await world.replay(*FROM_0, "--dry-run")
    assert await agreed.end() == 0, agreed.said


async def recounts(world: World) -> None:
    """The command names each cell that is wrong, those of a unit alone where it is asked of one."""
    wrong = await differing(world)
    everything = await world.ops("recount")
    assert await everything.end() == 1
    lines = [line for line in everything.said.splitlines() if line.startswith("unit ")]
    assert len(lines) == wrong
    of_units = []
    for code in ("87", "00001"):
        asked = await world.ops("recount", "--unit", code)
        of_units.append((await asked.end(), asked.said.count("\nunit ") + asked.said.startswith("unit ")))
    assert sum(number for _, number in of_units) == wrong
    assert all(code == (number > 0) for code, number in of_units)
    unknown = await world.ops("recount", "--unit", "99999")
    assert await unknown.end() == 2, "1 says that cells differ"
    assert "hôm nay không có đơn vị 99999" in unknown.said
    assert "there is no unit 99999 today" in unknown.said
    mistaken = await world.ops("recount", "--measure", "XXX")
    assert await mistaken.end() == 2
    assert "nothing was ever counted of measure XXX" in mistaken.said
    empty = await world.ops("recount", "--from", "1999-01-01", "--to", "1999-01-31")
    assert await empty.end() == 0
    assert "there was no cell to count again" in empty.said


async def killed_while_it_reads(world: World) -> None:
    """It goes on from there when run again, and mends what is wrong."""
    first = await world.replay(*FROM_0)
    await first.until_said("made anew")
    async with holding(world, "LOCK TABLE rebuild.heads IN EXCLUSIVE MODE"):
        second = await world.replay(*FROM_0)
        assert await second.end() == 1
        assert "another rebuild" in second.said
        await first.kill()
    third = await world.replay(*FROM_0)
    assert await third.end() == 0, third.said
    assert "going on" in third.said
    assert await world.counted() == world.expected()


async def test_no_moment_to_switch_in_leaves_everything_as_it_is(world: World) -> None:
    await corrupt(world)
    before = await world.counted()
    async with holding(world, "LOCK TABLE cells IN ACCESS SHARE MODE"):
        replay = await world.replay(*FROM_0, "--patience", "1")
        assert await replay.end() == 1, replay.said
        assert "no moment" in replay.said
        assert await world.counted() == before
        killed = await world.replay(*FROM_0)
        await killed.until_said("switching")
        await world.send(100)
        await world.until_folded()
        await killed.kill()
    assert await world.schemas() == {"rebuild"}
    await execute(
        world, "UPDATE data_revision SET epoch = epoch + 1"
    )  # As a restore does: what was begun knows too much.
    last = await world.replay(*FROM_0)
    assert await last.end() == 0, last.said
    assert "made anew" in last.said
    assert await world.counted() == world.expected()


async def test_what_the_topics_lack_is_not_lost_unless_that_is_accepted(world: World) -> None:
    await execute(world, "INSERT INTO heads VALUES ('00000000-0000-4000-8000-0000000fffff', 1, 0)")
    replay = await world.replay(*FROM_0)
    assert await replay.end() == 1, replay.said
    assert "not in the topics: 1" in replay.said
    accepted = await world.replay(*FROM_0, "--accept-loss")
    assert await accepted.end() == 0, accepted.said
    assert "going on" in accepted.said


async def test_tables_that_somebody_changed_by_hand_are_not_replaced(world: World) -> None:
    await execute(world, "CREATE INDEX by_hand ON cells (reporter)")
    replay = await world.replay(*FROM_0)
    assert await replay.end() == 1, replay.said
    assert "CREATE INDEX by_hand" in replay.said
    abandoned = await world.replay("--abandon")
    assert await abandoned.end() == 0
    await execute(world, "DROP INDEX by_hand")
    assert await world.schemas() == set()


async def test_of_every_table_it_is_known_whether_it_is_made_of_topics(make_database: MakeDatabase) -> None:
    connection = await connect(await make_database("metrics"), application_name="test")
    assert await relations(connection, "public") == {*FROM_TOPICS, *SEQUENCES, *VIEWS, *KEPT}
    await connection.close()
