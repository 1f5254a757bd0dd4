"""Teams, the catalogue, partners and clients as their files have them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from libs.common.files import BadFile
from libs.contracts import reference as bases
from libs.contracts import registry as contract
from libs.contracts.topics import TOPICS, type_of
from services.registry.domain import catalogue, clients, indicators, teams, units
from services.registry.domain.clients import Client, build_clients, build_partners, granted, read_clients
from services.registry.domain.units import UnitRef
from services.registry.events import event_of
from services.registry.wiring import topics

DATA = Path(__file__).parents[3] / "data"
TREE = [(name, (DATA / name).read_bytes()) for name in ("catalogue.toml", "indicators.toml")]
REFORM = date(2025, 7, 1)
WARD = UnitRef(UUID(int=1), "29905", None, REFORM)
SUCCESSOR = UnitRef(UUID(int=2), "29905", REFORM, None)
KNOWN = {"29905": [WARD, SUCCESSOR]}
HEADER = "code,name,type,level,unit_code,unit_valid_on,established_on\n"
TEAM = "T1,Tổ 1,community_digital_team,subcommune,29905,2025-05-01,2022-03-13\n"


def test_words_of_the_domain_are_those_of_the_contract() -> None:
    assert units.LEVELS == contract.LEVELS
    assert clients.SCOPES == contract.SCOPES
    assert clients.CLIENT_KINDS == contract.CLIENT_KINDS
    assert (indicators.BASES, indicators.INDICATOR_KINDS) == (bases.DENOMINATOR_BASES, bases.INDICATOR_KINDS)
    assert (indicators.AGGREGATIONS, indicators.OBSERVATION_KINDS) == (bases.AGGREGATIONS, bases.OBSERVATION_KINDS)
    assert get_args(contract.UnitOfCount) == catalogue.UNITS_OF_COUNT
    assert get_args(contract.TeamV1.model_fields["type"].annotation) == teams.TEAM_TYPES
    assert get_args(contract.PartnerV1.model_fields["kind"].annotation) == clients.PARTNER_KINDS


def test_every_event_of_the_registry_has_its_topic() -> None:
    carried = {type_of(each) for topic in TOPICS if topic.owner == "registry" for each in topic.carries}
    assert set(topics()) == carried


def test_the_teams_of_sa_dec_are_read() -> None:
    rows = teams.read_teams("t.csv", (DATA / "teams_sa_dec.csv").read_bytes())
    codes = {row.text("unit_code") for row in rows}
    built = teams.build_teams(rows, {code: [UnitRef(UUID(int=1), code, None, REFORM)] for code in codes})
    assert len(built) == 46
    assert len(codes) == 9


def test_a_teams_unit_is_found_by_code_and_day() -> None:
    then = teams.build_teams(teams.read_teams("t.csv", (HEADER + TEAM).encode()), KNOWN)
    now = teams.build_teams(teams.read_teams("t.csv", (HEADER + TEAM.replace("2025-05", "2025-08")).encode()), KNOWN)
    assert (then[0].unit_id, now[0].unit_id) == (WARD.unit_id, SUCCESSOR.unit_id)
    assert then[0].record_id == now[0].record_id


@pytest.mark.parametrize(
    ("wrong", "place", "column"),
    [
        (TEAM.replace("29905", "29906"), "2", "unit_code"),
        (TEAM.replace("2025-05-01", ""), "2", "unit_valid_on"),
        (TEAM.replace("subcommune", "hamlet"), "2", "level"),
        (TEAM.replace("community_digital_team", "team"), "2", "type"),
        (TEAM.replace("Tổ 1", ""), "2", "name"),
        (TEAM.replace("2022-03-13", "2022-02-30"), "2", "established_on"),
        (TEAM.replace("T1", "T 1"), "2", "code"),
        (TEAM + TEAM, "3", "code"),
        (TEAM.replace("Tổ 1", "Tổ\x00"), "2", "name"),
    ],
)
def test_a_wrong_team_is_named_by_line_and_column(wrong: str, place: str, column: str) -> None:
    with pytest.raises(BadFile) as raised:
        teams.build_teams(teams.read_teams("t.csv", (HEADER + wrong).encode()), KNOWN)
    assert [(mistake.place, mistake.column) for mistake in raised.value.mistakes] == [(place, column)]


def test_the_catalogue_of_the_tree_is_whole() -> None:
    read = catalogue.build(*TREE)
    measures = {measure.code: measure for measure in read.measures}
    assert list(measures) == ["FLD-01", *(f"FLD-{number:02}" for number in range(4, 17))]
    assert measures["FLD-05"].stages == ("installed", "registered", "activated", "integrated")
    assert measures["FLD-12"].valid_to == date(2026, 10, 1)
    platforms = {platform.code: platform for platform in read.platforms}
    assert "e-ĐongThap" in platforms["e-dongthap"].aliases
    assert platforms["dvc-tinh"].valid_to == REFORM
    assert {"viettel-money", "vnpt-money", "lienviet24h", "mobile-money", "voso", "postmart"} <= platforms.keys()
    events = [event_of(measure, 1) for measure in read.measures]
    events += [event_of(platform, 1) for platform in read.platforms]
    events += [event_of(topic, 1) for topic in read.topics]
    events += [event_of(indicator, 1) for indicator in read.indicators]
    assert len({event.record_id for event in events}) == 14 + 19 + 15 + 74


@pytest.mark.parametrize(
    ("was", "now", "column"),
    [
        ('unit_of_count = "case"', 'unit_of_count = "cases"', "unit_of_count"),
        ('topic = "citizen_app"', 'topic = "apps"', "topic"),
        ('code = "FLD-16"', 'code = "FLD-15"', "code"),
        ('code = "voso"', 'code = "vo so"', "code"),
        ('aliases = ["VneID"]', 'aliases = ["Voso"]', "aliases"),
        ('kind = "browser"', 'kind = "browser"\ncolour = "green"', "colour"),
        ("valid_to = 2026-10-01", 'valid_to = "soon"', "valid_to"),
    ],
)
def test_a_wrong_entry_of_the_catalogue_is_named(was: str, now: str, column: str) -> None:
    text = (DATA / "catalogue.toml").read_text()
    assert was in text
    with pytest.raises(BadFile) as raised:
        catalogue.build(("catalogue.toml", text.replace(was, now).encode()))
    assert [mistake.column for mistake in raised.value.mistakes] == [column]


def _clients(text: str) -> list[clients.Declared]:
    partners = {each.code: each for each in build_partners("p.toml", (DATA / "partners.toml").read_bytes())}
    rows, _ = read_clients("c.json", text.encode())
    return build_clients(rows, KNOWN, partners)


CLIENT = """[{"client_id": "telco", "name": "Telco", "kind": "partner", "scopes": ["partner-reports:write"],
  "unit": {"code": "29905", "valid_on": "2025-05-01"}, "partner": "vnpt-dong-thap", "expires_at": null}]"""


def test_a_client_is_read_with_its_unit_and_partner() -> None:
    declared = _clients(CLIENT)[0]
    assert declared.secret_sha256 is None
    assert declared.client.unit_id == WARD.unit_id
    assert declared.client.partner is not None
    assert declared.client.partner.name == "VNPT Đồng Tháp"


@pytest.mark.parametrize(
    ("was", "now", "mistake"),
    [
        ('"telco"', '"Tel:co"', ("1", "client_id")),
        ("partner-reports:write", "reports:write", ("1", "scopes")),
        ('["partner-reports:write"]', "[]", ("1", "scopes")),
        ('"vnpt-dong-thap"', "null", ("1", "partner")),
        ("2025-05-01", "2019-13-01", ("1/unit", "valid_on")),
        ('"29905"', '"1"', ("1/unit", "code")),
        ('"expires_at": null', '"expires_at": "2026-12-31T00:00:00"', ("1", "expires_at")),
        ('"expires_at"', '"secret": "x", "expires_at"', ("1", "secret")),
        ('"expires_at"', '"secret_sha256": "abc", "expires_at"', ("1", "secret_sha256")),
        ("[{", "[{]", ("", "")),
    ],
)
def test_a_wrong_client_is_named(was: str, now: str, mistake: tuple[str, str]) -> None:
    with pytest.raises(BadFile) as raised:
        _clients(CLIENT.replace(was, now))
    assert (raised.value.mistakes[0].place, raised.value.mistakes[0].column) == mistake


def _client() -> Client:
    return replace(_clients(CLIENT)[0].client, scopes=("visits:write", "metrics:read"))


def test_a_token_has_the_scopes_asked_for_by_default_all() -> None:
    assert granted(_client(), None) == (["visits:write", "metrics:read"], None)
    assert granted(_client(), "metrics:read") == (["metrics:read"], None)
    assert granted(_client(), "metrics:read metrics:exact")[1] == "metrics:exact"


def test_a_client_that_expired_or_is_suspended_may_not_sign_in() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert _client().may_sign_in(moment)
    assert not replace(_client(), expires_at=moment).may_sign_in(moment)
    assert not replace(_client(), status="suspended").may_sign_in(moment)
