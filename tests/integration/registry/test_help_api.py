"""Rosters, waves and models as an officer keeps them, and what anybody is told of who helps where and when."""

import asyncio
from typing import Any

import pytest

from libs.contracts.help_api import HelpAnswer, RosterPage
from services.registry.use_cases import loading
from tests.integration.registry.conftest import DATA, Registry
from tests.support.http import Answer, call
from tests.support.network import Land, member_body, new_id, unit_id

MORNING = {"weekday": 1, "opens": "07:30", "closes": "11:30"}
AFTERNOON = {"weekday": 1, "opens": "13:30", "closes": "17:00"}
MONDAY = "2025-09-01"


def roster_body(**values: Any) -> dict[str, Any]:
    """Give the body of a one-stop office's roster."""
    place = "Trung tâm phục vụ hành chính công"
    body = {"id": new_id(), "kind": "one_stop_office", "unit": "29905", "place": place, "valid_from": "2025-08-01"}
    return {**body, "duties": [AFTERNOON, MORNING], **values}


def wave_body(**values: Any) -> dict[str, Any]:
    """Give the body of a campaign wave."""
    days = {"first_day": "2025-09-06", "last_day": "2025-09-07"}
    return {"id": new_id(), "name": "Ra quân", "unit": "29905", "place": "Quảng trường", **days, **values}


async def help_at(land: Land, query: str, **headers: str) -> Answer:
    """Ask as anybody does: without a token."""
    return await call(land.app, "GET", f"/v1/help?{query}", headers=headers)


async def told(land: Land, query: str) -> HelpAnswer:
    """Give what anybody is told."""
    answer = await help_at(land, query)
    assert answer.status == 200, answer.json
    return HelpAnswer.model_validate_json(answer.body)


def codes(answer: Answer) -> list[tuple[str, str]]:
    """Give what an answer names as wrong, with where."""
    return [(error["code"], error["pointer"]) for error in answer.json.get("errors", [])]


async def test_anybody_is_told_who_helps_and_when_and_nothing_of_a_person(land: Land) -> None:
    team = await land.team(contacts=[{"kind": "phone", "value": "0277 3861 234"}])
    member = await land.member(team["team_id"])
    roster = roster_body(members=[member["member_id"]], teams=[team["team_id"]])
    assert (await land.post("/v1/rosters", roster)).json["status"] == "created"
    await land.post("/v1/waves", wave_body())
    found = await told(land, f"unit=29905&on={MONDAY}")
    assert [(each.name, each.contacts[0].value) for each in found.teams] == [(team["name"], "0277 3861 234")]
    hours = [(str(each.day), [h.opens for h in each.hours]) for each in found.places[0].days]
    assert hours[:2] == [(MONDAY, ["07:30", "13:30"]), ("2025-09-02", [])]
    assert len(hours) == 7
    assert [wave.name for wave in found.waves] == ["Ra quân"]
    assert found.texts.vi == [
        "Hỗ trợ công nghệ số tại Phường Sa Đéc, thứ Hai 1/9/2025:",
        "Trung tâm phục vụ hành chính công: mở 07:30–11:30 và 13:30–17:00.",
        f"{team['name']}: 0277 3861 234.",
        "Đợt ra quân “Ra quân” tại Quảng trường: từ 6/9/2025 đến 7/9/2025.",
    ]
    answer = await help_at(land, f"unit=29905&on={MONDAY}")
    assert member["member_id"] not in answer.body.decode()
    assert answer.headers["cache-control"] == "public, max-age=60"
    again = await help_at(land, f"unit=29905&on={MONDAY}", **{"if-none-match": answer.headers["etag"]})
    assert again.status == 304


async def test_a_closed_day_says_when_it_opens_again(land: Land) -> None:
    special = {"day": "2025-09-08", "opens": "09:00", "closes": "10:00"}
    await land.post("/v1/rosters", roster_body(duties=[MORNING, AFTERNOON, special]))
    tuesday = await told(land, "unit=29905&on=2025-09-02")
    assert tuesday.texts.vi[1].endswith("nghỉ, mở lại thứ Hai 8/9/2025, 09:00–10:00.")
    assert (await told(land, "unit=29905&on=2025-07-20")).texts.vi[1].endswith("nghỉ trong bảy ngày tới.")


async def test_where_nothing_was_published_the_authority_is_named(land: Land) -> None:
    found = await told(land, f"unit=29929&on={MONDAY}")
    assert (found.teams, found.places) == ([], [])
    assert "Ủy ban nhân dân Xã Tân Dương" in found.texts.vi[1]


async def test_an_old_code_is_answered_for_where_it_is_now(land: Land) -> None:
    await land.post("/v1/rosters", roster_body())
    old = await told(land, f"unit=29908&on={MONDAY}")
    assert old.unit is not None
    assert (old.asked.name, old.unit.name, len(old.places)) == ("Phường 2", "Phường Sa Đéc", 1)
    by_id = await told(land, f"unit={unit_id('commune', '29905')}&on={MONDAY}")
    by_list = await told(land, f"unit=29905&codes_as_of=2025-01-01&on={MONDAY}")
    assert by_id.unit == by_list.unit == old.unit
    assert by_list.asked.name == "Phường 1"


async def test_a_divided_unit_is_not_guessed(land: Land) -> None:
    found = await told(land, f"unit=29911&on={MONDAY}")
    assert (found.status, found.unit) == ("divided", None)
    assert [each.name for each in found.candidates] == ["Phường Sa Đéc", "Xã Tân Dương"]
    assert "Hãy chọn" in found.texts.vi[0]


async def test_teams_of_old_units_and_waves_of_the_whole_province_are_told(land: Land) -> None:
    await land.team("T-1", unit="29908", established_on="2022-06-21", level="subcommune")
    await land.team("T-2", unit="29929")
    await land.post("/v1/waves", wave_body(unit="82", name="Ra quân toàn tỉnh", first_day="2025-09-05"))
    cancelled = (await land.post("/v1/waves", wave_body(name="Hủy"))).json["wave"]
    body = {"id": new_id(), "replaces": 1, "cancelled": True}
    assert (await land.post(f"/v1/waves/{cancelled['wave_id']}:change", body)).json["status"] == "changed"
    found = await told(land, f"unit=29905&on={MONDAY}")
    assert [team.unit for team in found.teams] == ["Phường 2"]
    assert [wave.name for wave in found.waves] == ["Ra quân toàn tỉnh"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bad_parameter"),
        ("unit=99999", "unknown_unit"),
        ("unit=82", "help_too_wide"),
        ("unit=867", "help_too_wide"),
        ("unit=29905&on=today", "bad_parameter"),
        ("unit=29905&colour=red", "bad_parameter"),
    ],
)
async def test_what_cannot_be_answered_says_why(land: Land, query: str, code: str) -> None:
    answer = await help_at(land, query)
    assert (answer.status, answer.json["code"]) == (422, code)


@pytest.mark.parametrize(
    ("noun", "values", "wrong"),
    [
        ("roster", {"duties": [{**MORNING, "closes": "07:00"}]}, ("closes_before_opening", "/duties/0/closes")),
        ("roster", {"duties": [MORNING, {**MORNING, "opens": "11:00"}]}, ("duties_overlap", "/duties/1")),
        ("roster", {"duties": [{**MORNING, "day": "2025-09-01"}]}, ("weekday_or_day", "/duties/0")),
        ("roster", {"duties": []}, ("too_short", "/duties")),
        ("roster", {"valid_to": "2025-07-01"}, ("range_reversed", "/valid_to")),
        ("roster", {"unit": "29908"}, ("unit_abolished", "/unit")),
        ("roster", {"place": "Nhà bà Tư 0912.345.678"}, ("identity_in_text", "/place")),
        ("roster", {"members": ["0196b6d0-0000-7000-8000-00000000ffff"]}, ("unknown_member", "/members/0")),
        ("wave", {"last_day": "2025-09-01"}, ("day_out_of_range", "/last_day")),
        ("wave", {"teams": ["0196b6d0-0000-7000-8000-00000000ffff"]}, ("unknown_team", "/teams/0")),
        ("wave", {"partners": ["0196b6d0-0000-7000-8000-00000000ffff"]}, ("unknown_partner", "/partners/0")),
        ("wave", {"topics": ["dancing"]}, ("unknown_topic", "/topics/0")),
        ("model", {"ended_on": "2025-10-10"}, ("range_reversed", "/ended_on")),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_kept(
    registry: Registry, land: Land, noun: str, values: dict[str, Any], wrong: tuple[str, str]
) -> None:
    model = {"id": new_id(), "kind": "digital_market", "name": "Chợ", "unit": "29905", "launched_on": "2025-10-10"}
    body = {"roster": roster_body(), "wave": wave_body(), "model": model}[noun]
    rows = await registry.rows()
    answer = await land.post(f"/v1/{noun}s", {**body, **values})
    assert (answer.status, codes(answer)) == (422, [wrong])
    assert await registry.rows() == rows


async def test_records_are_made_once_and_changed_by_one_at_a_time(registry: Registry, land: Land) -> None:
    body = roster_body()
    assert (await land.post("/v1/rosters", body)).json["status"] == "created"
    assert (await land.post("/v1/rosters", body)).json["status"] == "duplicate"
    assert (await land.post("/v1/rosters", {**body, "place": "Nơi khác"})).json["code"] == "id_reused"
    at = f"/v1/rosters/{body['id']}:change"
    answers = await asyncio.gather(
        *(land.post(at, {"id": new_id(), "replaces": 1, "place": f"Nơi {name}"}) for name in ("một", "hai"))
    )
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert (await land.post(at, {"id": new_id(), "replaces": 2, "place": "x"}, by="son-la")).status == 404


async def test_rosters_waves_and_models_are_listed_by_unit_and_day(registry: Registry, land: Land) -> None:
    await registry.load(loading.load_partners, ("partners.toml", (DATA / "partners.toml").read_bytes()))
    await land.post("/v1/rosters", roster_body(valid_to="2026-01-01"))
    await land.post("/v1/rosters", roster_body(unit="28249"))
    await land.post("/v1/waves", wave_body())
    model = {"id": new_id(), "kind": "cashless_street", "name": "Phố", "unit": "29929", "launched_on": "2025-10-10"}
    assert (await land.post("/v1/models", model)).json["status"] == "created"

    async def count(path: str, by: str = "portal") -> int:
        answer = await land.get(path, by)
        assert answer.status == 200
        return sum(len(rows) for rows in answer.json.values() if isinstance(rows, list))

    assert await count("/v1/rosters") == 2
    assert await count("/v1/rosters?unit=29905") == 1
    assert await count("/v1/rosters?unit=29905&on=2026-01-01") == 0
    assert await count("/v1/rosters", by="tan-duong") == 0
    assert await count("/v1/waves?on=2025-09-07") == 1
    assert await count("/v1/waves?on=2025-09-08") == 0
    assert await count("/v1/models?unit=82") == 1
    page = RosterPage.model_validate_json((await land.get("/v1/rosters?limit=1")).body)
    rest = RosterPage.model_validate_json((await land.get(f"/v1/rosters?limit=1&cursor={page.next}")).body)
    assert {each.roster_id for each in (*page.rosters, *rest.rosters)} == {
        each.roster_id for each in RosterPage.model_validate_json((await land.get("/v1/rosters")).body).rosters
    }


async def test_a_members_number_is_not_put_on_a_roster(land: Land) -> None:
    team = await land.team()
    await land.post("/v1/members", member_body(team["team_id"]))
    contacts = [{"kind": "phone", "value": "0912345678"}]
    plain = await land.post("/v1/rosters", roster_body(contacts=contacts))
    assert codes(plain) == [("mobile_not_confirmed", "/contacts/0/value")]
    confirmed = await land.post("/v1/rosters", roster_body(contacts=contacts, mobile_numbers_confirmed=True))
    assert codes(confirmed) == [("contact_is_a_members", "/contacts/0/value")]
