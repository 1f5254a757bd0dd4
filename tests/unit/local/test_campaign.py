"""The campaign of Sa Đéc: its totals and its oddities."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.campaign import oracle
from deploy.local.campaign.check import QUESTIONS
from deploy.local.campaign.fieldwork import TOTALS
from deploy.local.campaign.oracle import Expected
from deploy.local.campaign.sends import Batch, Campaign, Change, Json, Send, Team, load_teams
from deploy.local.campaign.world import FAST_CLOCK, ROWS_PER_BATCH, make_campaign
from libs.contracts.metrics_api import MetricsQuery
from libs.contracts.registry import TeamV1
from libs.contracts.visits_api import BatchEnvelope, PartnerReportInput, VisitCorrection, VisitInput, Void

TEAMS_FILE = Path(__file__).parents[3] / "data" / "teams_sa_dec.csv"


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return make_campaign(load_teams(TEAMS_FILE))


@pytest.fixture(scope="module")
def expected(campaign: Campaign) -> Expected:
    return oracle.count(campaign.sends(), campaign.communes)


def batches(campaign: Campaign) -> list[Batch]:
    return [send for send in campaign.sends() if isinstance(send, Batch)]


def changes(campaign: Campaign) -> list[Change]:
    return [send for send in campaign.sends() if isinstance(send, Change)]


def rows(campaign: Campaign, kind: str) -> list[Json]:
    """Each row once."""
    return list({row["id"]: row for batch in batches(campaign) if batch.kind == kind for row in batch.rows}.values())


def lines(campaign: Campaign) -> Iterator[tuple[Json, Json]]:
    for row in rows(campaign, "team"):
        for line in row["lines"]:
            yield row, line


def day(row: Json, batch: Batch) -> str:
    return (datetime.fromisoformat(row["occurred_at"]) - batch.clock_ahead).date().isoformat()


def test_the_totals_hold_to_the_last_luot_after_the_correction_and_the_void(expected: Expected) -> None:
    assert {measure: expected.by_kind[measure, "team"].luot for measure in TOTALS} == TOTALS
    assert TOTALS == {"FLD-07": 1_500, "FLD-08": 1_800, "FLD-10": 400, "FLD-09": 800}


def test_the_totals_do_not_hold_without_the_correction_and_the_void(campaign: Campaign) -> None:
    raw = oracle.count(batches(campaign), campaign.communes)
    assert sum(raw.by_kind[measure, "team"].luot or 0 for measure in TOTALS) == 4_500 + 1 + 4


def test_the_campaign_is_the_same_on_every_run(campaign: Campaign) -> None:
    assert make_campaign(load_teams(TEAMS_FILE)).lanes == campaign.lanes
    assert make_campaign(load_teams(TEAMS_FILE), seed=1).lanes != campaign.lanes


def test_the_teams_are_46_in_nine_communes_and_all_of_them_work(campaign: Campaign) -> None:
    assert len({team.code for team in campaign.teams}) == 46
    assert {row["team"] for row in rows(campaign, "team")} == {team.code for team in campaign.teams}
    assert len(set(campaign.communes.values())) == 9


def test_the_teams_file_fits_the_contract() -> None:
    header, *teams = TEAMS_FILE.read_text(encoding="utf-8").splitlines()
    assert header == "code,name,type,level,unit_code,unit_valid_on,established_on"
    for line in teams:
        *name, kind, level, _, valid_on, established = line.removeprefix("SD-").split(",")
        assert name
        TeamV1.model_validate_json(
            json.dumps(
                {
                    "team_id": "0196cdd3-4fe0-7d80-8bfe-b51f35b2fcd0",
                    "revision": 1,
                    "code": line[:5],
                    "name": ",".join(name[1:]).strip('"'),
                    "type": kind,
                    "level": level,
                    "unit_id": "0196cdd3-4fe0-7d80-8bfe-b51f35b2fcd0",
                    "established_on": established,
                }
            )
        )
        assert valid_on == "2025-05-01"
        assert "2022-01-01" <= established <= "2023-12-31"


def test_every_send_fits_the_contract(campaign: Campaign) -> None:
    for batch in batches(campaign):
        envelope = {key: value for key, value in batch.body.items() if key != "rows"}
        BatchEnvelope.model_validate_json(json.dumps(envelope))
        contract = VisitInput if batch.kind == "team" else PartnerReportInput
        for row in batch.rows:
            contract.model_validate_json(json.dumps(row))
    for change in changes(campaign):
        (VisitCorrection if change.verb == "correct" else Void).model_validate_json(json.dumps(change.body))
    for question in QUESTIONS.values():
        MetricsQuery.model_validate_json(json.dumps(question))


def test_ids_are_shaped_like_uuid7_and_used_for_one_thing_only(campaign: Campaign) -> None:
    ids = [row["id"] for kind in ("team", "partner") for row in rows(campaign, kind)]
    ids += [change.body["id"] for change in changes(campaign)] + list(
        {batch.body["batch_id"] for batch in batches(campaign)}
    )
    assert len(ids) == len(set(ids))
    assert all(one[14] == "7" and one[19] in "89ab" for one in ids)


def test_every_day_lies_in_may_2025_once_the_fast_clock_is_known(campaign: Campaign) -> None:
    days = {day(row, batch) for batch in batches(campaign) for row in batch.rows}
    assert (min(days), max(days), len(days)) == ("2025-05-01", "2025-05-31", 31)


def test_no_batch_is_too_large_or_names_an_id_twice(campaign: Campaign) -> None:
    for batch in batches(campaign):
        ids = [row["id"] for row in batch.rows]
        assert len(ids) == len(set(ids)) <= ROWS_PER_BATCH


def test_three_lines_in_ten_name_nobody(campaign: Campaign) -> None:
    nobody = [not {"person", "receipt"} & line.keys() for _, line in lines(campaign)]
    assert 0.25 < sum(nobody) / len(nobody) < 0.35


def test_whoever_is_named_has_agreed_and_is_an_adult(campaign: Campaign) -> None:
    for row in [*rows(campaign, "team"), *rows(campaign, "partner")]:
        people = [line.get("person") or {} for line in row.get("lines", [row])]
        assert "consent" in row or not any(people)
        for number in filter(None, (person.get("national_id") for person in people)):
            assert len(number) == 12
            assert number.startswith("087")
            assert 1945 <= 1900 + 100 * (int(number[3]) // 2) + int(number[4:6]) <= 2006


def test_visits_have_one_to_five_lines_through_several_channels(campaign: Campaign) -> None:
    visits = rows(campaign, "team")
    assert {len(row["lines"]) for row in visits} == {1, 2, 3, 4, 5}
    channels = Counter(row["channel"] for row in visits)
    assert channels.keys() == {"door_to_door", "campaign", "community_meeting"}
    assert channels["door_to_door"] > len(visits) / 2
    assert sum("household" in row for row in visits) > len(visits) / 2
    assert sum(row.get("unit", row["team"]) not in (row["team"], campaign.communes[row["team"]]) for row in visits) > 5


def test_people_come_back_to_their_team_on_other_days(campaign: Campaign) -> None:
    days: dict[tuple[str, str], set[str]] = {}
    for row, line in lines(campaign):
        if number := (line.get("person") or {}).get("national_id"):
            days.setdefault((row["team"], number), set()).add(row["occurred_at"][:10])
    assert sum(len(one) > 1 for one in days.values()) > 200


def test_people_are_met_by_two_teams(campaign: Campaign) -> None:
    teams: dict[str, set[str]] = {}
    for row, line in lines(campaign):
        if number := (line.get("person") or {}).get("national_id"):
            teams.setdefault(number, set()).add(row["team"])
    assert sum(len(one) > 1 for one in teams.values()) > 50


def test_people_known_by_national_id_are_elsewhere_known_by_phone_only(campaign: Campaign) -> None:
    known: set[str] = set()
    by_phone: set[str] = set()
    for row, line in lines(campaign):
        references = oracle._references(line, row["team"])
        if "phone" in references:
            (known if "national_id" in references else by_phone).add(references["phone"])
    assert len(known & by_phone) > 200


def test_teams_use_the_same_references_for_different_people(campaign: Campaign) -> None:
    users: dict[str, set[str]] = {}
    for row, line in lines(campaign):
        if ref := (line.get("person") or {}).get("ref"):
            users.setdefault(ref, set()).add(row["team"])
    assert sum(len(teams) > 1 for teams in users.values()) > 10


def test_phones_are_written_in_many_ways(campaign: Campaign) -> None:
    phones = [phone for _, line in lines(campaign) if (phone := (line.get("person") or {}).get("phone"))]
    shapes = {"".join("9" if one.isdigit() else one for one in phone) + phone[:2] for phone in phones}
    assert len({shape[:-2] for shape in shapes}) == 5
    assert all(oracle._references({"person": {"phone": phone}}, "")["phone"][3:].isdigit() for phone in phones)


def test_rows_go_twice_in_batches_sent_again_and_in_later_batches(campaign: Campaign) -> None:
    sent = Counter(batch.body["batch_id"] for batch in batches(campaign))
    assert sum(times > 1 for times in sent.values()) > 5
    later: dict[str, set[str]] = {}
    for batch in batches(campaign):
        for row in batch.rows:
            later.setdefault(row["id"], set()).add(batch.body["batch_id"])
    assert sum(len(ids) > 1 for ids in later.values()) > 20


def test_one_visit_is_corrected_in_person_platform_and_quantity_and_keeps_the_others(campaign: Campaign) -> None:
    [correction] = [change for change in changes(campaign) if change.verb == "correct"]
    [before] = [row for row in rows(campaign, "team") if row["id"] == correction.record]
    [(was, now)] = [
        (was, now)
        for was, now in zip(before["lines"], correction.body["lines"], strict=True)
        if was["platform"] != now["platform"]
    ]
    assert was["person"]["national_id"] != now["person"].get("national_id")
    assert (was["quantity"], now["quantity"]) == (2, 1)
    assert any(line.get("person") == {"keep": True} for line in correction.body["lines"])
    assert not any("receipt" in line for line in before["lines"])


def test_one_visit_is_voided_and_then_sent_again(campaign: Campaign) -> None:
    [void] = [change for change in changes(campaign) if change.verb == "void"]
    lane: list[Send] = next(list(lane) for lane in campaign.lanes.values() if void in lane)
    again = lane[lane.index(void) + 1]
    assert isinstance(again, Batch)
    assert [row["id"] for row in again.rows] == [void.record]


def test_some_days_are_synced_late_and_out_of_order(campaign: Campaign) -> None:
    late = 0
    for lane in campaign.lanes.values():
        newest, seen = "", set()
        for batch in lane:
            new = [row for row in batch.rows if row["id"] not in seen] if isinstance(batch, Batch) else []
            late += any(row["occurred_at"][:10] < newest for row in new) and bool(new)
            seen |= {row["id"] for row in new}
            newest = max([newest, *(row["occurred_at"][:10] for row in new)])
    assert late > 5


def test_one_device_is_two_days_fast(campaign: Campaign) -> None:
    fast = {batch.body["device"]: batch for batch in batches(campaign) if batch.clock_ahead}
    assert len(fast) == 1
    assert timedelta(days=2) == FAST_CLOCK
    assert sum(len(batch.rows) for batch in batches(campaign) if batch.clock_ahead) > 5


def test_every_lane_says_at_its_end_that_may_is_sent_and_one_says_it_with_no_rows(campaign: Campaign) -> None:
    for lane in campaign.lanes.values():
        told = [batch for batch in lane if isinstance(batch, Batch) and "synced_through" in batch.body]
        assert len(told) == 1
        assert told[0] is [batch for batch in lane if isinstance(batch, Batch)][-1]
        synced = datetime.fromisoformat(told[0].body["synced_through"]) - told[0].clock_ahead
        assert synced.isoformat() == "2025-06-01T00:00:00+07:00"
    [empty] = [batch for batch in batches(campaign) if not batch.rows]
    assert empty.body["reporter"] == empty.reporter


def test_partners_know_people_by_one_thing_and_report_partly_the_same_people(expected: Expected) -> None:
    for measure, platform_kinds in (("FLD-07", {"phone"}), ("FLD-08", {"phone", "national_id"})):
        partner = expected.by_kind[measure, "partner"]
        assert {kind for kind, people in partner.known_by.items() if people} - {"receipt"} == platform_kinds
        assert all(0 < both < partner.nguoi for both in expected.matched[measure])


def test_teams_read_from_the_file_are_plain_values() -> None:
    assert load_teams(TEAMS_FILE)[0] == Team("SD-01", "29905")
