"""Loading reference files into a real database."""

import json
from pathlib import Path

import pytest

from libs.common.db import transaction
from libs.common.files import BadFile
from libs.contracts.registry import ClientV1, TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.registry.__main__ import main
from services.registry.domain.ids import record_id
from services.registry.store import log
from services.registry.use_cases import loading
from tests.integration.registry.conftest import DATA, Registry

HEADER = b"code,name,type,level,unit_code,unit_valid_on,established_on\n"
MAP = [(name, (DATA / name).read_bytes()) for name in ("admin_units.csv", "admin_lineage.csv")]
UNITS = b"code,valid_from,valid_to,level,type,name,short_name,parent_code\n87,,2025-07-01,province,tinh,X,X,\n"
EDGES = b"level,old_code,new_code,effective,share\n"


async def test_loading_the_map_twice_appends_once(registry: Registry) -> None:
    assert await registry.load(loading.load_map, *MAP) == [loading.Loaded("units", 14_144, 14_144, 0)]
    rows = await registry.rows()
    assert await registry.load(loading.load_map, *MAP) == [loading.Loaded("units", 14_144, 0, 0)]
    assert await registry.rows() == rows
    async with transaction(registry.engine) as connection:
        head = await log.newest(connection, type_of(UnitV1), record_id("unit", "commune", "29905", ""))
    assert head is not None
    assert UnitV1.model_validate_json(head.body).code == "29905"


@pytest.mark.tree
async def test_a_change_is_a_new_revision_of_that_record_only(registry: Registry) -> None:
    rows = await registry.rows()
    teams = (DATA / "teams_sa_dec.csv").read_bytes().replace(b"2022-03-13", b"2022-03-14", 1)
    assert await registry.load(loading.load_teams, ("teams.csv", teams)) == [loading.Loaded("teams", 46, 0, 1)]
    assert await registry.rows() == rows + 1
    async with transaction(registry.engine) as connection:
        head = await log.newest(connection, type_of(TeamV1), record_id("team", "SD-01"))
    assert head is not None
    assert (head.revision, TeamV1.model_validate_json(head.body).revision) == (2, 2)


async def test_a_file_with_a_mistake_leaves_nothing(registry: Registry) -> None:
    await registry.load(loading.load_map, ("u.csv", UNITS), ("l.csv", EDGES))
    rows = await registry.rows()
    good = b"T1,a,community_digital_team,commune,87,2025-05-01,\n"
    wrong = b"T2,b,community_digital_team,commune,88,2025-05-01,\n"
    with pytest.raises(BadFile) as raised:
        await registry.load(loading.load_teams, ("t.csv", HEADER + good + wrong))
    assert [(m.place, m.column) for m in raised.value.mistakes] == [("3", "unit_code")]
    assert await registry.rows() == rows
    assert await registry.load(loading.load_teams, ("t.csv", HEADER + good)) == [loading.Loaded("teams", 1, 1, 0)]


async def test_a_partners_new_name_reaches_its_clients(registry: Registry) -> None:
    partners = (DATA / "partners.toml").read_bytes()
    await registry.load(loading.load_partners, ("partners.toml", partners))
    await registry.load_client("telco", kind="partner", scopes=["partner-reports:write"], partner="vnpt-dong-thap")
    renamed = partners.replace("VNPT Đồng Tháp".encode(), b"VNPT")
    loaded = await registry.load(loading.load_partners, ("partners.toml", renamed))
    assert loaded == [loading.Loaded("partners", 2, 0, 1)]
    async with transaction(registry.engine) as connection:
        head = await log.newest(connection, type_of(ClientV1), record_id("client", "telco"))
    assert head is not None
    told = ClientV1.model_validate_json(head.body)
    assert told.partner is not None
    assert (told.revision, told.partner.name) == (2, "VNPT")


def _run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def environment(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_REGISTRY", registry.url)


@pytest.mark.usefixtures("environment")
def test_the_commands_say_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["load", "partners"], capsys) == (0, "partners: 2 read, 2 new, 0 changed\n", "")
    assert _run(["load", "partners"], capsys) == (0, "partners: 2 read, 0 new, 0 changed\n", "")
    create = ["clients", "create", "telco", "--name", "T", "--kind", "partner", "--partner", "vnpt-dong-thap"]
    code, secret, _ = _run([*create, "--scope", "partner-reports:write"], capsys)
    assert (code, secret[:3], len(secret.strip()) >= 46) == (0, "tn_", True)
    code, _, problem = _run([*create, "--scope", "partner-reports:write"], capsys)
    assert (code, problem) == (1, "ứng dụng telco đã có / the client telco exists\n")
    assert _run(["clients", "suspend", "telco"], capsys)[0] == 0
    assert (
        "telco\tsuspended\tpartner\tpartner-reports:write\t-\tvnpt-dong-thap\t-\n"
        in _run(["clients", "list"], capsys)[1]
    )
    file = tmp_path / "clients.json"
    file.write_text(json.dumps([{"client_id": "xy", "name": "X", "kind": "portal", "scopes": ["no"]}]))
    code, _, problem = _run(["load", "clients", str(file)], capsys)
    assert code == 1
    assert problem.startswith("clients.json:1 scopes: “no” không thuộc")
    assert _run(["load", "teams", str(tmp_path / "none.csv")], capsys)[0] == 1
    assert _run(["keys", "retire", "none"], capsys)[0] == 1
    assert _run(["announce"], capsys)[0] == 0


@pytest.mark.tree
@pytest.mark.usefixtures("environment")
def test_the_list_of_clients_names_the_unit_that_each_may_act_in(capsys: pytest.CaptureFixture[str]) -> None:
    create = ["clients", "create", "sa-dec", "--name", "S", "--scope", "metrics:read"]
    assert _run([*create, "--unit", "29905", "--unit-valid-on", "2026-01-01"], capsys)[0] == 0
    head, *rows = _run(["clients", "list"], capsys)[1].splitlines()
    (row,) = (dict(zip(head.split("\t"), row.split("\t"), strict=True)) for row in rows if row.startswith("sa-dec\t"))
    assert row["unit"] == "29905 Phường Sa Đéc"
    assert (row["partner"], row["expires_at"]) == ("-", "-")
