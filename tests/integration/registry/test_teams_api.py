"""Teams as an officer keeps them: founded, changed, consolidated, dissolved, taken over by others."""

import asyncio
from typing import Any

import pytest

from libs.common.db import transaction
from libs.contracts.teams_api import TeamAnswer, TeamDetail
from services.registry.domain.ids import record_id
from services.registry.use_cases import loading
from tests.integration.registry.conftest import Registry
from tests.support.http import Answer
from tests.support.network import Land, member_body, new_id, team_body, unit_id

HEADER = "code,name,type,level,unit_code,unit_valid_on,established_on\n"


def codes(answer: Answer) -> list[tuple[str, str]]:
    """Give what an answer names as wrong, with where."""
    return [(error["code"], error["pointer"]) for error in answer.json.get("errors", [])]


async def test_a_team_is_founded_and_founding_it_again_changes_nothing(registry: Registry, land: Land) -> None:
    body = team_body(establishment={"number": "15/QĐ-UBND", "signed_on": "2025-08-01", "issuer": "UBND phường"})
    first = TeamAnswer.model_validate_json((await land.post("/v1/teams", body)).body)
    rows = await registry.rows()
    again = TeamAnswer.model_validate_json((await land.post("/v1/teams", body)).body)
    assert (first.status, again.status) == ("created", "duplicate")
    assert first.team == again.team
    assert first.team.unit_id == unit_id("commune", "29905", "2025-07-01")
    assert await registry.rows() == rows
    other = await land.post("/v1/teams", {**body, "name": "Tổ khác"})
    assert (other.status, other.json["code"]) == (409, "id_reused")


async def test_of_two_who_change_a_team_one_is_told_how_it_is_now(land: Land) -> None:
    team = await land.team()
    at = f"/v1/teams/{team['team_id']}:change"
    answers = await asyncio.gather(
        *(land.post(at, {"id": new_id(), "replaces": 1, "name": f"Tổ {name}"}) for name in ("một", "hai"))
    )
    won, lost = sorted(answers, key=lambda answer: answer.status)
    assert (won.status, lost.status, lost.json["code"]) == (200, 409, "stale_revision")
    assert lost.json["record"] == won.json["team"]
    assert won.json["team"]["revision"] == 2


async def test_a_change_sent_again_is_made_once(registry: Registry, land: Land) -> None:
    team = await land.team()
    change = {"id": new_id(), "replaces": 1, "name": "Tổ số", "local_type_name": "Tổ CĐSCĐ"}
    at = f"/v1/teams/{team['team_id']}:change"
    assert (await land.post(at, change)).json["status"] == "changed"
    rows = await registry.rows()
    again = (await land.post(at, change)).json
    assert (again["status"], again["team"]["revision"]) == ("duplicate", 2)
    assert await registry.rows() == rows
    assert (await land.post(at, {**change, "name": "Tổ khác"})).json["code"] == "id_reused"
    same = (await land.post(at, {"id": new_id(), "replaces": 2, "name": "Tổ số"})).json
    assert (same["status"], same["team"]["revision"]) == ("same", 2)
    emptied = (await land.post(at, {"id": new_id(), "replaces": 2, "local_type_name": None})).json
    assert (emptied["team"]["local_type_name"], emptied["team"]["name"]) == (None, "Tổ số")


@pytest.mark.parametrize(
    ("values", "status", "wrong"),
    [
        ({"unit": "29908"}, 422, [("unit_abolished", "/unit")]),
        ({"unit": str(unit_id("commune", "29905"))}, 422, [("unit_abolished", "/unit")]),
        ({"unit": str(unit_id("commune", "29905", "2025-07-01")), "established_on": "2024-05-01"}, 422, None),
        ({"unit": "99999"}, 422, [("unknown_unit_code", "/unit")]),
        ({"unit": new_id()}, 422, [("unknown_unit", "/unit")]),
        ({"level": "province"}, 422, [("level_does_not_fit_unit", "/level")]),
        ({"established_on": "1999-01-01"}, 422, None),
        ({"name": "Tổ của anh Ba 0912345678"}, 422, [("identity_in_text", "/name")]),
        ({"contacts": [{"kind": "phone", "value": "12"}]}, 422, [("bad_contact", "/contacts/0/value")]),
        (
            {"contacts": [{"kind": "phone", "value": "0912 345 678"}]},
            422,
            [("mobile_not_confirmed", "/contacts/0/value")],
        ),
        ({"unit": "03646"}, 403, []),
    ],
)
async def test_what_is_wrong_with_a_team_is_named(
    registry: Registry, land: Land, values: dict[str, Any], status: int, wrong: list[tuple[str, str]] | None
) -> None:
    rows = await registry.rows()
    answer = await land.post("/v1/teams", team_body(**values))
    assert answer.status == status, answer.json
    assert wrong is None or codes(answer) == wrong
    assert await registry.rows() == rows


async def test_an_abolished_unit_is_named_with_the_day_of_its_end(land: Land) -> None:
    answer = await land.post("/v1/teams", team_body(unit="29908"))
    assert "Phường 2" in answer.json["vi"]
    assert "2025-07-01" in answer.json["vi"]
    then = await land.post("/v1/teams", team_body(unit="29908", established_on="2022-06-21"))
    assert then.json["team"]["unit_id"] == str(unit_id("commune", "29908"))


async def test_a_code_is_one_teams_within_its_province(land: Land) -> None:
    await land.team("T-1", unit="28249", established_on="2022-01-01")
    assert (await land.post("/v1/teams", team_body(code="T-1"))).json["code"] == "code_taken"
    # Before the merger the two provinces were two.
    await land.team("T-1", unit="29905", established_on="2022-01-01")
    await land.team("T-1", by="son-la", unit="03646")


async def test_a_members_number_is_not_published(land: Land) -> None:
    team = await land.team()
    await land.member(team["team_id"])
    contacts = [{"kind": "phone", "value": "1022"}, {"kind": "zalo", "value": "+84 912 345 678"}]
    body = {"id": new_id(), "replaces": 1, "contacts": contacts, "mobile_numbers_confirmed": True}
    answer = await land.post(f"/v1/teams/{team['team_id']}:change", body)
    assert codes(answer) == [("contact_is_a_members", "/contacts/1/value")]
    contacts[1]["value"] = "0987 654 321"
    told = (await land.post(f"/v1/teams/{team['team_id']}:change", {**body, "id": new_id()})).json["team"]
    assert [contact["value"] for contact in told["contacts"]] == ["1022", "0987 654 321"]
    renamed = await land.post(f"/v1/teams/{team['team_id']}:change", {"id": new_id(), "replaces": 2, "name": "Tổ số"})
    assert renamed.status == 200  # What was confirmed once is not asked for again.


async def test_a_teams_life_is_told_by_its_dates(land: Land) -> None:
    old, new = await land.team("T-1"), await land.team("T-2")
    at = f"/v1/teams/{old['team_id']}"
    early = await land.post(f"{at}:consolidate", {"id": new_id(), "replaces": 1, "on": "2025-07-15"})
    assert early.json["code"] == "change_before_beginning"
    decision = {"number": "40/QĐ-UBND", "signed_on": "2026-01-05"}
    told = {"id": new_id(), "replaces": 1, "on": "2026-01-05", "decision": decision, "name": "Tổ mới"}
    assert (await land.post(f"{at}:consolidate", told)).json["team"]["changes"][0]["kind"] == "consolidated"
    merged = {"id": new_id(), "replaces": 2, "on": "2026-03-01", "successors": [new["team_id"]]}
    assert (await land.post(f"{at}:succeed", merged)).json["team"]["dissolved_on"] == "2026-03-01"
    after = await land.post(f"{at}:dissolve", {"id": new_id(), "replaces": 3, "on": "2026-04-01"})
    assert after.json["code"] == "team_has_ended"
    days = {"2025-07-01": "planned", "2026-02-28": "active", "2026-03-01": "succeeded"}
    for day, status in days.items():
        assert (await land.get(f"{at}?on={day}")).json["status"] == status
    detail = TeamDetail.model_validate_json((await land.get(at)).body)
    assert [each.team.name for each in detail.revisions][::2] == ["Tổ mới", old["name"]]
    heir = TeamDetail.model_validate_json((await land.get(f"/v1/teams/{new['team_id']}")).body)
    assert [str(each) for each in heir.predecessors] == [old["team_id"]]


async def test_only_another_team_that_stands_can_take_over(land: Land) -> None:
    team, gone, abroad = await land.team("T-1"), await land.team("T-2"), await land.team("T-3", "son-la", unit="03646")
    await land.post(f"/v1/teams/{gone['team_id']}:dissolve", {"id": new_id(), "replaces": 1, "on": "2025-12-01"})
    successors = [team["team_id"], gone["team_id"], abroad["team_id"], new_id()]
    body = {"id": new_id(), "replaces": 1, "on": "2026-01-01", "successors": successors, "move_members": True}
    answer = await land.post(f"/v1/teams/{team['team_id']}:succeed", body)
    assert (answer.status, answer.json["code"]) == (422, "malformed")
    assert codes(answer) == [
        ("successor_repeated", "/successors/0"),
        ("team_not_active_on_day", "/successors/1"),
        ("unknown_team", "/successors/2"),
        ("unknown_team", "/successors/3"),
        ("one_successor_needed", "/move_members"),
    ]


async def test_members_leave_a_team_that_ends_or_go_over_to_its_successor(land: Land) -> None:
    one, two, three = await land.team("T-1"), await land.team("T-2"), await land.team("T-3")
    both = await land.member(one["team_id"])
    await land.post("/v1/members", member_body(three["team_id"]))
    other = await land.member(one["team_id"], person={"name": "Lê Văn Thử", "phone": None, "code": "TV-2"})
    merged = {"id": new_id(), "replaces": 1, "on": "2026-01-01", "successors": [two["team_id"]], "move_members": True}
    assert (await land.post(f"/v1/teams/{one['team_id']}:succeed", merged)).status == 200
    told = (await land.get(f"/v1/members/{both['member_id']}")).json["member"]
    assert [(each["team_id"], each["left_on"]) for each in told["memberships"]] == [
        (one["team_id"], "2026-01-01"),
        (three["team_id"], None),
        (two["team_id"], None),
    ]
    dissolved = {"id": new_id(), "replaces": 1, "on": "2026-02-01"}
    assert (await land.post(f"/v1/teams/{two['team_id']}:dissolve", dissolved)).status == 200
    told = (await land.get(f"/v1/members/{other['member_id']}")).json["member"]
    assert {each["left_on"] for each in told["memberships"]} == {"2026-01-01", "2026-02-01"}


async def test_teams_are_found_by_type_level_and_day(land: Land) -> None:
    await land.team("T-1")
    await land.team("T-2", type="volunteer_formation", level="subcommune")
    await land.team("T-3", unit="29905", established_on="2022-01-01")

    async def found(query: str) -> list[str]:
        answer = await land.get(f"/v1/teams?{query}", by="portal")
        assert answer.status == 200
        return sorted(team["code"] for team in answer.json["teams"])

    assert await found("unit=29905") == ["T-1", "T-2", "T-3"]
    assert await found("type=volunteer_formation") == ["T-2"]
    assert await found("level=commune&active_on=2025-07-31") == ["T-3"]
    assert await found("active_on=2021-01-01") == []
    assert (await land.get("/v1/teams?type=club")).json["code"] == "bad_parameter"


async def test_an_officer_of_elsewhere_meets_no_team(land: Land) -> None:
    team = await land.team()
    at = f"/v1/teams/{team['team_id']}"
    assert (await land.get(at, by="son-la")).json["code"] == "record_unknown"
    change = {"id": new_id(), "replaces": 1, "name": "Tổ"}
    assert (await land.post(f"{at}:change", change, by="tan-duong")).json["code"] == "record_unknown"
    assert (await land.post(f"{at}:change", change, by="portal")).json["code"] == "scope_missing"
    assert (await land.post(f"{at}:change", change, by="sa-dec")).status == 200


async def test_a_list_loaded_again_does_not_undo_what_officers_did(registry: Registry, land: Land) -> None:
    row = "T-9,Tổ khóm 1,community_digital_team,subcommune,29905,2025-08-01,2025-08-01\n"
    file = ("teams.csv", (HEADER + row).encode())
    assert await registry.load(loading.load_teams, file) == [loading.Loaded("teams", 1, 1, 0)]
    team_id = record_id("team", "T-9")
    await land.post(f"/v1/teams/{team_id}:dissolve", {"id": new_id(), "replaces": 1, "on": "2026-01-01"})
    assert await registry.load(loading.load_teams, file) == [loading.Loaded("teams", 1, 0, 0)]
    corrected = ("teams.csv", (HEADER + row.replace("khóm 1", "khóm 2")).encode())
    assert await registry.load(loading.load_teams, corrected) == [loading.Loaded("teams", 1, 0, 1)]
    told = (await land.get(f"/v1/teams/{team_id}")).json["team"]
    assert (told["name"], told["dissolved_on"]) == ("Tổ khóm 2", "2026-01-01")


async def test_a_list_meets_a_team_that_an_officer_founded_and_no_other_provinces(
    registry: Registry, land: Land
) -> None:
    team = await land.team("T-1")
    rows = (
        "T-1,Tổ số,community_digital_team,commune,29905,2025-08-01,2025-08-01\n",
        "T-1,Tổ Tô Hiệu,community_digital_team,commune,03646,2025-08-01,2025-08-01\n",
    )
    loaded = [await registry.load(loading.load_teams, ("t.csv", (HEADER + row).encode())) for row in rows]
    assert loaded == [[loading.Loaded("teams", 1, 0, 1)], [loading.Loaded("teams", 1, 1, 0)]]
    assert (await land.get(f"/v1/teams/{team['team_id']}")).json["team"]["name"] == "Tổ số"
    assert len((await land.get("/v1/teams?code=T-1", by="operator")).json["teams"]) == 2


async def test_every_change_says_who_made_it(registry: Registry, land: Land) -> None:
    team = await land.team(by="sa-dec")
    async with transaction(registry.engine) as connection:
        row = await connection.fetchrow("SELECT client_id, action, object_id FROM audit")
    assert row is not None
    assert tuple(row) == ("sa-dec", "team.created", team["team_id"])
