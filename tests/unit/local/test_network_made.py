"""The networks of the demonstration: as many teams and members as the press counted, and a report that can be wrong."""

import csv
import io
from collections import Counter
from typing import Any

import pytest

from deploy.local.network.bring import Brought
from deploy.local.network.made import BAC_KAN, DIEN_BIEN, NETWORKS, SON_LA, Network, members_file, teams_file
from deploy.local.network.report import BEFORE, Told, write

Json = dict[str, Any]
COMMUNES = [(f"{number:05}", f"Xã {number}") for number in range(1, 130)]


def read(content: bytes) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig")
    title, _, table = text.partition("\r\n")
    assert title.strip(";").isupper()
    return list(csv.DictReader(io.StringIO(table), delimiter=";"))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_list_has_as_many_teams_and_members_by_level_as_the_press_counted(network: Network) -> None:
    teams, members = read(teams_file(network, COMMUNES)), read(members_file(network, COMMUNES))
    level_of = {team["Mã tổ"]: team["Cấp"] for team in teams}
    assert Counter(level_of.values()) == Counter(
        {"cấp xã": network.commune.teams, "cấp thôn": network.subcommune.teams}
    )
    assert Counter(level_of[member["Mã tổ"]] for member in members) == Counter(
        {"cấp xã": network.commune.members, "cấp thôn": network.subcommune.members}
    )
    assert len({member["Mã thành viên"] for member in members}) == network.members
    assert min(Counter(member["Mã tổ"] for member in members).values()) >= 3


def test_the_seeds_counts_are_met() -> None:
    assert [(network.teams, network.members) for network in (SON_LA, BAC_KAN)] == [(3_090, 15_902), (1_247, 6_207)]
    officers = [member for member in read(members_file(DIEN_BIEN, COMMUNES)) if member["Chức vụ"]]
    assert (DIEN_BIEN.teams, len(officers)) == (129, 159)
    assert {team["Mã xã"] for team in read(teams_file(DIEN_BIEN, COMMUNES))} == {code for code, _ in COMMUNES}


def test_nobody_in_a_list_is_called_by_a_number_that_a_name_cannot_have() -> None:
    names = [member["Họ và tên"] for member in read(members_file(SON_LA, COMMUNES))]
    assert len(set(names)) == len(names)
    assert not any(letter.isdigit() for name in names for letter in name)


def figures(teams: int, members: int, officers: int = 0) -> Json:
    told = {"NET-01": teams, "NET-02": members, "NET-07": officers}
    return {"figures": {code: {"value": value} for code, value in told.items()}}


def networks() -> dict[str, Json]:
    answers: dict[str, Json] = {}
    for network in NETWORKS:
        sizes = {"commune": network.commune, "subcommune": network.subcommune}
        rows = [
            {"group": {"level": level}, **figures(size.teams, size.members)}
            for level, size in sizes.items()
            if size.teams
        ]
        answers[network.prefix] = {"rows": rows, "total": figures(network.teams, network.members, network.officers)}
    return answers


def right() -> dict[str, Json]:
    def row(name: str) -> Json:
        group = {"measure": "FLD-07"}
        return {"group": group, "unit": {"name": name}, "unallocated": False, "luot": 7, "nguoi": 5}

    def said(number: str, place: str) -> Json:
        names = {"vi": "tổ", "en": "teams"}
        return {"id": number, "said_of": [{"name": place}], "text": {"vi": "129"}, "unit_names": names}

    total = {"luot": 7, "nguoi": 5}
    teams = [3] * 39 + [2] * 6
    return {
        f"sa_dec/{BEFORE}/commune": {"rows": [row("Phường 1")], "total": total},
        "sa_dec/current/commune": {"rows": [row("Phường Sa Đéc")], "total": total},
        f"sa_dec/{BEFORE}/district": {"rows": [row("Thành phố Sa Đéc")], "total": total},
        **networks(),
        "thai_nguyen": {"total": figures(BAC_KAN.teams, BAC_KAN.members)},
        "dien_bien/today": {"rows": [{"unallocated": False, **figures(each, 9)} for each in teams]},
        "said": {"statements": [said("3.01", "Sơn La"), said("4.01", "Bắc Kạn"), said("1.04", "Điện Biên")]},
    }


def report(answers: dict[str, Json]) -> tuple[bool, str]:
    out = io.StringIO()
    return write(Told(answers), {"Sơn La": Brought(rows=5, new=4, same=1, seconds=2)}, out), out.getvalue()


def test_right_numbers_are_reported_as_right() -> None:
    is_right, text = report(right())
    assert is_right
    assert "Every number is right" in text


def test_a_total_that_changes_with_the_map_is_named() -> None:
    answers = right()
    answers["sa_dec/current/commune"]["total"] = {"luot": 7, "nguoi": 6}
    is_right, text = report(answers)
    assert not is_right
    assert "tổng theo hai bản đồ" in text


def test_a_team_that_is_missing_in_a_province_of_today_is_named() -> None:
    answers = right()
    answers["thai_nguyen"] = {"total": figures(BAC_KAN.teams - 1, BAC_KAN.members)}
    is_right, text = report(answers)
    assert not is_right
    assert "Bắc Kạn trong Thái Nguyên" in text
