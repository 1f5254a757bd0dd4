"""The code list as a whole, and units below commune level, as a province keeps them."""

import asyncio
import csv
import io
import uuid
from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.registry import UnitV1
from libs.contracts.registry_api import UnitPage
from libs.contracts.units_api import MAX_UNITS_A_BATCH, UnitList, UnitRows
from services.registry.use_cases import loading
from tests.integration.registry.conftest import Registry
from tests.integration.registry.test_reforms_api import EDGES, TODAY, UNITS, act, ask, drafted, merger, prepare, unit_id
from tests.integration.registry.test_registry_api import DIGEST

Json = dict[str, Any]


def hamlet(name: str = "Khóm 1", parent: str = "30001", **values: Any) -> Json:
    return {"id": str(uuid.uuid4()), "parent": parent, "type": "khom", "name": name, **values}


async def test_a_province_creates_a_hamlet_with_an_id_of_ours_and_its_type(registry: Registry) -> None:
    await prepare(registry)
    asked = hamlet()
    answer = await ask(registry, "POST", "/v1/units", asked)
    assert answer.status == 201
    made = UnitV1.model_validate_json(answer.body)
    assert (made.code, made.level, made.type, made.name, made.short_name) == (None, "subcommune", "khom", "Khóm 1", "1")
    assert made.path == [unit_id("82", "province"), unit_id("30001"), made.unit_id]
    assert str(made.valid_from) == "2025-07-01"
    again = await ask(registry, "POST", "/v1/units", asked)
    assert (again.status, again.body) == (200, answer.body)
    other = await ask(registry, "POST", "/v1/units", {**asked, "name": "Khóm 2"})
    assert (other.status, other.json["code"]) == (409, "id_reused")
    # Names repeat, also within a commune.
    assert (await ask(registry, "POST", "/v1/units", hamlet())).status == 201
    found = UnitPage.model_validate_json((await ask(registry, "GET", "/v1/units?parent=30001&name=khom%201")).body)
    assert len(found.units) == 2


async def test_thousands_are_created_at_once_and_each_row_is_answered(registry: Registry) -> None:
    await prepare(registry)
    rows: list[Any] = [hamlet(f"Ấp {n}") for n in range(3_000)]
    rows += [rows[0], {**rows[1], "name": "Ấp khác"}, hamlet(parent="99999"), hamlet(parent="82")]
    rows += [{"id": "1", "parent": "30001"}, hamlet(valid_from="2020-01-01")]
    answer = await ask(registry, "POST", "/v1/units:batch", {"rows": rows})
    told = UnitRows.model_validate_json(answer.body)
    assert (told.accepted, told.duplicate, told.rejected) == (3_000, 1, 5)
    assert [[(each.code, each.pointer) for each in row.errors][:1] for row in told.rows[3_001:]] == [
        [("id_repeated_in_batch", "/id")],
        [("unknown_unit", "/parent")],
        [("not_a_commune", "/parent")],
        [("bad_uuid", "/id")],
        [("unknown_unit", "/parent")],  # Nobody bore the code in 2020.
    ]
    before = await registry.rows()
    again = UnitRows.model_validate_json((await ask(registry, "POST", "/v1/units:batch", {"rows": rows[:3_000]})).body)
    assert (again.accepted, again.duplicate) == (0, 3_000)
    assert await registry.rows() == before
    many = await ask(registry, "POST", "/v1/units:batch", {"rows": [{}] * (MAX_UNITS_A_BATCH + 1)})
    assert (many.status, many.json["code"]) == (413, "too_many_rows")


async def test_only_communes_of_the_clients_own_subtree_take_hamlets(registry: Registry) -> None:
    await prepare(registry, officer={"unit": {"code": "30001", "valid_on": "2026-01-01"}})
    refused = await ask(registry, "POST", "/v1/units", hamlet(parent="30002"))
    assert (refused.status, refused.json["code"]) == (403, "outside_subtree")
    assert (await ask(registry, "POST", "/v1/units", hamlet())).status == 201
    early = await ask(registry, "POST", "/v1/units", hamlet(parent=str(unit_id("30001")), valid_from="2025-06-30"))
    assert (early.status, early.json["errors"][0]["code"]) == (422, "outside_the_commune")
    await registry.load_client("portal", scopes=["registry:read"], secret_sha256=DIGEST)
    assert (await ask(registry, "POST", "/v1/units", hamlet())).status == 403


async def test_a_renamed_hamlet_goes_on_as_a_new_version_and_one_of_two_wins(registry: Registry) -> None:
    await prepare(registry)
    old = (await ask(registry, "POST", "/v1/units", hamlet())).json["unit_id"]
    day = TODAY - timedelta(days=3)
    body = {"revision": 1, "on": day, "name": "Khóm Hòa Khánh"}
    names = ["Khóm Hòa Khánh", "Khóm Khác"]
    both = await asyncio.gather(
        *(ask(registry, "POST", f"/v1/units/{old}:rename", {**body, "name": name}) for name in names)
    )
    assert sorted(answer.status for answer in both) == [200, 409]
    (won,), (lost,) = ([a.json for a in both if a.status == status] for status in (200, 409))
    assert (lost["code"], lost["unit"]["revision"]) == ("stale_unit", 2)
    again = await ask(registry, "POST", f"/v1/units/{old}:rename", {**body, "name": won["name"]})
    assert (again.status, again.json) == (200, won)
    before = (await ask(registry, "GET", f"/v1/units/{old}")).json
    assert (before["valid_to"], before["successors"][0]["unit_id"]) == (str(day), won["unit_id"])
    assert won["unit_id"] in before["within"]
    ahead = await ask(
        registry, "POST", f"/v1/units/{won['unit_id']}:rename", {**body, "name": "X", "on": TODAY + timedelta(days=1)}
    )
    assert (ahead.status, ahead.json["code"]) == (422, "change_in_the_future")
    commune = await ask(registry, "POST", f"/v1/units/{unit_id('30001')}:rename", body)
    assert (commune.status, commune.json["code"]) == (422, "not_a_subcommune")


async def test_an_ended_hamlet_still_lies_in_its_commune(registry: Registry) -> None:
    await prepare(registry)
    made = (await ask(registry, "POST", "/v1/units", hamlet())).json["unit_id"]
    body = {"revision": 1, "on": TODAY}
    for _ in range(2):  # Sent again it is the same.
        ended = await ask(registry, "POST", f"/v1/units/{made}:end", body)
        assert (ended.status, ended.json["valid_to"], ended.json["successors"]) == (200, str(TODAY), [])
    assert str(unit_id("30001")) in ended.json["within"]
    assert (await ask(registry, "POST", f"/v1/units/{uuid.uuid4()}:end", body)).status == 404


async def test_hamlets_follow_a_reform_of_their_commune(registry: Registry) -> None:
    await prepare(registry)
    made = (await ask(registry, "POST", "/v1/units", hamlet())).json["unit_id"]
    assert (await act(registry, await drafted(registry, merger(TODAY)), "enact")).status == 200
    new_commune = unit_id("30001", began=str(TODAY))
    found = UnitPage.model_validate_json(
        (await ask(registry, "GET", f"/v1/units?within={new_commune}&level=subcommune&valid_on={TODAY}")).body
    )
    assert [each.name for each in found.units] == ["Khóm 1"]
    assert str(found.units[0].unit_id) in (await ask(registry, "GET", f"/v1/units/{made}")).json["within"]
    # Asked by the commune that is no more, in both ways.
    for old in ("30002", str(unit_id("30001"))):
        page = (await ask(registry, "GET", f"/v1/units?within={old}&valid_on={TODAY}")).json["units"]
        assert [each["name"] for each in page] == ([] if old == "30002" else ["Khóm 1"])


@pytest.mark.tree
async def test_the_whole_list_is_one_answer_and_304_until_the_map_changes(registry: Registry) -> None:
    await registry.load_client("portal", scopes=["registry:read", "registry:write"], secret_sha256=DIGEST)
    target = "/v1/units/list?valid_on=2026-01-01"
    answer = await ask(registry, "GET", target)
    told = UnitList.model_validate_json(answer.body)
    assert len(told.units) == 3_355
    assert (told.units[0].code, told.units[0].name) == ("01", "Thành phố Hà Nội")
    assert {each.parent_code for each in told.units if each.code == "29905"} == {"82"}
    assert (await ask(registry, "GET", target, **{"if-none-match": answer.headers["etag"]})).status == 304
    old = UnitList.model_validate_json((await ask(registry, "GET", "/v1/units/list?valid_on=2025-06-30")).body)
    assert len(old.units) == 63 + 691 + 10_035
    await ask(registry, "POST", "/v1/units", hamlet(parent="29905"))
    changed = await ask(registry, "GET", target, **{"if-none-match": answer.headers["etag"]})
    assert (changed.status, len(changed.json["units"])) == (200, 3_356)
    assert (await ask(registry, "GET", "/v1/units/list?level=ward")).status == 422


async def test_the_list_as_csv_is_read_by_a_spreadsheet_and_holds_no_formula(registry: Registry) -> None:
    evil = UNITS.replace("Xã A,Xã A", '"=HYPERLINK(""http://x"")",@A')
    await registry.load(loading.load_map, ("units.csv", evil.encode()), ("lineage.csv", EDGES.encode()))
    await registry.load_client("portal", secret_sha256=DIGEST)
    answer = await ask(registry, "GET", f"/v1/units/list.csv?valid_on={TODAY}&separator=semicolon")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="don-vi-{TODAY}.csv"'
    assert answer.body.startswith(b"\xef\xbb\xbfcode;name;level")
    rows = {row["code"]: row for row in csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")), delimiter=";")}
    assert len(rows) == 6
    assert (rows["30001"]["name"], rows["30001"]["short_name"]) == ('\'=HYPERLINK("http://x")', "'@A")
    assert rows["82"]["name"] == "Đồng Tháp"
    comma = await ask(registry, "GET", f"/v1/units/list.csv?valid_on={TODAY}")
    assert comma.body.startswith(b"\xef\xbb\xbfcode,name,level")
    assert (await ask(registry, "GET", "/v1/units/list.csv?separator=tab")).status == 422
