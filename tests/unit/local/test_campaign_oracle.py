"""The oracle of the campaign against a case counted by hand."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.campaign import oracle
from deploy.local.campaign.oracle import Expected, Numbers
from deploy.local.campaign.sends import Batch, Campaign, Change, Json, Send, load_teams
from deploy.local.campaign.world import make_campaign

TEAMS_FILE = Path(__file__).parents[3] / "data" / "teams_sa_dec.csv"


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return make_campaign(load_teams(TEAMS_FILE))


@pytest.fixture(scope="module")
def expected(campaign: Campaign) -> Expected:
    return oracle.count(campaign.sends(), campaign.communes)


TINY_TEAMS = {"A": "c1", "B": "c2"}


def visit(name: str, team: str, *lines: Json, household: str | None = None) -> Send:
    numbered = [{"line": n, "measure": "M", **line} for n, line in enumerate(lines, 1)]
    row: Json = {"id": name, "team": team, "lines": numbered}
    if household is not None:
        row["household"] = {"ref": household}
    return Batch("app", "team", team, {"rows": [row]})


def install(name: str, **given: Any) -> Send:
    return Batch("telco", "partner", "p", {"rows": [{"id": name, "unit": "c1", "measure": "M", **given}]})


TINY: list[Send] = [
    visit("v1", "A", {"person": {"national_id": "N1", "phone": "0912 345 678"}}, {"quantity": 3}, household="H1"),
    visit("v2", "B", {"person": {"phone": "+84 912 345 678"}, "quantity": 2}, household="H1"),
    visit("v3", "B", {"person": {"national_id": "N1"}}, {"person": {"ref": "R"}}),
    visit("v4", "A", {"person": {"ref": "R"}}, {"receipt": "X"}, household="H1"),
    visit("v1", "A", {"person": {"national_id": "sent again"}}),
    visit("v5", "A", {"person": {"national_id": "N9"}}),
    Change("app", "void", "v5", {"id": "x"}),
    visit("v6", "B", {"person": {"national_id": "N7"}}, {"person": {"national_id": "N8"}}),
    Change(
        "app",
        "correct",
        "v6",
        {
            "team": "B",
            "lines": [
                {"line": 1, "measure": "M", "person": {"keep": True}},
                {"line": 2, "measure": "M", "person": {"national_id": "N1"}},
            ],
        },
    ),
    install("i1", person={"phone": "84912345678"}, receipt="X"),
    install("i2", person={"phone": "0999999999"}),
    install("i3"),
]


def test_the_oracle_counts_a_case_that_can_be_counted_by_hand() -> None:
    tiny = oracle.count(TINY, TINY_TEAMS)
    # Teams: N1 (v1, v3, v6), the phone (v2), B's R, A's R, X, N7; households A's H1 and B's H1.
    known = {"national_id": 2, "phone": 1, "ref": 2, "receipt": 1}
    assert tiny.by_kind["M", "team"] == Numbers(luot=12, nguoi=6, ho=2, unknown=3, known_by=known)
    assert tiny.by_kind["M", "partner"] == Numbers(
        luot=3, nguoi=2, ho=0, unknown=1, known_by={"national_id": 0, "phone": 2, "ref": 0, "receipt": 0}
    )
    assert (tiny.by_commune["M", "c1"].nguoi, tiny.by_commune["M", "c2"].nguoi) == (3, 4)
    # Together the phone of v2 and of i1 is one person; N1's phone is not what N1 counts under.
    assert (tiny.union["M"].nguoi, tiny.union["M"].luot, tiny.union["M"].unknown) == (7, None, None)
    # By any reference: N1 (its phone), the phone, X (the receipt) are i1's; i1 is theirs.
    assert tiny.matched["M"] == (3, 1)


def test_the_oracle_does_not_depend_on_the_order_of_lanes(campaign: Campaign, expected: Expected) -> None:
    backwards = [send for lane in reversed(campaign.lanes.values()) for send in lane]
    assert oracle.count(backwards, campaign.communes) == expected


@pytest.mark.parametrize("module", ["oracle", "sends", "world", "fieldwork", "people", "partners"])
def test_the_world_and_the_oracle_import_nothing_of_the_system(module: str) -> None:
    tree = ast.parse(Path(oracle.__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("deploy.local.campaign.") for name in foreign)
