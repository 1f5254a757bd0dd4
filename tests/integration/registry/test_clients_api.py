"""Clients by the API: nobody grants more than it has, secrets are shown once, every change is audited."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from libs.common.db import transaction
from libs.common.files import BadFile
from libs.contracts.clients_api import AuditPage, ClientPage, ClientSecret, ClientView
from services.registry.domain.clients import SCOPES
from services.registry.store import access
from services.registry.use_cases import clients
from tests.integration.registry.conftest import Registry
from tests.support.http import Answer, call

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
DONG_THAP, SA_DEC = {"code": "82", "valid_on": "2026-01-01"}, "29905"


class Desk:
    """An operator with a secret of its own, and what it does through the API."""

    def __init__(self, registry: Registry, client_id: str, secret: str) -> None:
        self.registry, self.client_id, self.secret = registry, client_id, secret

    async def token(self, client_id: str | None = None, secret: str | None = None, scope: str = "") -> Answer:
        form = {"grant_type": "client_credentials", "client_id": client_id or self.client_id}
        form |= {"client_secret": secret or self.secret} | ({"scope": scope} if scope else {})
        return await call(self.registry.app, "POST", "/oauth/token", body=urlencode(form).encode(), headers=FORM)

    async def get(self, path: str, **headers: str) -> Answer:
        return await call(self.registry.app, "GET", path, headers={**await self._headers(), **headers})

    async def post(self, path: str, body: Any, scope: str = "") -> Answer:
        headers = {**await self._headers(scope), **JSON}
        answer = await call(self.registry.app, "POST", path, body=json.dumps(body).encode(), headers=headers)
        await self.registry.tell()
        return answer

    async def create(self, client_id: str, **values: Any) -> Answer:
        asked = {"client_id": client_id, "name": client_id, "kind": "portal", "scopes": ["registry:read"], **values}
        return await self.post("/v1/clients", asked)

    async def _headers(self, scope: str = "") -> dict[str, str]:
        answer = await self.token(scope=scope)
        return {"authorization": f"Bearer {answer.json['access_token']}"}


async def _desk(registry: Registry, client_id: str = "ops", **values: Any) -> Desk:
    asked = {"name": client_id, "kind": "operator", "scopes": list(SCOPES), "unit": None, **values}
    async with transaction(registry.engine) as connection:
        secret = await clients.create_client(connection, client_id, asked)
    await registry.tell()
    return Desk(registry, client_id, secret)


def _codes(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status >= 400, answer.body
    return [(fault["code"], fault["pointer"]) for fault in answer.json["errors"]]


@pytest.mark.tree
async def test_a_client_is_made_with_all_it_is_and_its_secret_is_shown_once(registry: Registry) -> None:
    desk = await _desk(registry)
    answer = await desk.create(
        "bank",
        kind="partner",
        scopes=["partner-reports:write"],
        unit="82",
        partner=await _a_partner(registry),
        expires_at="2040-01-01T00:00:00+07:00",
        quota_class="bulk",
        codes_as_of="2025-06-30",
    )
    made = ClientSecret.model_validate_json(answer.body)
    assert answer.headers["cache-control"] == "no-store"
    assert made.client.unit is not None
    assert (made.client.unit.name, made.client.revision, len(made.client.secrets)) == ("Tỉnh Đồng Tháp", 1, 1)
    token = await desk.token("bank", made.secret)
    caller = registry.guard.verify(token.json["access_token"])
    assert (caller.unit_id, str(caller.codes_as_of)) == (made.client.unit.unit_id, "2025-06-30")
    read = await desk.get("/v1/clients/bank")
    assert ClientView.model_validate_json(read.body) == made.client
    audit = await desk.get("/v1/audit?object_kind=client&object_id=bank")
    for seen in (read, audit, await desk.get("/v1/clients")):
        assert made.secret.encode() not in seen.body
        assert clients.digest_of(made.secret).hex().encode() not in seen.body
    assert (await desk.create("bank")).json["code"] == "client_exists"
    assert (await desk.get("/v1/clients/bank", **{"if-none-match": read.headers["etag"]})).status == 304


async def _a_partner(registry: Registry) -> str:
    async with transaction(registry.engine, readonly=True) as connection:
        return min(await access.list_partners(connection))


@pytest.mark.tree
async def test_nobody_grants_a_scope_a_unit_or_a_time_beyond_its_own(registry: Registry) -> None:
    desk = await _desk(
        registry,
        scopes=["clients:write", "registry:read"],
        unit=DONG_THAP,
        expires_at="2040-01-01T00:00:00+07:00",
    )
    answer = await desk.create("x1", scopes=["registry:read", "metrics:exact"], unit="01")
    assert (answer.status, answer.json["code"]) == (403, "beyond_own")
    assert _codes(answer) == [
        ("scope_beyond_own", "/scopes/1"),
        ("unit_beyond_own", "/unit"),
        ("expiry_beyond_own", "/expires_at"),
    ]
    until = "2039-01-01T00:00:00+07:00"
    assert _codes(await desk.create("x1", expires_at=until)) == [("unit_beyond_own", "/unit")]
    assert (await desk.create("x1", unit=SA_DEC, expires_at=until)).status == 200
    change = {"revision": 1, "scopes": ["metrics:read"]}
    assert _codes(await desk.post("/v1/clients/x1:change", change)) == [("scope_beyond_own", "/scopes/0")]
    change = {"revision": 1, "unit": None}
    assert _codes(await desk.post("/v1/clients/x1:change", change)) == [("unit_beyond_own", "/unit")]
    change = {"revision": 1, "expires_at": None}
    assert _codes(await desk.post("/v1/clients/x1:change", change)) == [("expiry_beyond_own", "/expires_at")]


async def test_a_token_with_fewer_scopes_grants_no_others(registry: Registry) -> None:
    desk = await _desk(registry)
    asked = {"client_id": "x1", "name": "x", "kind": "portal", "scopes": ["registry:read"]}
    answer = await desk.post("/v1/clients", asked, scope="clients:write")
    assert _codes(answer) == [("scope_beyond_own", "/scopes/0")]
    assert (await desk.post("/v1/clients", asked, scope="clients:write registry:read")).status == 200


@pytest.mark.tree
async def test_whoever_may_do_more_gives_its_secret_to_nobody_but_can_be_suspended(registry: Registry) -> None:
    await _desk(registry, "strong", unit={"code": SA_DEC, "valid_on": "2026-01-01"})
    desk = await _desk(registry, scopes=["clients:write"], unit=DONG_THAP)
    assert (await desk.post("/v1/clients/strong:rotate", {"revision": 1})).json["code"] == "beyond_own"
    assert (await desk.post("/v1/clients/strong:change", {"revision": 1, "name": "x"})).json["code"] == "beyond_own"
    assert (await desk.post("/v1/clients/strong:suspend", {"revision": 1})).json["status"] == "suspended"
    assert (await desk.post("/v1/clients/strong:resume", {"revision": 2})).json["code"] == "beyond_own"


@pytest.mark.tree
async def test_only_clients_of_the_own_subtree_are_seen(registry: Registry) -> None:
    everywhere = await _desk(registry)
    desk = await _desk(registry, "dong-thap", unit=DONG_THAP)
    for client_id, unit in (("aa", SA_DEC), ("bb", "82"), ("cc", "01"), ("dd", None)):
        assert (await everywhere.create(client_id, unit=unit)).status == 200
    page = ClientPage.model_validate_json((await desk.get("/v1/clients")).body)
    assert [client.client_id for client in page.clients] == ["aa", "bb", "dong-thap"]
    assert [each["client_id"] for each in (await everywhere.get("/v1/clients?unit=82")).json["clients"]] == [
        "aa",
        "bb",
        "dong-thap",
    ]
    for path in ("cc", "dd", "nobody"):
        assert (await desk.get(f"/v1/clients/{path}")).json["code"] == "client_unknown"
        answer = await desk.post(f"/v1/clients/{path}:suspend", {"revision": 1})
        assert (answer.status, answer.json["code"]) == (404, "client_unknown")
    seen = {entry["object_id"] for entry in (await desk.get("/v1/audit")).json["entries"]}
    assert seen == {"aa", "bb", "dong-thap"}


async def test_clients_are_paged_by_key_and_found_by_status(registry: Registry) -> None:
    desk = await _desk(registry)
    for number in range(5):
        await desk.create(f"c{number}")
    await desk.post("/v1/clients/c3:suspend", {"revision": 1})
    found, path = [], "/v1/clients?limit=2"
    while path:
        page = (await desk.get(path)).json
        found += [client["client_id"] for client in page["clients"]]
        path = f"/v1/clients?limit=2&cursor={page['next']}" if page["next"] else ""
    assert found == ["c0", "c1", "c2", "c3", "c4", "ops"]
    assert [c["client_id"] for c in (await desk.get("/v1/clients?status=suspended")).json["clients"]] == ["c3"]
    for query in ("status=x", "cursor=AAAAAAAAAAAAAAAAAAAAAA", "limit=0", "x=1"):
        assert (await desk.get(f"/v1/clients?{query}")).status == 422


async def test_two_secrets_hold_at_once_and_a_third_ends_the_oldest(registry: Registry) -> None:
    desk = await _desk(registry)
    secrets = [(await desk.create("portal")).json["secret"]]
    for revision in (1, 2):
        answer = await desk.post("/v1/clients/portal:rotate", {"revision": revision, "overlap_minutes": 60})
        assert len(answer.json["client"]["secrets"]) == 2
        secrets.append(answer.json["secret"])
    assert [(await desk.token("portal", secret)).status for secret in secrets] == [401, 200, 200]
    at_once = await desk.post("/v1/clients/portal:rotate", {"revision": 3, "overlap_minutes": 0})
    assert len(at_once.json["client"]["secrets"]) == 1
    assert [(await desk.token("portal", secret)).status for secret in secrets] == [401, 401, 401]
    assert (await desk.token("portal", at_once.json["secret"])).status == 200


async def test_of_two_who_edit_one_client_the_later_is_told_how_it_stands(registry: Registry) -> None:
    desk = await _desk(registry)
    await desk.create("portal")
    answers = await asyncio.gather(
        *(desk.post("/v1/clients/portal:change", {"revision": 1, "name": name}) for name in "ab"),
        desk.post("/v1/clients/portal:rotate", {"revision": 1}),
        desk.post("/v1/clients/portal:suspend", {"revision": 1}),
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    late = next(answer for answer in answers if answer.status == 409)
    assert (late.json["code"], late.json["record"]["revision"]) == ("stale_revision", 2)


async def test_a_suspended_client_is_refused_until_it_is_resumed(registry: Registry) -> None:
    desk = await _desk(registry)
    portal = Desk(registry, "portal", (await desk.create("portal")).json["secret"])
    assert (await portal.get("/v1/units?code=82")).status == 200
    await desk.post("/v1/clients/portal:suspend", {"revision": 1})
    assert (await portal.token()).status == 401
    again = await desk.post("/v1/clients/portal:suspend", {"revision": 2})
    assert (again.status, again.json["revision"]) == (200, 2)
    await desk.post("/v1/clients/portal:resume", {"revision": 2})
    assert (await portal.token()).status == 200


async def test_nobody_changes_itself_but_may_renew_its_secret(registry: Registry) -> None:
    desk = await _desk(registry)
    for action, body in (("change", {"name": "x"}), ("suspend", {}), ("resume", {})):
        answer = await desk.post(f"/v1/clients/ops:{action}", {"revision": 1, **body})
        assert (answer.status, answer.json["code"]) == (403, "own_client")
    assert (await desk.post("/v1/clients/ops:rotate", {"revision": 1})).status == 200


@pytest.mark.parametrize(
    ("values", "code", "pointer"),
    [
        ({"client_id": "Ngân hàng"}, "malformed_value", "/client_id"),
        ({"scopes": []}, "too_short", "/scopes"),
        ({"scopes": ["all"]}, "unknown_value", "/scopes/0"),
        ({"scopes": ["registry:read", "registry:read"]}, "scope_repeated", "/scopes"),
        ({"kind": "partner"}, "partner_missing", "/partner"),
        ({"partner": "nobody"}, "unknown_partner", "/partner"),
        ({"unit": "99999"}, "unknown_unit_code", "/unit"),
        ({"codes_as_of": "2999-01-01"}, "code_list_in_the_future", "/codes_as_of"),
        ({"expires_at": "2030-01-01T00:00:00"}, "offset_missing", "/expires_at"),
        ({"secret": "mine"}, "unknown_field", "/secret"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    registry: Registry, values: dict[str, Any], code: str, pointer: str
) -> None:
    desk = await _desk(registry)
    before = await registry.rows()
    assert _codes(await desk.create(**{"client_id": "x1", **values})) == [(code, pointer)]
    assert await registry.rows() == before
    assert (await desk.get("/v1/clients/x1")).status == 404


async def test_the_scope_is_needed(registry: Registry) -> None:
    desk = await _desk(registry, scopes=["registry:read"])
    for answer in (await desk.get("/v1/clients"), await desk.get("/v1/audit"), await desk.create("x1")):
        assert (answer.status, answer.json["code"]) == (403, "scope_missing")


async def test_every_change_is_audited_with_what_was_and_is(registry: Registry) -> None:
    desk = await _desk(registry)
    await desk.create("portal")
    await desk.post("/v1/clients/portal:change", {"revision": 1, "name": "Cổng", "codes_as_of": "2025-01-01"})
    await desk.post("/v1/clients/portal:change", {"revision": 2, "name": "Cổng"})
    await desk.post("/v1/clients/portal:rotate", {"revision": 2, "overlap_minutes": 5})
    await desk.post("/v1/clients/portal:suspend", {"revision": 3})
    async with transaction(registry.engine) as connection:
        await clients.set_status(connection, "portal", "active")
    await registry.load_client("portal", name="Cổng 2", secret_sha256="ab" * 32)
    found = await desk.get("/v1/audit?object_kind=client&object_id=portal&limit=4")
    page = AuditPage.model_validate_json(found.body)
    rest = AuditPage.model_validate_json(
        (await desk.get(f"/v1/audit?object_id=portal&limit=4&cursor={page.next}")).body
    )
    told = [(e.client_id, e.action, e.before, e.after) for e in (*page.entries, *rest.entries)]
    assert [(by, action) for by, action, _, _ in told] == [
        ("@console", "client.loaded"),
        ("@console", "client.resumed"),
        ("ops", "client.suspended"),
        ("ops", "client.rotated"),
        ("ops", "client.changed"),
        ("ops", "client.created"),
    ]
    assert told[0][2:] == (
        {"name": "Cổng", "codes_as_of": "2025-01-01"},
        {"name": "Cổng 2", "codes_as_of": None, "secret": "replaced"},
    )
    assert told[3][2:] == ({}, {"revision": 3, "overlap_minutes": 5})
    assert told[4][2:] == (
        {"name": "portal", "codes_as_of": None},
        {"name": "Cổng", "codes_as_of": "2025-01-01", "revision": 2},
    )
    assert rest.next is None
    assert (await desk.get("/v1/audit?client_id=@console&object_id=portal")).json["entries"][0]["action"] == (
        "client.loaded"
    )


async def test_a_file_and_the_command_line_name_the_quota_class_and_the_list(registry: Registry) -> None:
    desk = await _desk(registry)
    await registry.load_client("portal", quota_class="public", codes_as_of="2025-06-30")
    shown = (await desk.get("/v1/clients/portal")).json
    assert (shown["quota_class"], shown["codes_as_of"]) == ("public", "2025-06-30")
    with pytest.raises(BadFile):
        await registry.load_client("portal", quota_class="unlimited")
