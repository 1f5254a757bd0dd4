"""How the network is asked about: who sees what, what is refused, entity tags, lists of what is missing."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
import pytest_asyncio

from libs.common.db import transaction
from services.metrics.domain.picture import Picture
from tests.support.http import call
from tests.support.metrics import ELSEWHERE, OTHER_WARD, PROVINCE, WARD, a_picture
from tests.support.networks import Made, Network, a_member, a_team, named, open_network
from tests.support.postgres import MakeDatabase
from tests.support.real_map import real_map

DAY = "on=2024-01-01"


@pytest_asyncio.fixture
async def network(make_database: MakeDatabase) -> AsyncIterator[Network]:
    async with open_network(await make_database("metrics"), a_picture()) as opened:
        yield opened


async def test_a_client_sees_its_own_territory_only(network: Network) -> None:
    await network.take(
        a_team("a", WARD), a_team("b", OTHER_WARD), a_team("c", ELSEWHERE), a_team("d", PROVINCE, "province")
    )
    assert (await network.values(DAY))["NET-01"] == 4
    assert (await network.values(DAY, client="city"))["NET-01"] == 2
    assert (await network.values(DAY, client="new ward"))["NET-01"] == 1
    assert await network.refused(f"{DAY}&unit={ELSEWHERE}", client="city") == (403, "outside_subtree")
    assert await network.refused(DAY, client="app") == (403, "scope_missing")


async def test_what_stands_at_a_unit_not_yet_on_the_map_is_in_the_total_and_in_no_unit(network: Network) -> None:
    await network.take(a_team("a", WARD), a_team("b", named("unit", "new")))
    answer = await network.get(f"{DAY}&group_by=unit:commune&indicators=NET-01")
    rows = [(row["unit"] and row["unit"]["code"], row["unallocated"]) for row in answer["rows"]]
    assert (None, True) in rows
    assert answer["total"]["figures"]["NET-01"]["value"] == 2


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("on=yesterday", 422, "bad_parameter"),
        ("colour=red", 422, "bad_parameter"),
        ("level=village", 422, "bad_parameter"),
        ("indicators=NET-12", 422, "bad_parameter"),
        ("minimum_members=0", 422, "bad_parameter"),
        ("group_by=level,level", 422, "grouping_repeated"),
        ("group_by=unit:commune,unit:province", 422, "grouping_repeated"),
        ("from=2024-01-01&to=2023-01-01", 422, "range_reversed"),
        ("boundaries=old", 422, "unknown_boundaries"),
        ("unit=00000", 422, "unknown_unit"),
        (f"{DAY}&group_by=unit:district&boundaries=current", 422, "level_not_on_day"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name(network: Network, query: str, status: int, code: str) -> None:
    assert await network.refused(query) == (status, code)


async def test_an_answer_read_before_is_not_sent_again_until_something_changes(network: Network) -> None:
    async def ask(tag: str = "") -> tuple[int, str]:
        headers = {**network.metrics.issuer.headers("exact"), "if-none-match": tag}
        answer = await call(network.metrics.app, "GET", f"/v1/network?{DAY}", headers=headers)
        return answer.status, answer.headers["etag"]

    status, tag = await ask()
    assert status == 200
    assert await ask(tag) == (304, tag)
    await network.take(a_team("a", WARD))
    status, other = await ask(tag)
    assert (status, other != tag) == (200, True)


async def test_nothing_is_told_before_all_has_been_read_that_was_there_at_the_start(network: Network) -> None:
    engine = network.metrics.engine
    async with transaction(engine) as connection:
        await connection.execute("UPDATE inbox SET xid = 1 WHERE topic LIKE '%members'")
    assert await network.refused(DAY) == (503, "not_ready")
    async with transaction(engine) as connection:
        await connection.execute("UPDATE inbox SET xid = 7")
    assert (await network.get(DAY))["contract"]["network_through"] == "1.7.1"


async def test_communes_without_a_team_are_listed_by_name_a_page_at_a_time(make_database: MakeDatabase) -> None:
    picture = Picture(units=real_map())
    picture.moved((1, 5, 5), map_changed=True)
    made = Made(picture)
    communes = made.communes("11", date(2024, 1, 30))
    made.fill(communes[20:], 109, 300)
    async with open_network(await make_database("metrics"), picture) as network:
        await network.take_all(made.states())
        found, cursor = [], ""
        while True:
            page = await network.get(f"on=2024-01-30&unit=11&limit=7{cursor}", path="/gaps")
            assert (page["count"], page["of"]) == (20, 129)
            found += [(entry["unit"]["name"], entry["unit"]["code"]) for entry in page["units"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert sorted(code for _, code in found) == sorted(unit.code or "" for unit in communes[:20])
        within = page["units"][0]["within"]
        assert [unit["level"] for unit in within] == ["province", "district"]
        today = await network.get("on=2024-01-30&unit=11&boundaries=current", path="/gaps")
        asked = await network.get("on=2024-01-30&unit=11&boundaries=current&indicators=NET-04")
        covered = asked["total"]["figures"]["NET-04"]
        assert (today["of"], today["count"]) == (45, covered["details"]["missing"])
        below = made.subcommune(communes[0], 1)
        none = await network.get("on=2024-01-30&unit=11&level=subcommune", path="/gaps")
        assert [entry["unit"]["id"] for entry in none["units"]] == [str(below.unit_id)]


async def test_teams_under_the_minimum_are_listed_with_their_members(network: Network) -> None:
    await network.take(
        a_team("big", WARD),
        a_team("small", WARD),
        a_team("empty", OTHER_WARD, "subcommune"),
        a_team("youth", WARD, type="youth_digital_team"),
        *(a_member(f"b{n}", "big") for n in range(3)),
        a_member("s", "small"),
        a_member("both", "small", "big"),
    )
    asked = f"{DAY}&kind=undersized"
    told = await network.get(asked, path="/gaps")
    assert [(team["code"], team["members"]) for team in told["teams"]] == [("empty", 0), ("small", 2)]
    assert (told["count"], told["of"], told["level"]) == (2, 3, None)
    assert told["teams"][1]["unit"]["code"] == "29905"
    only = await network.get(f"{asked}&level=commune&minimum_members=5", path="/gaps")
    assert [team["code"] for team in only["teams"]] == ["big", "small"]
    assert await network.refused("kind=other", path="/gaps") == (422, "bad_parameter")
    assert await network.refused("cursor=x", path="/gaps") == (422, "bad_parameter")
