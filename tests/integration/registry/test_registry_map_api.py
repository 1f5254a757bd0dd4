"""The map in time, as portals and partners read it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.contracts.registry_api import Lineage, ResolvedCodes, UnitPage
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.loading import load_map
from tests.integration.registry.conftest import Registry, open_registry, the_tree
from tests.integration.registry.test_registry_api import DIGEST, token_of
from tests.support.http import Answer, call
from tests.support.postgres import MakeDatabase

LIST = "2025-06-30"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def portal(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """The map of the tree, loaded once, as a portal reads it."""
    async with open_registry(await make_database("registry", the_tree), tmp_path_factory.mktemp("registry")) as opened:
        await opened.load_client("portal", secret_sha256=DIGEST)
        yield opened


async def read(registry: Registry, target: str, **headers: str) -> Answer:
    token = await token_of(registry)
    return await call(registry.app, "GET", target, headers={"authorization": f"Bearer {token}", **headers})


async def resolve(registry: Registry, body: Any, content_type: str = "application/json") -> Answer:
    token = await token_of(registry)
    headers = {"authorization": f"Bearer {token}", "content-type": content_type}
    return await call(registry.app, "POST", "/v1/units:resolve", body=json.dumps(body).encode(), headers=headers)


async def names(registry: Registry, target: str) -> list[str]:
    return [unit.name for unit in UnitPage.model_validate_json((await read(registry, target)).body).units]


async def test_a_unit_is_found_by_its_name_without_diacritics(portal: Registry) -> None:
    found = await names(portal, "/v1/units?name=sa%20dec&valid_on=2026-01-01")
    assert found[0] == "Phường Sa Đéc"
    assert await names(portal, "/v1/units?name=sa%20dec&level=district") == ["Thành phố Sa Đéc"]
    assert await names(portal, "/v1/units?name=xyzzy") == []
    for nothing in ("name=", "name=???", "name=%20-%20"):
        refused = await read(portal, f"/v1/units?{nothing}")
        assert (refused.status, refused.json["code"]) == (422, "bad_parameter")


async def test_a_subtree_is_that_of_a_day(portal: Registry) -> None:
    before = UnitPage.model_validate_json((await read(portal, f"/v1/units?within=867&valid_on={LIST}")).body).units
    assert [unit.level for unit in before] == ["district", *["commune"] * 9]
    district = before[0].unit_id
    for sa_dec in ("867", str(district)):  # Abolished; its code is nobody's today.
        assert await names(portal, f"/v1/units?within={sa_dec}&valid_on=2026-01-01") == ["Phường Sa Đéc"]
    refused = await read(portal, "/v1/units?within=00867&valid_on=2026-01-01")
    assert (refused.status, refused.json["code"]) == (422, "unknown_unit")


async def test_pages_follow_each_other_and_a_cursor_of_another_question_is_refused(portal: Registry) -> None:
    seen: list[str] = []
    target = f"/v1/units?within=87&level=commune&valid_on={LIST}&limit=50"
    answer = (await read(portal, target)).json
    while True:
        seen += [unit["unit_id"] for unit in answer["units"]]
        if answer["next"] is None:
            break
        cursor = answer["next"]
        answer = (await read(portal, f"{target}&cursor={cursor}")).json
    assert (len(seen), len(set(seen))) == (141, 141)
    refused = await read(portal, f"/v1/units?level=province&cursor={cursor}")
    assert (refused.status, refused.json["code"]) == (422, "bad_parameter")


async def test_lineage_tells_where_a_ward_went_and_what_it_was_made_of(portal: Registry) -> None:
    (sa_dec,) = (await read(portal, "/v1/units?code=29905&valid_on=2026-01-01")).json["units"]
    answer = await read(portal, f"/v1/units/{sa_dec['unit_id']}/lineage?direction=backward")
    lineage = Lineage.model_validate_json(answer.body)
    assert len(lineage.edges) == 8
    assert {(edge.target.name, edge.share) for edge in lineage.edges} == {("Phường Sa Đéc", "whole")}
    target = f"/v1/units/{sa_dec['unit_id']}/lineage"
    onward = await read(portal, target)
    assert onward.json["edges"] == []
    assert (await read(portal, target, **{"if-none-match": onward.headers["etag"]})).status == 304
    assert (await read(portal, target, **{"if-none-match": answer.headers["etag"]})).status == 200
    wrong = await read(portal, f"/v1/units/{sa_dec['unit_id']}/lineage?direction=up")
    assert (wrong.status, wrong.json["code"]) == (422, "bad_parameter")
    none = await read(portal, "/v1/units/00000000-0000-0000-0000-000000000000/lineage")
    assert (none.status, none.json["code"]) == (404, "not_found")


async def test_codes_of_an_old_list_are_resolved_together(portal: Registry) -> None:
    answer = await resolve(
        portal, {"codes": ["01837", "29995", "82", "99999"], "codes_as_of": LIST, "on": "2026-01-01"}
    )
    found = ResolvedCodes.model_validate_json(answer.body).codes
    assert [each.status for each in found] == ["superseded", "divided", "superseded", "unknown"]
    assert [[unit.code for unit in each.units] for each in found][::2] == [["01843"], ["82"]]
    assert found[2].listed is not None
    assert found[2].listed.name == "Tỉnh Tiền Giang"


@pytest.mark.parametrize(
    "body",
    [
        {"codes": [], "codes_as_of": LIST},
        {"codes": ["1"] * 1001, "codes_as_of": LIST},
        {"codes": ["01 837"], "codes_as_of": LIST},
        {"codes": ["01837"]},
        {"codes": ["01837"], "codes_as_of": "yesterday"},
        {"codes": [1837], "codes_as_of": LIST},
    ],
)
async def test_what_cannot_be_resolved_is_refused_with_a_pointer(portal: Registry, body: Any) -> None:
    refused = await resolve(portal, body)
    assert (refused.status, refused.json["code"]) == (422, "malformed")
    assert refused.json["errors"][0]["pointer"].startswith("/codes")


async def test_only_json_is_read(portal: Registry) -> None:
    refused = await resolve(portal, {"codes": ["01837"], "codes_as_of": LIST}, content_type="text/plain")
    assert (refused.status, refused.json["code"]) == (415, "unsupported_media_type")


async def test_a_change_of_the_map_is_seen_by_the_next_reader(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    header = "code,valid_from,valid_to,level,type,name,short_name,parent_code\n"
    edges = "level,old_code,new_code,effective,share,note\n"
    assert (await names(registry, "/v1/units?name=nhan%20thong")) == []
    row = "99,2026-01-01,,province,tinh,Tỉnh Nhân Thông,Nhân Thông,\n"
    await registry.load(load_map, ("units.csv", (header + row).encode()), ("lineage.csv", edges.encode()))
    assert (await names(registry, "/v1/units?name=nhan%20thong")) == ["Tỉnh Nhân Thông"]
    renamed = row.replace("Nhân Thông", "Nhân Hòa")
    await registry.load(load_map, ("units.csv", (header + renamed).encode()), ("lineage.csv", edges.encode()))
    assert (await names(registry, "/v1/units?name=nhan%20thong")) == []
    assert (await names(registry, "/v1/units?code=99&valid_on=2026-01-02")) == ["Tỉnh Nhân Hòa"]


async def test_a_state_that_is_told_again_changes_nothing(portal: Registry) -> None:
    keeper = Keeper()
    async with transaction(portal.engine) as connection:
        atlas = await keeper.newest(connection)
        (before,) = [unit for unit in atlas.units.values() if unit.code == "29905" and unit.valid_to is None]
        await connection.execute(
            """INSERT INTO log (record_id, revision, edition, epoch, partition_key, type, body)
               SELECT record_id, revision, 1, epoch, partition_key, type,
                   jsonb_set(body::jsonb, '{name}', '"Tên cũ"')::json
               FROM log WHERE record_id = $1""",
            before.record_id,
        )
        assert (await keeper.newest(connection)).units[before.record_id] == before


async def test_what_is_rolled_back_was_never_in_the_atlas(registry: Registry) -> None:
    header = "code,valid_from,valid_to,level,type,name,short_name,parent_code\n"
    units = ("units.csv", (header + "99,2026-01-01,,province,tinh,Tỉnh Nhân Thông,Nhân Thông,\n").encode())
    edges = ("lineage.csv", b"level,old_code,new_code,effective,share,note\n")
    keeper = Keeper()

    async def load(commit: bool) -> int:
        async with transaction(registry.engine) as connection:
            await load_map(connection, units, edges)
            seen = len((await keeper.newest(connection)).units)
            if not commit:
                raise ZeroDivisionError
            return seen

    with pytest.raises(ZeroDivisionError):
        await load(commit=False)
    assert keeper.atlas.units == {}
    assert await load(commit=True) == 0
    async with transaction(registry.engine, readonly=True) as connection:
        assert len((await keeper.newest(connection)).units) == 1
