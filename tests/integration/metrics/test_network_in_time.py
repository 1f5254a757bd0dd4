"""Teams and members over time: founded, dissolved, succeeded, left and back again, told in any order and again."""

import random
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.common.inbox import bury
from libs.contracts.model import Contract
from services.metrics.consumer import redrive
from tests.support.metrics import CITY, OTHER_WARD, PROVINCE, WARD, a_picture
from tests.support.networks import Network, a_member, a_team, named, open_network, told_network
from tests.support.postgres import MakeDatabase

MEMBER = "(SELECT member_id FROM network_members WHERE number = member)"
TABLES = {
    "network_teams": "team_id, revision, level, type, code, name, first_day, end_day",
    "network_memberships": f"{MEMBER}, first_day, end_day, overlapping",
    "network_posts": f"{MEMBER}, post, first_day, end_day",
}


@pytest_asyncio.fixture
async def network(make_database: MakeDatabase) -> AsyncIterator[Network]:
    async with open_network(await make_database("metrics"), a_picture()) as opened:
        yield opened


async def on(network: Network, day: str, code: str = "NET-01") -> Any:
    return (await network.values(f"on={day}&indicators={code}"))[code]


async def test_a_team_counts_from_the_day_it_was_founded_until_before_the_day_it_was_dissolved(
    network: Network,
) -> None:
    await network.take(
        a_team("a", WARD, established_on=date(2022, 7, 1), dissolved_on=date(2025, 3, 1)), a_member("m", "a")
    )
    days = ("2022-06-30", "2022-07-01", "2025-02-28", "2025-03-01")
    assert [await on(network, day) for day in days] == [0, 1, 1, 0]
    assert [await on(network, day, "NET-02") for day in days] == [0, 1, 1, 0]


async def test_on_the_day_of_succession_only_the_successor_counts(network: Network) -> None:
    change = {"kind": "succeeded", "on": date(2025, 7, 1), "successors": [named("team", "new")]}
    await network.take(
        a_team("old", WARD, changes=[change]),
        a_team("other", OTHER_WARD, changes=[{"kind": "consolidated", "on": date(2024, 1, 1)}, change]),
        a_team("new", CITY, established_on=date(2025, 7, 1)),
        a_member("stays", {"team": "old"}, {"team": "new", "joined_on": date(2025, 7, 1)}),
    )
    assert [await on(network, day) for day in ("2025-06-30", "2025-07-01")] == [2, 1]
    assert [await on(network, day, "NET-02") for day in ("2025-06-30", "2025-07-01")] == [1, 1]


async def test_somebody_who_left_and_came_back_counts_while_there(network: Network) -> None:
    await network.take(
        a_team("a", WARD),
        a_member(
            "m",
            {"team": "a", "joined_on": date(2023, 1, 1), "left_on": date(2024, 1, 1)},
            {"team": "a", "joined_on": date(2025, 1, 1), "role": "leader"},
            {"team": "a", "joined_on": date(2025, 2, 1)},
        ),
    )
    days = ("2022-12-31", "2023-01-01", "2023-12-31", "2024-01-01", "2025-01-01", "2026-01-01")
    assert [await on(network, day, "NET-02") for day in days] == [0, 1, 1, 0, 1, 1]
    assert (await network.get("on=2025-03-01"))["total"]["figures"]["NET-02"]["details"] == {"memberships": 1}


async def test_a_post_counts_on_the_days_it_was_held(network: Network) -> None:
    post = {"post": "youth_union_deputy_secretary", "from": date(2023, 1, 1), "to": date(2024, 1, 1)}
    await network.take(
        a_team("a", WARD), a_member("m", "a", posts=[post]), a_member("n", "a", posts=[{"post": "village_head"}])
    )
    days = ("2022-12-31", "2023-01-01", "2023-12-31", "2024-01-01")
    assert [await on(network, day, "NET-07") for day in days] == [0, 1, 1, 0]


def history() -> list[Contract]:
    """Teams and members that change again and again, each state at its revision."""
    chance = random.Random(3)  # noqa: S311 - the same in every run
    states: list[Contract] = []
    for n in range(20):
        for revision in range(1, chance.randint(1, 4) + 1):
            end = date(2024, chance.randint(1, 12), 1) if chance.random() < 0.5 else None
            unit = chance.choice([WARD, OTHER_WARD, CITY, PROVINCE])
            states.append(a_team(str(n), unit, revision=revision, dissolved_on=end))
    for n in range(100):
        for revision in range(1, chance.randint(1, 4) + 1):
            spells = [
                {"team": str(chance.randrange(20)), "joined_on": date(2023, chance.randint(1, 12), 1)}
                for _ in range(chance.randint(0, 3))
            ]
            posts = [{"post": "youth_union_secretary"}] if chance.random() < 0.3 else []
            states.append(a_member(str(n), *spells, revision=revision, posts=posts))
    return states


async def everything(network: Network) -> Any:
    found = [
        sorted(map(str, await network.metrics.fetch(f"SELECT {columns} FROM {table}")))
        for table, columns in TABLES.items()
    ]
    asked = [await network.get(f"on=2024-0{month}-01&group_by=unit:commune,level") for month in range(1, 7)]
    return found, [(answer["rows"], answer["total"]) for answer in asked]


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_order_of_delivery_and_everything_twice_comes_to_the_same(
    network: Network, make_database: MakeDatabase, seed: int
) -> None:
    states = history()
    await network.take_all(states)
    expected = await everything(network)
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    shuffled = [*states, *chance.sample(states, 40)]
    chance.shuffle(shuffled)
    async with open_network(await make_database("metrics"), a_picture()) as other:
        while shuffled:
            size = chance.randint(1, 40)
            await other.take(*shuffled[:size])
            shuffled = shuffled[size:]
        assert await everything(other) == expected
    revision = await network.metrics.fetch("SELECT n FROM network_revision")
    await network.take_all(states)
    assert await network.metrics.fetch("SELECT n FROM network_revision") == revision
    assert await everything(network) == expected


async def test_what_cannot_be_read_is_buried_and_taken_once_it_can(
    network: Network,
) -> None:
    good, bad = told_network(a_team("a", WARD), a_member("m", "a"))
    bad = bad._replace(value=bad.value.replace(b'"member"', b'"marshal"'))
    async with transaction(network.metrics.engine) as connection:
        handled = await network.handle(connection, [good, bad])
        assert (handled.events, [letter.message for letter in handled.dead]) == (1, [bad])
        await bury(connection, "here", handled.dead)
    assert await on(network, "2024-01-01", "NET-02") == 0
    async with transaction(network.metrics.engine) as connection:
        assert [letter.message.offset for letter in (await redrive(connection, (), limit=10))[1]] == [1]
    repaired = bad.value.replace(b'"marshal"', b'"member"')
    async with transaction(network.metrics.engine) as connection:
        await connection.execute("UPDATE dead_letters SET value = $1", repaired)
        assert await redrive(connection, (), limit=10) == (1, [])
    assert await on(network, "2024-01-01", "NET-02") == 1
