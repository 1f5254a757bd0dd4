"""The network of the seeds, made anew from its counts, and asked about on a real PostgreSQL and the real map."""

from collections.abc import AsyncIterator
from datetime import date

import pytest_asyncio

from services.metrics.domain.picture import Picture
from tests.support.metrics import a_line, a_record
from tests.support.networks import Made, Network, a_member, a_team, denominator, named, open_network
from tests.support.postgres import MakeDatabase
from tests.support.real_map import real_map

END_2023, END_2024, JAN_2024 = date(2023, 12, 31), date(2024, 12, 25), date(2024, 1, 30)
REFORM = date(2025, 7, 1)
YOUTH = [{"post": "youth_union_secretary", "from": date(2022, 7, 1)}]


@pytest_asyncio.fixture
async def made() -> Made:
    picture = Picture(units=real_map())
    picture.moved((1, 5, 5), map_changed=True)
    return Made(picture)


@pytest_asyncio.fixture
async def network(made: Made, make_database: MakeDatabase) -> AsyncIterator[Network]:
    async with open_network(await make_database("metrics"), made.picture) as opened:
        yield opened


async def test_son_la_has_3090_teams_and_15902_members_as_the_sum_of_its_levels(made: Made, network: Network) -> None:
    made.province("14", END_2023, (204, 1814), (2886, 14088))
    await network.take_all(made.states())
    asked = "unit=14&on=2023-12-31&group_by=level&indicators=NET-01,NET-02,NET-03,NET-04,NET-05"
    rows, total = await network.rows(asked), await network.values(asked)
    assert [(row["NET-01"], row["NET-02"]) for row in rows.values()] == [(204, 1814), (2886, 14088)]
    assert (total["NET-01"], total["NET-02"]) == (3090, 15902)
    assert [round(row["NET-05"], 1) for row in (*rows.values(), total)] == [8.9, 4.9, 5.1]
    # The list of communes just before the reform has 200 of them.
    assert (rows["commune"]["NET-04"], rows["subcommune"]["NET-03"]) == (100, 100)
    assert (rows["commune"]["NET-03"], rows["subcommune"]["NET-04"]) == (None, None)
    by_commune = await network.get("unit=14&on=2023-12-31&group_by=unit:commune")
    assert len(by_commune["rows"]) == 200
    assert sum(row["figures"]["NET-01"]["value"] for row in by_commune["rows"]) == 3090
    assert (await network.values("unit=14&on=2023-12-31&level=commune"))["NET-02"] == 1814


async def test_somebody_in_two_teams_is_one_member_of_the_province_and_of_each_team(
    made: Made, network: Network
) -> None:
    one, other = made.communes("14", END_2023)[:2]
    below = made.subcommune(one, 1)
    await network.take(
        a_team("a", one.unit_id),
        a_team("b", other.unit_id),
        a_team("c", below.unit_id, "subcommune"),
        a_member("both", "a", "b", posts=YOUTH),
        a_member("levels", "a", "c"),
        a_member("alone", "a"),
        a_member("later", "a", {"team": "b", "joined_on": date(2024, 6, 1)}),
    )
    rows = await network.rows("on=2023-12-31&group_by=unit:commune&unit=14&indicators=NET-02,NET-07")
    assert [rows[unit.code]["NET-02"] for unit in (one, other)] == [4, 1]
    assert [rows[unit.code]["NET-07"] for unit in (one, other)] == [1, 1]
    told = (await network.get("on=2023-12-31&unit=14&group_by=level"))["total"]["figures"]
    assert (told["NET-02"]["value"], told["NET-02"]["details"]) == (4, {"memberships": 6})
    assert told["NET-07"]["value"] == 1
    assert told["NET-05"]["details"] == {"undersized": 2, "minimum": 3}
    assert (told["NET-05"]["numerator"], told["NET-05"]["denominator"]["value"]) == (6, 3)
    assert (await network.values("on=2024-07-01&unit=14"))["NET-02"] == 4


async def test_bac_kan_is_found_inside_thai_nguyen_of_today(made: Made, network: Network) -> None:
    made.province("06", END_2024, (108, 500), (1139, 5707))
    made.province("19", END_2024, (172, 700))
    await network.take_all(made.states())
    recorded = await network.rows("on=2024-12-25&group_by=unit:province&unit=06,19")
    assert {code: (row["NET-01"], row["NET-02"]) for code, row in recorded.items()} == {
        "06": (1247, 6207),
        "19": (172, 700),
    }
    today = await network.rows("on=2024-12-25&group_by=unit:province&boundaries=2025-07-01&unit=19")
    assert {code: (row["NET-01"], row["NET-02"]) for code, row in today.items()} == {"19": (1419, 6907)}
    assert today["19"]["NET-04"] == 100
    old = made.unit("06", END_2024).unit_id
    again = await network.get(f"on=2026-01-01&boundaries=current&unit={old}&group_by=unit:province")
    assert [(row["unit"]["code"], row["figures"]["NET-01"]["value"]) for row in again["rows"]] == [("19", 1247)]
    for boundaries in ("as_recorded", "current", "2024-12-25"):
        assert (await network.values(f"on=2024-12-25&boundaries={boundaries}"))["NET-01"] == 1419


async def test_dien_bien_has_129_teams_for_129_communes_and_for_45_of_today(made: Made, network: Network) -> None:
    made.fill(made.communes("11", JAN_2024), 129, 159, posts=YOUTH)
    made.fill([made.unit("11", JAN_2024)], 6, 39, type_="volunteer_formation")
    await network.take_all(made.states())
    then = await network.get("on=2024-01-30&unit=11")
    figures = then["total"]["figures"]
    assert (figures["NET-01"]["value"], figures["NET-07"]["value"]) == (129, 159)
    assert (figures["NET-04"]["numerator"], figures["NET-04"]["denominator"]["value"]) == (129, 129)
    assert (figures["NET-08"]["value"], figures["NET-08"]["details"]) == (6, {"volunteers": 39})
    assert figures["NET-02"]["value"] == 159
    now = await network.get("on=2024-01-30&unit=11&boundaries=current&group_by=unit:commune")
    above = [row["figures"]["NET-08"]["value"] for row in now["rows"] if row["unallocated"]]
    assert (len(now["rows"]), above) == (45 + 1, [6])
    assert now["total"]["figures"]["NET-04"]["numerator"] == 45
    assert now["total"]["figures"]["NET-01"]["value"] == sum(row["figures"]["NET-01"]["value"] for row in now["rows"])
    assert now["total"]["figures"]["NET-01"]["value"] == 129
    assert (await network.values("on=2022-06-30&unit=11"))["NET-07"] == 0


async def test_formations_are_teams_of_their_own_types_and_never_added_to_community_teams(
    made: Made, network: Network
) -> None:
    made.fill([made.unit("11", JAN_2024)], 6, 39, type_="volunteer_formation")
    made.fill(made.communes("11", JAN_2024), 5, 20)
    await network.take_all(made.states())
    answer = await network.get("on=2024-01-30&unit=11&group_by=type&indicators=NET-01,NET-02,NET-05,NET-08")
    rows = {row["group"]["type"]: row["figures"] for row in answer["rows"]}
    assert {name: row["NET-01"]["value"] for name, row in rows.items()} == {
        "community_digital_team": 5,
        "volunteer_formation": 6,
    }
    assert rows["volunteer_formation"]["NET-08"]["details"] == {"volunteers": 39}
    assert rows["community_digital_team"]["NET-08"]["reason"] == "not_of_this_group"
    total = answer["total"]["figures"]
    assert (total["NET-01"]["value"], total["NET-01"]["reason"]) == (None, "types_not_added")
    assert (total["NET-02"]["value"], total["NET-08"]["value"]) == (59, 6)


async def test_members_per_100_inhabitants_name_the_population_they_used(made: Made, network: Network) -> None:
    province, other = made.unit("14", END_2023), made.unit("11", END_2023)
    made.province("14", END_2023, (10, 50))
    await network.take_all(made.states())
    await network.take(
        denominator("old", province.unit_id, "population_total", date(2020, 1, 1), 1000),
        denominator("new", province.unit_id, "population_total", date(2023, 6, 30), 2000),
        denominator("adults", province.unit_id, "population_total", date(2023, 7, 1), 3, min_age=18),
        denominator("later", province.unit_id, "population_total", date(2024, 6, 30), 4000),
    )
    answer = await network.get("on=2023-12-31&unit=14,11&group_by=unit:province&indicators=NET-06")
    rows = {row["unit"]["code"]: row["figures"]["NET-06"] for row in answer["rows"]}
    assert rows["14"]["value"] == 2.5
    assert [used["denominator_id"] for used in rows["14"]["denominator"]["rows"]] == [str(named("denominator", "new"))]
    assert (rows["11"]["value"], rows["11"]["numerator"], rows["11"]["reason"]) == (None, 0, "no_denominator")
    assert answer["total"]["figures"]["NET-06"]["reason"] == "no_denominator"
    await network.take(denominator("eleven", other.unit_id, "population_total", date(2023, 1, 1), 500))
    total = (await network.get("on=2023-12-31&unit=14,11&indicators=NET-06"))["total"]["figures"]["NET-06"]
    assert (total["value"], total["denominator"]["value"], len(total["denominator"]["rows"])) == (2.0, 2500, 2)


async def test_coverage_of_sub_commune_units_is_of_declared_ones_else_of_those_on_the_map(
    made: Made, network: Network
) -> None:
    commune, other = made.communes("14", END_2023)[:2]
    below = [made.subcommune(commune, n) for n in range(4)]
    await network.take(a_team("a", below[0].unit_id, "subcommune"), a_team("b", below[0].unit_id, "subcommune"))
    asked = f"on=2023-12-31&unit={commune.unit_id}&indicators=NET-03"
    told = (await network.get(asked))["total"]["figures"]["NET-03"]
    assert (told["value"], told["numerator"], told["denominator"]["source"]) == (25, 1, "map")
    assert told["details"] == {"missing": 3}
    await network.take(denominator("d", commune.unit_id, "subcommune_units", date(2023, 1, 1), 5))
    told = (await network.get(asked))["total"]["figures"]["NET-03"]
    assert (told["value"], told["denominator"]["value"], told["denominator"]["source"]) == (20, 5, "declared")
    none = (await network.get(f"on=2023-12-31&unit={other.unit_id}&indicators=NET-03"))["total"]["figures"]["NET-03"]
    assert (none["value"], none["reason"]) == (None, "no_units")
    await network.take(a_team("c", commune.unit_id, "subcommune"))
    stray = (await network.get(asked))["total"]["figures"]["NET-03"]
    assert (stray["value"], stray["numerator"], stray["reason"]) == (None, 1, "teams_not_placed")


async def test_communes_with_a_digital_ambassador_are_counted_once_each(made: Made, network: Network) -> None:
    communes = made.communes("11", END_2023)

    def duty(n: int, **days: date) -> dict[str, object]:
        return {"kind": "digital_ambassador", "unit_id": communes[n].unit_id, **days}

    await network.take(
        a_member("one", appointments=[duty(0), duty(1)]),
        a_member("two", appointments=[duty(1)]),
        a_member("over", appointments=[duty(2, to=date(2023, 12, 31))]),
    )
    told = (await network.get("on=2023-12-31&unit=11&indicators=NET-09"))["total"]["figures"]["NET-09"]
    assert (told["numerator"], told["denominator"]["value"]) == (2, 129)
    by_level = await network.get("on=2023-12-31&unit=11&indicators=NET-09&group_by=level")
    assert by_level["total"]["figures"]["NET-09"]["reason"] == "not_of_this_group"


async def test_members_trained_in_a_period_are_withheld_where_they_are_few(made: Made, network: Network) -> None:
    communes = made.communes("14", END_2023)[:3]
    trained = [{"course": "kỹ năng số", "completed_on": date(2023, 3, 1)}]
    await network.take(
        *(a_team(str(n), unit.unit_id) for n, unit in enumerate(communes)),
        *(
            a_member(f"m{n}", str(n % 3), trainings=trained if n in (0, 3, 6, 9, 12, 15, 1, 2, 5, 8) else [])
            for n in range(30)
        ),
    )
    asked = "on=2023-12-31&unit=14&indicators=NET-02,NET-10&group_by=unit:commune"
    exact = await network.rows(asked)
    assert [exact[unit.code]["NET-10"] for unit in communes] == [60, 10, 30]
    assert (await network.values(f"{asked}&from=2023-03-02"))["NET-10"] == 0
    shown = await network.get(asked, client="portal")
    rows = {row["unit"]["code"]: row["figures"] for row in shown["rows"]}
    assert [rows[unit.code]["NET-10"]["suppressed"] for unit in communes] == [False, True, True]
    assert [rows[unit.code]["NET-02"]["value"] for unit in communes] == [10, 10, 10]
    assert (rows[communes[1].code]["NET-10"]["value"], rows[communes[1].code]["NET-10"]["numerator"]) == (None, None)


async def test_teams_at_work_are_those_with_a_visit_that_still_counts(made: Made, network: Network) -> None:
    communes = made.communes("14", END_2023)
    await network.take(*(a_team(str(n), communes[n].unit_id) for n in range(4)))
    teams = [named("team", str(n)) for n in range(4)]
    await network.metrics.fold(
        a_record(1, a_line(1), reporter=teams[0], unit_id=communes[0].unit_id, day="2023-05-10"),
        a_record(2, a_line(1), reporter=teams[1], unit_id=communes[0].unit_id, day="2023-05-10"),
        a_record(2, reporter=teams[1], unit_id=communes[0].unit_id, day="2023-05-10", revision=2),
        a_record(3, a_line(1), reporter=teams[2], unit_id=communes[2].unit_id, day="2022-05-10"),
    )
    answer = await network.get("on=2023-12-31&unit=14&from=2023-01-01&to=2023-12-31")
    told = answer["total"]["figures"]["NET-11"]
    assert (told["value"], told["numerator"], told["denominator"]["value"]) == (25, 1, 4)
    assert answer["contract"]["data_revision"] is not None
    assert "NET-11" not in (await network.values("on=2023-12-31&unit=14"))
