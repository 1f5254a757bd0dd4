"""Tokens, their keys, and what portals and apps read."""

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import pytest

from libs.common.db import transaction
from libs.common.problem import Problem
from libs.contracts.registry import UnitV1
from libs.contracts.registry_api import CatalogueView, JsonWebKeys, TeamPage, TokenAnswer, UnitPage
from services.registry.store import access
from services.registry.use_cases import clients, keys
from tests.integration.registry.conftest import Registry
from tests.support.http import Answer, call

SECRET = "tn_secret/with+signs:and%20such"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def _ask_token(registry: Registry, headers: dict[str, str] | None = None, **form: str) -> Answer:
    body = urlencode({"grant_type": "client_credentials", **form}).encode()
    return await call(registry.app, "POST", "/oauth/token", body=body, headers={**FORM, **(headers or {})})


async def _token(registry: Registry, client_id: str = "portal", secret: str = SECRET, **form: str) -> Answer:
    return await _ask_token(registry, None, client_id=client_id, client_secret=secret, **form)


async def _read(registry: Registry, target: str, *, client_id: str = "portal", **headers: str) -> Answer:
    token = (await _token(registry, client_id)).json["access_token"]
    return await call(registry.app, "GET", target, headers={"authorization": f"Bearer {token}", **headers})


async def token_of(registry: Registry, client_id: str = "portal") -> str:
    """Give a token of a client."""
    token: str = (await _token(registry, client_id)).json["access_token"]
    return token


def _error(answer: Answer) -> tuple[int, Any]:
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.json["error"]


async def test_a_token_is_issued_and_verified(registry: Registry) -> None:
    await registry.load_client("portal", scopes=["registry:read", "metrics:read"], secret_sha256=DIGEST)
    answer = await _token(registry)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    told = TokenAnswer.model_validate_json(answer.body)
    assert (told.expires_in, told.scope) == (300, "metrics:read registry:read")
    caller = registry.guard.verify(told.access_token)
    assert (caller.client_id, set(caller.scopes)) == ("portal", {"metrics:read", "registry:read"})


async def test_the_client_may_stand_in_the_header(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    encoded = urlencode({"": SECRET})[1:]
    basic = base64.b64encode(f"portal:{encoded}".encode()).decode()
    assert (await _ask_token(registry, {"authorization": f"Basic {basic}"})).status == 200
    both = await _ask_token(registry, {"authorization": f"Basic {basic}"}, client_id="portal", client_secret=SECRET)
    assert _error(both) == (400, "invalid_request")
    broken = await _ask_token(registry, {"authorization": "Basic é"})
    assert _error(broken) == (401, "invalid_client")


async def test_fewer_scopes_may_be_asked_for_but_no_others(registry: Registry) -> None:
    await registry.load_client("portal", scopes=["registry:read", "metrics:read"], secret_sha256=DIGEST)
    answer = await _token(registry, scope="metrics:read")
    assert registry.guard.verify(answer.json["access_token"]).scopes == {"metrics:read"}
    assert _error(await _token(registry, scope="metrics:read metrics:exact")) == (400, "invalid_scope")


async def test_a_wrong_secret_an_unknown_and_an_expired_client_look_alike(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    await registry.load_client("gone", secret_sha256=DIGEST, expires_at="2026-01-01T00:00:00+07:00")
    answers = [
        await _token(registry, secret="tn_wrong"),
        await _token(registry, client_id="nobody"),
        await _token(registry, client_id="gone"),
    ]
    for answer in answers:
        assert _error(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert len({answer.json["vi"] for answer in answers}) == 1


async def test_a_suspended_client_gets_no_token_and_its_old_one_is_refused(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    token = (await _token(registry)).json["access_token"]
    registry.guard.verify(token)
    async with transaction(registry.engine) as connection:
        await clients.set_status(connection, "portal", "suspended")
    await registry.load_client("portal", secret_sha256=DIGEST)  # Loading its file again does not resume it.
    assert _error(await _token(registry)) == (401, "invalid_client")
    with pytest.raises(Problem, match="client_suspended"):
        registry.guard.verify(token)
    async with transaction(registry.engine) as connection:
        await clients.set_status(connection, "portal", "active")
    await registry.tell()
    assert (await _token(registry)).status == 200


async def test_a_rotated_secret_replaces_the_old_one_for_good(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    async with transaction(registry.engine) as connection:
        second = await clients.rotate_secret(connection, "portal", overlap_minutes=5)
    assert (await _token(registry)).status == 200
    async with transaction(registry.engine) as connection:
        third = await clients.rotate_secret(connection, "portal", overlap_minutes=0)
    await registry.load_client("portal", secret_sha256=DIGEST)  # The file still has the old one.
    assert _error(await _token(registry)) == (401, "invalid_client")
    assert _error(await _token(registry, secret=second)) == (401, "invalid_client")
    assert (await _token(registry, secret=third)).status == 200


async def test_a_token_does_not_outlive_its_client(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    async with transaction(registry.engine) as connection:
        soon = await connection.fetchval("SELECT to_char(now() + interval '30 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    await registry.load_client("portal", secret_sha256=DIGEST, expires_at=soon)
    assert (await _token(registry)).json["expires_in"] <= 30


async def test_wrong_secrets_do_not_shut_out_who_has_the_right_one(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    for _ in range(20):
        assert (await _token(registry, secret="tn_guess")).status == 401
    assert (await _token(registry)).status == 200


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        (b"grant_type=password&client_id=portal&client_secret=x", FORM, "unsupported_grant_type"),
        (b"client_id=portal&client_secret=x", FORM, "invalid_request"),
        (b"grant_type=client_credentials&grant_type=x&client_id=a&client_secret=b", FORM, "invalid_request"),
        (b"{}", {"content-type": "application/json"}, "invalid_request"),
        (b"grant_type=client_credentials", FORM, "invalid_client"),
        (b"grant_type=client_credentials&client_id=%00&client_secret=b", FORM, "invalid_client"),
        (b"\xff=1", FORM, "invalid_request"),
        (b"a=" + b"x" * 20_000, FORM, "invalid_request"),
    ],
)
async def test_a_malformed_token_request_says_so(
    registry: Registry, body: bytes, headers: dict[str, str], error: str
) -> None:
    answer = await call(registry.app, "POST", "/oauth/token", body=body, headers=headers)
    assert _error(answer)[1] == error
    assert answer.status in (400, 401, 413)


async def test_the_public_keys_are_told_without_the_private_half(registry: Registry) -> None:
    answer = await call(registry.app, "GET", "/.well-known/jwks.json")
    (jwk,) = JsonWebKeys.model_validate_json(answer.body).keys
    assert jwk.keys() == {"kty", "crv", "x", "kid", "alg", "use"}
    again = await call(registry.app, "GET", "/.well-known/jwks.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_a_retired_key_is_refused_at_once_and_never_used_again(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    token = (await _token(registry)).json["access_token"]
    (jwk,) = registry.guard.jwks()["keys"]
    async with transaction(registry.engine) as connection:
        await keys.retire_key(connection, jwk["kid"])
    await registry.tell()
    with pytest.raises(Problem, match="token_invalid"):
        registry.guard.verify(token)
    assert _error(await _token(registry))[0] == 503
    async with transaction(registry.engine) as connection:
        (key,) = await access.list_keys(connection)
        with pytest.raises(clients.Refused):
            await keys.announce_key(connection, key)


@pytest.mark.tree
async def test_portals_read_units_teams_and_the_catalogue(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    catalogue = CatalogueView.model_validate_json((await _read(registry, "/v1/catalogue")).body)
    assert [measure.code for measure in catalogue.measures][:2] == ["FLD-01", "FLD-04"]
    both = UnitPage.model_validate_json((await _read(registry, "/v1/units?code=82")).body)
    assert {unit.short_name for unit in both.units} == {"Tiền Giang", "Đồng Tháp"}
    then = UnitPage.model_validate_json((await _read(registry, "/v1/units?code=82&valid_on=2025-05-10")).body)
    assert [unit.short_name for unit in then.units] == ["Tiền Giang"]
    wards = await _read(registry, "/v1/units?parent=867&valid_on=2025-05-10&level=commune")
    assert len(UnitPage.model_validate_json(wards.body).units) == 9
    unit_id = then.units[0].unit_id
    assert UnitV1.model_validate_json((await _read(registry, f"/v1/units/{unit_id}")).body) == then.units[0]
    in_new_province = TeamPage.model_validate_json((await _read(registry, "/v1/teams?unit=82&limit=500")).body)
    assert len(in_new_province.teams) == 46
    one = TeamPage.model_validate_json((await _read(registry, "/v1/teams?code=SD-01")).body)
    assert [team.code for team in one.teams] == ["SD-01"]


@pytest.mark.tree
async def test_pages_follow_each_other_without_gap_or_repetition(registry: Registry) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    seen: list[str] = []
    target = "/v1/teams?limit=20"
    while target:
        page = TeamPage.model_validate_json((await _read(registry, target)).body)
        seen += [team.code for team in page.teams]
        target = f"/v1/teams?limit=20&cursor={page.next}" if page.next else ""
    assert (len(seen), len(set(seen))) == (46, 46)


@pytest.mark.tree
async def test_a_client_sees_the_teams_of_its_own_subtree(registry: Registry) -> None:
    ward = {"code": "29905", "valid_on": "2025-05-01"}
    await registry.load_client("ward", secret_sha256=DIGEST, unit=ward)
    await registry.load_client("tien-giang", secret_sha256=DIGEST, unit={"code": "82", "valid_on": "2025-05-01"})
    own = TeamPage.model_validate_json((await _read(registry, "/v1/teams", client_id="ward")).body)
    assert 0 < len(own.teams) < 46
    assert (await _read(registry, "/v1/teams", client_id="tien-giang")).json["teams"] == []


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/v1/units?limit=501", 422, "bad_parameter"),
        ("/v1/units?limit=0", 422, "bad_parameter"),
        ("/v1/units?cursor=zzz", 422, "bad_parameter"),
        ("/v1/units?colour=red", 422, "bad_parameter"),
        ("/v1/units?code=1&code=2", 422, "bad_parameter"),
        ("/v1/units?level=hamlet", 422, "bad_parameter"),
        ("/v1/units?valid_on=tomorrow", 422, "bad_parameter"),
        ("/v1/units?parent=00", 422, "unknown_unit"),
        ("/v1/units/00000000-0000-0000-0000-000000000000", 404, "not_found"),
        ("/v1/units/none", 404, "not_found"),
    ],
)
async def test_what_cannot_be_read_says_why(registry: Registry, target: str, status: int, code: str) -> None:
    await registry.load_client("portal", secret_sha256=DIGEST)
    answer = await _read(registry, target)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_reading_needs_the_scope(registry: Registry) -> None:
    await registry.load_client("portal", scopes=["metrics:read"], secret_sha256=DIGEST)
    assert (await _read(registry, "/v1/catalogue")).json["code"] == "scope_missing"
    assert (await call(registry.app, "GET", "/v1/catalogue")).json["code"] == "token_missing"
