"""Members as an officer keeps them: met again, in teams over time, named in their own unit only."""

import asyncio
from datetime import date
from typing import Any

import pytest

from libs.common.db import transaction
from libs.contracts.members_api import MemberAnswer, MemberPage, MemberView
from tests.integration.registry.conftest import Registry
from tests.support.network import Land, member_body, new_id, unit_id


def codes(answer: Any) -> list[tuple[str, str]]:
    """Give what an answer names as wrong, with where."""
    return [(error["code"], error["pointer"]) for error in answer.json.get("errors", [])]


async def test_a_person_in_two_teams_is_one_member(land: Land) -> None:
    one, two = await land.team("T-1"), await land.team("T-2", unit="28249")
    first = MemberAnswer.model_validate_json((await land.post("/v1/members", member_body(one["team_id"]))).body)
    by_code = member_body(two["team_id"], role="leader", person={"name": "TRAN THI MAU DON", "phone": None})
    second = MemberAnswer.model_validate_json((await land.post("/v1/members", by_code)).body)
    by_name = member_body(two["team_id"], role="leader", person={"code": None, "phone": "+84 912.345.678"})
    third = MemberAnswer.model_validate_json((await land.post("/v1/members", by_name)).body)
    assert (first.status, second.status, third.status) == ("created", "recognised", "recognised")
    assert first.member.member_id == second.member.member_id == third.member.member_id
    assert {(str(each.team_id), each.role) for each in third.member.memberships} == {
        (one["team_id"], "member"),
        (two["team_id"], "leader"),
    }


async def test_another_province_has_members_of_its_own(land: Land) -> None:
    here, there = await land.team("T-1"), await land.team("T-1", by="son-la", unit="03646")
    one, other = await land.member(here["team_id"]), await land.member(there["team_id"], by="son-la")
    assert one["member_id"] != other["member_id"]


async def test_a_code_under_another_name_is_not_taken_for_the_same_person(land: Land) -> None:
    team = await land.team()
    known = await land.member(team["team_id"])
    other = member_body(team["team_id"], person={"name": "Lê Văn Khác"})
    answer = await land.post("/v1/members", other)
    assert codes(answer) == [("member_name_differs", "/person/name")]
    renamed = await land.post("/v1/members", {**other, "id": new_id(), "rename": True})
    assert (renamed.json["status"], renamed.json["member"]["member_id"]) == ("recognised", known["member_id"])
    view = (await land.get(f"/v1/members/{known['member_id']}?names=true", by="sa-dec")).json
    assert view["person"]["name"] == "Lê Văn Khác"
    clash = await land.post("/v1/members", member_body(team["team_id"], person={"name": "Lê Văn Khác", "code": "TV-2"}))
    assert codes(clash) == [("member_code_differs", "/person/code")]


async def test_registering_again_changes_nothing(registry: Registry, land: Land) -> None:
    team = await land.team()
    body = member_body(team["team_id"])
    assert (await land.post("/v1/members", body)).json["status"] == "created"
    rows = await registry.rows()
    assert (await land.post("/v1/members", body)).json["status"] == "duplicate"
    assert (await land.post("/v1/members", {**body, "id": new_id()})).json["status"] == "recognised"
    assert await registry.rows() == rows
    other = {**body, "person": {**body["person"], "name": "Lê Văn Khác"}}
    assert (await land.post("/v1/members", other)).json["code"] == "id_reused"


async def test_two_who_register_one_person_at_once_make_one_member(land: Land) -> None:
    team = await land.team()
    answers = await asyncio.gather(*(land.post("/v1/members", member_body(team["team_id"])) for _ in range(4)))
    assert sorted(answer.json["status"] for answer in answers) == ["created", *["recognised"] * 3]
    assert len({answer.json["member"]["member_id"] for answer in answers}) == 1


async def test_of_two_who_change_a_phone_one_is_told(land: Land) -> None:
    team = await land.team()
    member = await land.member(team["team_id"])
    at = f"/v1/members/{member['member_id']}:change"
    person = {"name": "Trần Thị Mẫu Đơn", "code": "TV-1"}
    answers = await asyncio.gather(
        *(land.post(at, {"id": new_id(), "replaces": 1, "person": {**person, "phone": f"091234567{n}"}}) for n in "01")
    )
    won, lost = sorted(answers, key=lambda answer: answer.status)
    assert (won.status, lost.status, lost.json["record"]) == (200, 409, won.json["member"])
    assert "person" not in lost.json["record"]


async def test_a_members_time_is_told_step_by_step(land: Land) -> None:
    team = await land.team()
    member = await land.member(team["team_id"], affiliations=["youth_union"])
    at = f"/v1/members/{member['member_id']}"
    steps: list[tuple[str, dict[str, Any]]] = [
        ("train", {"course": "Kỹ năng số", "completed_on": "2025-09-20"}),
        ("appoint", {"kind": "digital_ambassador", "unit": "29905", "from": "2025-09-01"}),
        ("join", {"team_id": team["team_id"], "role": "leader"}),
        ("change", {"posts": [{"post": "youth_union_secretary", "from": "2025-07-01"}]}),
        ("leave", {"team_id": team["team_id"], "left_on": "2026-01-01"}),
        ("appoint", {"kind": "digital_ambassador", "unit": "29905", "from": "2025-09-01", "to": "2026-02-01"}),
    ]
    for revision, (step, body) in enumerate(steps, start=1):
        answer = await land.post(f"{at}:{step}", {"id": new_id(), "replaces": revision, **body})
        assert answer.json.get("status") == "changed", answer.json
    told = MemberView.model_validate_json((await land.get(at)).body).member
    assert told.revision == 7
    assert [(each.role, each.left_on) for each in told.memberships] == [("leader", date(2026, 1, 1))]
    assert [each.to for each in told.appointments] == [date(2026, 2, 1)]
    assert (told.affiliations, told.posts[0].post, told.trainings[0].course) == (
        ["youth_union"],
        "youth_union_secretary",
        "Kỹ năng số",
    )


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"person": {"birth_year": 1880}}, ("member_too_old", "/person/birth_year")),
        ({"person": {"birth_year": None, "birth_date": "2999-01-01"}}, ("born_in_the_future", "/person/birth_date")),
        ({"person": {"birth_year": 2015}}, ("member_too_young", "/person/birth_year")),
        ({"person": {"birth_date": "1991-02-03"}}, ("birth_year_differs", "/person/birth_year")),
        ({"person": {"phone": "0112 345 678"}}, ("bad_phone", "/person/phone")),
        ({"person": {"name": "12345"}}, ("bad_name", "/person/name")),
        ({"joined_on": "2025-07-31"}, ("joined_before_team", "/joined_on")),
        ({"left_on": "2025-08-01"}, ("left_before_joined", "/left_on")),
        ({"trainings": [{"course": "Lớp", "completed_on": "2999-01-01"}]}, ("not_yet", "/trainings/0/completed_on")),
        ({"team_id": new_id()}, ("unknown_team", "/team_id")),
    ],
)
async def test_what_is_wrong_with_a_member_is_named_and_nothing_is_kept(
    registry: Registry, land: Land, values: dict[str, Any], wrong: tuple[str, str]
) -> None:
    team = await land.team()
    rows = await registry.rows()
    answer = await land.post("/v1/members", member_body(**{"team_id": team["team_id"], **values}))
    assert (answer.status, codes(answer)) == (422, [wrong])
    assert await registry.rows() == rows
    async with transaction(registry.engine) as connection:
        assert await connection.fetchval("SELECT count(*) FROM members") == 0


async def test_one_is_in_a_team_once_at_a_time(land: Land) -> None:
    team = await land.team()
    member = await land.member(team["team_id"], left_on="2026-01-01")
    at = f"/v1/members/{member['member_id']}"
    join = {"team_id": team["team_id"], "role": "member"}
    overlapping = await land.post(f"{at}:join", {"id": new_id(), "replaces": 1, **join, "joined_on": "2025-12-01"})
    assert codes(overlapping) == [("membership_overlaps", "/joined_on")]
    again = await land.post(f"{at}:join", {"id": new_id(), "replaces": 1, **join, "joined_on": "2026-02-01"})
    assert again.json["status"] == "changed"
    left = {"id": new_id(), "replaces": 2, "team_id": team["team_id"], "left_on": "2026-02-01"}
    assert codes(await land.post(f"{at}:leave", left)) == [("left_before_joined", "/left_on")]


async def test_names_are_seen_in_the_own_unit_only_and_each_look_is_noted(registry: Registry, land: Land) -> None:
    team = await land.team()
    member = await land.member(team["team_id"])
    at = f"/v1/members?team={team['team_id']}"
    plain = MemberPage.model_validate_json((await land.get(at, by="sa-dec")).body)
    assert [view.person for view in plain.members] == [None]
    named = await land.get(f"{at}&names=true", by="sa-dec")
    assert named.headers["cache-control"] == "private, no-store"
    (view,) = MemberPage.model_validate_json(named.body).members
    assert view.person is not None
    assert (view.person.name, view.person.phone) == ("Trần Thị Mẫu Đơn", "+84912345678")
    refusals = {
        "portal": "scope_missing",
        "operator": "names_need_a_unit",
        "tan-duong": "unknown_team",
        "son-la": "unknown_team",
    }
    for client, code in refusals.items():
        assert (await land.get(f"{at}&names=true", by=client)).json["code"] == code
        assert (await land.get(f"/v1/members/{member['member_id']}?names=true", by=client)).json["code"] in (
            code,
            "record_unknown",
        )
    async with transaction(registry.engine) as connection:
        noted = await connection.fetch("SELECT client_id, object_id FROM audit WHERE action = 'member.read'")
    assert [tuple(row) for row in noted] == [("sa-dec", member["member_id"])]


async def test_who_moved_on_is_named_in_the_new_unit_only(land: Land) -> None:
    here, there = await land.team("T-1"), await land.team("T-2", unit="29929")
    member = await land.member(here["team_id"], left_on="2026-01-01")
    last = f"/v1/members?team={here['team_id']}&on=2025-12-01&names=true"
    assert (await land.get(last, by="sa-dec")).json["members"][0]["person"] is not None
    await land.member(there["team_id"], joined_on="2026-01-01")
    told = (await land.get(last, by="sa-dec")).json["members"][0]
    assert (told["member"]["member_id"], told["person"]) == (member["member_id"], None)
    assert (await land.get(f"/v1/members/{member['member_id']}", by="sa-dec")).json["code"] == "record_unknown"
    now = await land.get(f"/v1/members?unit={unit_id('commune', '29929', '2025-07-01')}&names=true", by="tan-duong")
    assert now.json["members"][0]["person"]["name"] == "Trần Thị Mẫu Đơn"


async def test_members_are_listed_by_unit_page_by_page(land: Land) -> None:
    one, two = await land.team("T-1"), await land.team("T-2", unit="28249")
    for number in range(5):
        person = {"name": "Người Thử", "phone": None, "code": f"TV-{number}"}
        await land.member((one, two)[number % 2]["team_id"], person=person)
    seen: list[str] = []
    target = "/v1/members?unit=82&limit=2"
    while target:
        page = MemberPage.model_validate_json((await land.get(target)).body)
        seen += [str(view.member.member_id) for view in page.members]
        target = f"/v1/members?unit=82&limit=2&cursor={page.next}" if page.next else ""
    assert (len(seen), len(set(seen))) == (5, 5)
    assert len((await land.get("/v1/members?unit=29905", by="sa-dec")).json["members"]) == 3
    assert len((await land.get("/v1/members?unit=82", by="sa-dec")).json["members"]) == 3
    assert (await land.get("/v1/members?unit=28249", by="sa-dec")).json["members"] == []
    answer = await land.get("/v1/members?unit=82")
    assert (await land.get("/v1/members?unit=82", **{"if-none-match": answer.headers["etag"]})).status == 304


async def test_a_digital_ambassador_is_a_member_of_the_unit(land: Land) -> None:
    team = await land.team()
    member = await land.member(team["team_id"])
    body = {"kind": "digital_ambassador", "unit": "29929", "from": "2025-09-01"}
    at = f"/v1/members/{member['member_id']}:appoint"
    assert (await land.post(at, {"id": new_id(), "replaces": 1, **body}, by="sa-dec")).json["code"] == "outside_subtree"
    assert (await land.post(at, {"id": new_id(), "replaces": 1, **body})).json["status"] == "changed"
    there = await land.get("/v1/members?unit=29929&names=true", by="tan-duong")
    assert there.json["members"][0]["person"]["name"] == "Trần Thị Mẫu Đơn"
