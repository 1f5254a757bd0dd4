"""Reforms through the API: drafted, rehearsed, scheduled, enacted, withdrawn; one wins, and not one fact is written."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from libs.common.db import transaction
from libs.contracts.reforms_api import ReformPage, ReformPlan, ReformView
from libs.contracts.registry import ClientV1, UnitV1
from libs.contracts.registry_api import UnitPage
from libs.contracts.topics import type_of
from services.registry.api.parts import today
from services.registry.domain.ids import record_id
from services.registry.store import log
from services.registry.store import reforms as store
from services.registry.use_cases import keep_reforms, loading, reforms
from services.registry.use_cases.atlas import Keeper
from tests.integration.registry.conftest import Registry
from tests.integration.registry.test_registry_api import DIGEST, _token
from tests.support.http import Answer, call

HEADER = "code,valid_from,valid_to,level,type,name,short_name,parent_code\n"
UNITS = HEADER + "".join(
    f"{code},2025-07-01,,{level},{type_},{name},{name},{parent}\n"
    for code, level, type_, name, parent in [
        ("82", "province", "tinh", "Đồng Tháp", ""),
        ("91", "province", "tinh", "An Giang", ""),
        ("30001", "commune", "xa", "Xã A", "82"),
        ("30002", "commune", "xa", "Xã B", "82"),
        ("30003", "commune", "xa", "Xã C", "82"),
        ("31001", "commune", "xa", "Xã D", "91"),
    ]
)
EDGES = "level,old_code,new_code,effective,share\n"
FILES = (("units.csv", UNITS.encode()), ("lineage.csv", EDGES.encode()))
TODAY = today()
SOON = TODAY + timedelta(days=30)
Json = dict[str, Any]


def unit_id(code: str, level: str = "commune", began: str = "2025-07-01") -> uuid.UUID:
    return record_id("unit", level, code, began)


async def prepare(registry: Registry, *, officer: Mapping[str, Any] | None = None) -> None:
    await registry.load(loading.load_map, *FILES)
    scopes = ["registry:read", "registry:write", "reforms:write"]
    await registry.load_client("portal", scopes=scopes, secret_sha256=DIGEST, **(officer or {}))


async def ask(registry: Registry, method: str, target: str, body: Any = None, **headers: str) -> Answer:
    token = (await _token(registry)).json["access_token"]
    encoded = b"" if body is None else json.dumps(body, default=str).encode()
    return await call(
        registry.app, method, target, headers={"authorization": f"Bearer {token}", **headers}, body=encoded
    )


def merger(on: date, *sources: str, code: str = "30001", reform_id: uuid.UUID | None = None) -> Json:
    new = {"key": "new", "level": "commune", "type": "xa", "name": "Xã Mới", "code": code, "parent": "82"}
    merge = {"sources": [{"unit": source} for source in sources or ("30001", "30002")], "target": {"new": new}}
    return {
        "id": reform_id or uuid.uuid4(),
        "decree": "1/NQ-UBTVQH16",
        "effective_date": on,
        "operations": [{"merge": merge}],
    }


async def drafted(registry: Registry, body: Json) -> str:
    answer = await ask(registry, "POST", "/v1/reforms", body)
    assert answer.status == 201, answer.body
    return str(body["id"])


async def act(registry: Registry, reform_id: str, action: str, revision: int = 1, **body: Any) -> Answer:
    asked = {"id": uuid.uuid4(), "revision": revision, **body}
    return await ask(registry, "POST", f"/v1/reforms/{reform_id}:{action}", asked)


async def unit(registry: Registry, wanted: uuid.UUID) -> UnitV1 | None:
    async with transaction(registry.engine) as connection:
        head = await log.newest(connection, type_of(UnitV1), wanted)
    return UnitV1.model_validate_json(head.body) if head else None


async def test_a_decree_is_drafted_checked_planned_and_enacted_in_one_transaction(registry: Registry) -> None:
    await prepare(registry)
    rows = await registry.rows()
    body = merger(TODAY)
    answer = await ask(registry, "POST", "/v1/reforms", body)
    assert answer.status == 201
    assert answer.headers["location"] == f"/v1/reforms/{body['id']}"
    told = ReformView.model_validate_json(answer.body)
    assert (told.status, told.revision, told.faults) == ("draft", 1, [])
    assert await registry.rows() == rows  # Nothing is on the map.
    plan = ReformPlan.model_validate_json((await ask(registry, "GET", f"/v1/reforms/{body['id']}/plan")).body)
    enacted = await act(registry, str(body["id"]), "enact")
    assert (enacted.status, enacted.json["status"], enacted.json["units_begun"]) == (200, "enacted", 1)
    assert await registry.rows() == rows + 3
    for planned in plan.units:
        assert await unit(registry, planned.unit_id) == planned
    async with transaction(registry.engine) as connection:
        assert (
            await connection.fetchval(
                "SELECT count(DISTINCT xid) FROM log WHERE xid::text::bigint = (SELECT max(xid::text::bigint) FROM log)"
            )
            == 1
        )
    page = UnitPage.model_validate_json((await ask(registry, "GET", f"/v1/units?code=30001&valid_on={TODAY}")).body)
    assert [each.name for each in page.units] == ["Xã Mới"]
    again = ReformPlan.model_validate_json((await ask(registry, "GET", f"/v1/reforms/{body['id']}/plan")).body)
    assert {each.unit_id for each in again.units} == {each.unit_id for each in plan.units}


async def test_a_faulty_decree_is_refused_whole_and_each_fault_stands_at_its_place(registry: Registry) -> None:
    await prepare(registry)
    body = merger(TODAY, "30001", "99999", code="30003")
    body["operations"].append({"merge": {"sources": [{"unit": "30003"}], "target": {}}, "rename": {"unit": "30001"}})
    answer = await ask(registry, "POST", "/v1/reforms", body)
    assert (answer.status, answer.json["code"]) == (422, "reform_invalid")
    assert [(e["code"], e["pointer"]) for e in answer.json["errors"]] == [("one_operation", "/operations/1")]
    body["operations"][1] = {"merge": {"sources": [{"unit": "30003"}], "target": {}}}
    answer = await ask(registry, "POST", "/v1/reforms", body)
    assert [(e["code"], e["pointer"]) for e in answer.json["errors"]] == [("one_place", "/operations/1/merge/target")]
    del body["operations"][1]
    answer = await ask(registry, "POST", "/v1/reforms", body)
    assert ("unknown_unit", "/operations/0/merge/sources/1/unit") in [
        (e["code"], e["pointer"]) for e in answer.json["errors"]
    ]
    assert (await ask(registry, "GET", f"/v1/reforms/{body['id']}")).status == 404


async def test_the_same_sent_again_is_the_same_and_other_content_under_its_id_is_refused(registry: Registry) -> None:
    await prepare(registry)
    body = merger(TODAY)
    await drafted(registry, body)
    again = await ask(registry, "POST", "/v1/reforms", body)
    assert (again.status, again.json["revision"]) == (200, 1)
    other = await ask(registry, "POST", "/v1/reforms", {**body, "decree": "2/NQ"})
    assert (other.status, other.json["code"]) == (409, "id_reused")
    action = {"id": str(uuid.uuid4()), "revision": 1}
    first = await ask(registry, "POST", f"/v1/reforms/{body['id']}:enact", action)
    rows = await registry.rows()
    second = await ask(registry, "POST", f"/v1/reforms/{body['id']}:enact", action)
    assert (first.status, second.status, second.json["status"]) == (200, 200, "enacted")
    assert await registry.rows() == rows


async def test_of_two_who_enact_one_reform_at_once_one_wins_and_the_other_is_told(registry: Registry) -> None:
    await prepare(registry)
    reform_id = await drafted(registry, merger(TODAY))
    answers = await asyncio.gather(*(act(registry, reform_id, "enact") for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409]
    for lost in [answer.json for answer in answers if answer.status == 409]:
        assert (lost["code"], lost["reform"]["status"], lost["reform"]["revision"]) == ("stale_reform", "enacted", 2)
    again = await act(registry, reform_id, "enact", revision=2)
    assert (again.status, again.json["code"]) == (409, "reform_not_possible")


async def test_of_two_who_edit_one_draft_the_second_is_told_of_the_first(registry: Registry) -> None:
    await prepare(registry)
    body = merger(TODAY)
    reform_id = await drafted(registry, body)
    content = {name: body[name] for name in ("effective_date", "operations")}
    first = await act(registry, reform_id, "change", **content, decree="2/NQ")
    assert (first.status, first.json["decree"], first.json["revision"]) == (200, "2/NQ", 2)
    second = await act(registry, reform_id, "change", **content, decree="3/NQ")
    assert (second.status, second.json["reform"]["decree"]) == (409, "2/NQ")
    assert (await act(registry, reform_id, "withdraw", revision=2)).json["status"] == "withdrawn"
    refused = await act(registry, reform_id, "enact", revision=3)
    assert (refused.status, refused.json["code"]) == (409, "reform_not_possible")


async def test_nothing_changes_before_its_day_and_then_it_is_enacted_by_one_of_several(registry: Registry) -> None:
    await prepare(registry)
    rows = await registry.rows()
    reform_id = await drafted(registry, merger(SOON))
    assert (await act(registry, reform_id, "enact")).json["status"] == "scheduled"
    await keep_reforms.enact_all_due(registry.engine, Keeper(), SOON - timedelta(days=1))
    assert await registry.rows() == rows
    await asyncio.gather(*(keep_reforms.enact_all_due(registry.engine, Keeper(), SOON) for _ in range(3)))
    assert await registry.rows() == rows + 3
    told = (await ask(registry, "GET", f"/v1/reforms/{reform_id}")).json
    assert (told["status"], told["revision"]) == ("enacted", 3)
    old = await unit(registry, unit_id("30001"))
    assert old is not None
    assert old.valid_to == SOON


async def test_what_no_longer_holds_on_its_day_fails_with_the_reason_and_can_be_mended(registry: Registry) -> None:
    await prepare(registry)
    scheduled = await drafted(registry, merger(SOON, "30001", "30002"))
    assert (await act(registry, scheduled, "enact")).json["status"] == "scheduled"
    other = merger(TODAY, "30002", "30003", code="30003")
    assert (await act(registry, await drafted(registry, other), "enact")).json["status"] == "enacted"
    # It is seen before the day comes,
    ahead = (await ask(registry, "GET", f"/v1/reforms/{scheduled}")).json
    assert [fault["code"] for fault in ahead["faults"]] == ["not_open_at_date"]
    rows = await registry.rows()
    await keep_reforms.enact_all_due(registry.engine, Keeper(), SOON)
    failed = (await ask(registry, "GET", f"/v1/reforms/{scheduled}")).json
    assert failed["status"] == "failed"
    assert [(fault["code"], fault["pointer"]) for fault in failed["failure"]] == [
        ("not_open_at_date", "/operations/0/merge/sources/1/unit")
    ]
    assert await registry.rows() == rows
    # and mended on it.
    content = {name: merger(TODAY, "30001")[name] for name in ("decree", "effective_date", "operations")}
    changed = await act(registry, scheduled, "change", revision=3, **content)
    assert changed.status == 200, changed.body
    assert (changed.status, changed.json["status"], changed.json["failure"]) == (200, "draft", None)


async def test_a_fault_of_ours_on_the_day_is_seen_and_does_not_end_the_loop(
    registry: Registry, monkeypatch: Any
) -> None:
    await prepare(registry)
    reform_id = await drafted(registry, merger(SOON))
    await act(registry, reform_id, "enact")

    async def broken(*_: object) -> None:
        raise KeyError("a mistake in the program")

    monkeypatch.setattr(reforms, "enact_due", broken)
    await keep_reforms.enact_all_due(registry.engine, Keeper(), SOON)
    told = (await ask(registry, "GET", f"/v1/reforms/{reform_id}")).json
    assert (told["status"], told["failure"][0]["code"]) == ("failed", "internal_error")


async def test_the_loop_enacts_what_is_due_and_ends_when_told(registry: Registry) -> None:
    await prepare(registry)
    reform_id = await drafted(registry, merger(SOON))
    await act(registry, reform_id, "enact")
    stop = asyncio.Event()
    loop = asyncio.ensure_future(keep_reforms.keep_reforms(registry.engine, Keeper(), lambda: SOON, 0.05, stop))
    async with asyncio.timeout(10):
        told = await ask(registry, "GET", f"/v1/reforms/{reform_id}")
        while told.json["status"] != "enacted":
            told = await ask(registry, "GET", f"/v1/reforms/{reform_id}")
    stop.set()
    await asyncio.wait_for(loop, 5)


async def test_a_client_follows_a_whole_merger_and_waits_where_its_unit_is_divided(registry: Registry) -> None:
    await prepare(registry)
    await registry.load_client("of-a", unit={"code": "30001", "valid_on": "2026-01-01"})
    await registry.load_client("of-c", unit={"code": "30003", "valid_on": "2026-01-01"})
    body = merger(TODAY)
    half = {"key": "half", "level": "commune", "type": "xa", "name": "Xã Nửa", "code": "30009", "parent": "82"}
    rest = {**half, "key": "rest", "name": "Xã C", "code": "30003"}
    body["operations"].append({"split": {"source": "30003", "targets": [{"new": half}, {"new": rest}]}})
    reform_id = await drafted(registry, body)
    reach = (await ask(registry, "GET", f"/v1/reforms/{reform_id}/impact")).json["registry"]
    assert [client["client_id"] for client in reach["clients_following"]] == ["of-a"]
    assert [client["client_id"] for client in reach["clients_waiting"]] == ["of-c"]
    told = (await act(registry, reform_id, "enact")).json
    assert [(client["client_id"], client["unit"]["code"]) for client in told["clients_waiting"]] == [("of-c", "30003")]
    async with transaction(registry.engine) as connection:
        heads = await log.heads(connection, type_of(ClientV1))
    clients = {c.client_id: c for c in (ClientV1.model_validate_json(head.body) for head in heads.values())}
    assert (clients["of-a"].unit_id, clients["of-a"].revision) == (unit_id("30001", began=str(TODAY)), 2)
    assert (clients["of-c"].unit_id, clients["of-c"].revision) == (unit_id("30003"), 1)


async def test_the_rehearsal_names_units_teams_clients_and_codes_and_writes_nothing(registry: Registry) -> None:
    await prepare(registry)
    teams = "code,name,type,level,unit_code,unit_valid_on,established_on\n" + "".join(
        f"T{n},Tổ {n},community_digital_team,commune,{code},2026-01-01,2025-08-01\n"
        for n, code in enumerate(["30001", "30001", "30003"])
    )
    await registry.load(loading.load_teams, ("teams.csv", teams.encode()))
    await registry.load(loading.load_partners, ("partners.toml", b'[[partners]]\ncode="p"\nname="P"\nkind="bank"\n'))
    await registry.load_client("bank", kind="partner", scopes=["partner-reports:write"], partner="p")
    reform_id = await drafted(registry, merger(TODAY))
    rows = await registry.rows()
    told = (await ask(registry, "GET", f"/v1/reforms/{reform_id}/impact")).json
    reach = told["registry"]
    assert (reach["units_begun"], reach["units_ended"], reach["plan_units"]) == (1, 2, 3)
    assert [(each["unit"]["code"], each["change"], each["teams"]) for each in reach["units"]] == [
        ("30001", "ends", 2),
        ("30002", "ends", 0),
        ("30001", "begins", 0),
    ]
    assert (reach["teams"], reach["teams_divided"]) == (2, 0)
    assert {team["to"]["name"] for team in reach["teams_listed"]} == {"Xã Mới"}
    assert [(each["code"], each["meaning"]) for each in reach["codes"]] == [("30001", "wider"), ("30002", "nobody")]
    assert reach["partners"] == ["bank"]
    assert await registry.rows() == rows


async def test_teams_of_a_unit_that_is_no_more_are_touched_where_they_work_now(registry: Registry) -> None:
    await prepare(registry)
    teams = "code,name,type,level,unit_code,unit_valid_on,established_on\n" + "".join(
        f"T{n},Tổ {n},community_digital_team,commune,{code},2026-01-01,2025-08-01\n"
        for n, code in enumerate(["30001", "30002", "30003"])
    )
    await registry.load(loading.load_teams, ("teams.csv", teams.encode()))
    await act(registry, await drafted(registry, merger(TODAY)), "enact")
    reform_id = await drafted(registry, merger(SOON, "30001", "30003"))
    reach = (await ask(registry, "GET", f"/v1/reforms/{reform_id}/impact")).json["registry"]
    assert reach["teams"] == 3
    ending = {each["unit"]["code"]: each["teams"] for each in reach["units"] if each["change"] == "ends"}
    assert ending == {"30001": 2, "30003": 1}
    assert {team["code"]: team["unit"]["name"] for team in reach["teams_listed"]}["T0"] == "Xã Mới"


async def test_an_officer_acts_within_its_subtree_only(registry: Registry) -> None:
    await prepare(registry, officer={"unit": {"code": "91", "valid_on": "2026-01-01"}})
    refused = await ask(registry, "POST", "/v1/reforms", merger(TODAY))
    assert (refused.status, refused.json["code"]) == (403, "outside_subtree")
    assert refused.json["errors"][0]["pointer"] == "/operations/0/merge/sources/0/unit"
    abolished = {**merger(TODAY), "operations": [{"abolish_level": {"level": "subcommune"}}]}
    assert (await ask(registry, "POST", "/v1/reforms", abolished)).status == 403
    own = {**merger(TODAY), "operations": [{"rename": {"unit": "31001", "name": "Xã Đức"}}]}
    reform_id = await drafted(registry, own)
    await registry.load_client(
        "portal", scopes=["reforms:write"], secret_sha256=DIGEST, unit={"code": "82", "valid_on": "2026-01-01"}
    )
    for method, target in [("GET", ""), ("GET", "/plan"), ("GET", "/impact")]:
        assert (await ask(registry, method, f"/v1/reforms/{reform_id}{target}")).status == 403
    assert (await act(registry, reform_id, "enact")).status == 403
    assert (await ask(registry, "GET", "/v1/reforms")).json["reforms"] == []


async def test_reforms_are_listed_in_pages_the_newest_day_first_and_304_while_the_same(registry: Registry) -> None:
    await prepare(registry)
    days = [TODAY + timedelta(days=n) for n in range(5)]
    for day in days:
        await drafted(registry, merger(day))
    seen: list[date] = []
    target = "/v1/reforms?status=draft&limit=2"
    while True:
        answer = await ask(registry, "GET", target)
        page = ReformPage.model_validate_json(answer.body)
        seen += [each.effective_date for each in page.reforms]
        if page.next is None:
            break
        target = f"/v1/reforms?status=draft&limit=2&cursor={page.next}"
    assert seen == sorted(days, reverse=True)
    assert (await ask(registry, "GET", target, **{"if-none-match": answer.headers["etag"]})).status == 304
    assert (await ask(registry, "GET", "/v1/reforms?status=none")).status == 422
    assert (await ask(registry, "GET", "/v1/reforms?status=enacted")).json["reforms"] == []


async def test_loading_the_files_again_undoes_no_reform(registry: Registry) -> None:
    await prepare(registry)
    assert (await act(registry, await drafted(registry, merger(TODAY)), "enact")).status == 200
    rows = await registry.rows()
    await registry.load(loading.load_map, *FILES)
    assert await registry.rows() == rows
    # The file has caught up: the same units under the same ids.
    old = "30001,2025-07-01,,commune,xa,Xã A,Xã A,82\n"
    told = UNITS.replace(old, old.replace(",,", f",{TODAY},", 1)).replace("Xã C", "Xã Ca")
    told += f"30001,{TODAY},,commune,xa,Xã Mới,Mới,82\n"
    edges = EDGES + f"commune,30001,30001,{TODAY},whole\n"
    await registry.load(loading.load_map, ("units.csv", told.encode()), ("lineage.csv", edges.encode()))
    began = await unit(registry, unit_id("30001", began=str(TODAY)))
    renamed = await unit(registry, unit_id("30003"))
    assert began is not None
    assert renamed is not None
    assert (began.name, renamed.name) == ("Xã Mới", "Xã Ca")


@pytest.mark.tree
async def test_what_had_become_a_hundred_communes_lies_in_what_they_become(registry: Registry) -> None:
    await registry.load_client("portal", scopes=["registry:read", "reforms:write"], secret_sha256=DIGEST)
    found = (await ask(registry, "GET", "/v1/units?within=82&level=commune&valid_on=2026-01-01&limit=500")).json[
        "units"
    ]
    operations = []
    for number in range(50):
        first, second = found[2 * number], found[2 * number + 1]
        new = {"key": f"n{number}", "level": "commune", "type": "xa", "name": f"Xã Gộp {number}", "parent": "82"}
        sources = [{"unit": first["code"]}, {"unit": second["code"]}]
        operations.append({"merge": {"sources": sources, "target": {"new": {**new, "code": first["code"]}}}})
    reform_id = await drafted(registry, {**merger(TODAY), "operations": operations})
    enacted = await act(registry, reform_id, "enact")
    assert (enacted.json["units_ended"], enacted.json["units_begun"]) == (100, 50)
    async with transaction(registry.engine) as connection:
        heads = await log.heads(connection, type_of(UnitV1))
    states = [UnitV1.model_validate_json(head.body) for head in heads.values()]
    begun_units = {state.unit_id for state in states if state.valid_from == TODAY}
    legacy = [state for state in states if state.valid_from is None and begun_units & set(state.within)]
    assert len(begun_units) == 50
    assert len(legacy) > 100
    async with transaction(registry.engine, readonly=True) as connection:
        assert len(await store.written_units(connection)) > 150
