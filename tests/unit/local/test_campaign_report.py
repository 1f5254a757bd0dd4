"""The report of the campaign: right numbers, and wrong ones by name."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deploy.local.campaign import oracle
from deploy.local.campaign.oracle import Expected, Numbers
from deploy.local.campaign.replay import Asked, Replayed
from deploy.local.campaign.report import write_report
from deploy.local.campaign.sends import Campaign, Json, load_teams
from deploy.local.campaign.world import make_campaign

TEAMS_FILE = Path(__file__).parents[3] / "data" / "teams_sa_dec.csv"


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return make_campaign(load_teams(TEAMS_FILE))


@pytest.fixture(scope="module")
def expected(campaign: Campaign) -> Expected:
    return oracle.count(campaign.sends(), campaign.communes)


def answer(numbers: Numbers, group: Json, **more: Any) -> Json:
    named = {name: getattr(numbers, name) for name in ("luot", "nguoi", "ho", "unknown", "known_by")}
    return {"group": group, **named, **more}


def right_answers(expected: Expected) -> dict[str, Json]:
    contract = {"boundaries": "as_recorded", "data_revision": "1.9", "as_of": None, "complete_through": None}
    matched = {
        measure: {"team_people": teams, "partner_people": partners}
        for measure, (teams, partners) in expected.matched.items()
    }
    kinds = [answer(n, {"measure": m, "reporter_kind": kind}) for (m, kind), n in expected.by_kind.items()]
    union = [answer(n, {"measure": m}, matched=matched[m]) for m, n in expected.union.items()]
    communes = [
        answer(n, {"measure": m, "unit:commune": code}, unit={"code": code, "name": "Xã Tân Khánh Đông"})
        for (m, code), n in expected.by_commune.items()
    ]
    total = answer(expected.all_measures, {})
    return {
        "by_kind": {"rows": kinds, "total": total, "contract": contract},
        "union": {"rows": union, "total": total, "contract": contract},
        "by_commune": {"rows": communes, "total": total, "contract": contract},
    }


def written(answers: dict[str, Json], expected: Expected) -> tuple[bool, str]:
    out = io.StringIO()
    replayed = Replayed(rows=Counter(accepted=1_876, duplicate=210), elapsed_seconds=2.5)
    right = write_report(Asked(answers, 0.21, 0.05), expected, replayed, out)
    return right, out.getvalue()


def test_right_answers_are_reported_as_right_within_100_columns(expected: Expected) -> None:
    right, text = written(right_answers(expected), expected)
    assert right
    assert max(map(len, text.splitlines())) <= 100
    assert "1.500" in text
    assert "Every number equals" in text


def test_one_wrong_number_is_named_and_makes_the_report_false(expected: Expected) -> None:
    answers = right_answers(expected)
    row = next(r for r in answers["by_kind"]["rows"] if r["group"] == {"measure": "FLD-07", "reporter_kind": "team"})
    people = row["nguoi"]
    row["nguoi"] += 1
    right, text = written(answers, expected)
    assert not right
    assert f"  FLD-07 người tổ: hệ thống {people + 1}, đối chiếu {people}\n" in text
    assert "1 numbers DIFFER" in text


@pytest.mark.parametrize("question", ["by_kind", "union", "by_commune"])
def test_a_missing_row_and_a_number_too_many_are_differences(expected: Expected, question: str) -> None:
    answers = right_answers(expected)
    del answers[question]["rows"][0]
    assert not written(answers, expected)[0]
    answers = right_answers(expected)
    answers[question]["rows"][0]["luot"] = 7
    assert not written(answers, expected)[0]


def test_the_total_of_the_communes_must_be_a_union(expected: Expected) -> None:
    answers = right_answers(expected)
    answers["by_commune"]["total"]["nguoi"] = sum(row["nguoi"] for row in answers["by_commune"]["rows"])
    right, text = written(answers, expected)
    assert not right
    assert "mọi chỉ số người tổ" in text


def test_luot_over_both_kinds_may_be_told_only_where_teams_alone_reported(expected: Expected) -> None:
    answers = right_answers(expected)
    rows = {row["group"]["measure"]: row for row in answers["union"]["rows"]}
    rows["FLD-10"]["luot"] = 400
    assert written(answers, expected)[0]
    rows["FLD-07"]["luot"] = 1_500
    assert not written(answers, expected)[0]
