"""Token and scope come before the body; problems are told in two languages."""

import asyncio
import time
from typing import Any

import pytest
from starlette.types import Message

from libs.common.auth import Guard
from libs.common.telemetry import new_registry
from libs.contracts.operations import OPERATIONS, Operation
from services.gateway.settings import Settings
from services.gateway.wiring import build_api
from tests.unit.gateway.door import CLIENT, open_door, raw

GUARDED = [operation for operation in OPERATIONS if operation.scope and operation.service != "gateway"]
BATCH = "/v1/visits:batch"


def address(operation: Operation) -> str:
    """Give a path of an operation with its examples filled in."""
    path = operation.path
    for parameter in operation.parameters:
        path = path.replace(f"{{{parameter.name}}}", str(parameter.example))
    return path


async def test_without_a_token_the_body_is_not_read() -> None:
    async with open_door() as door:
        head = b"POST /v1/visits:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n"
        answer, taken = await raw(door, head, most=200_000_000)
        assert b" 401 " in answer.split(b"\r\n")[0]
        assert b'"code":"token_missing"' in answer
        assert b"connection: close" in answer.lower()
        # What was taken lies in the sockets' buffers; a body that is read is taken to its end.
        assert taken < 20_000_000
        assert door.noted == []


@pytest.mark.parametrize("authorization", [None, b"Bearer nonsense"])
async def test_refusing_a_caller_never_asks_for_the_body(authorization: bytes | None) -> None:
    urls = {f"{name}_url": "http://127.0.0.1:1" for name in ("registry", "visits", "metrics")}
    settings = Settings.model_validate({"kafka_bootstrap": "127.0.0.1:1", **urls})
    known = asyncio.Event()
    known.set()
    app = build_api(settings, guard=Guard("tungnha"), known=known, registry=new_registry())
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", authorization)] if authorization else []
    await app(scope("POST", BATCH, headers), receive, send)
    assert sent[0]["status"] == 401


def scope(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.operation_id)
async def test_every_guarded_operation_needs_its_very_scope(operation: Operation) -> None:
    assert operation.scope is not None
    enough = (operation.scope, *operation.or_scopes)
    others = [other.scope for other in GUARDED if other.scope and other.scope not in enough]
    async with open_door() as door:
        body = b"{}" if operation.request else None
        json = {"content-type": "application/json"} if body else {}
        tried = ({}, 401), (door.authorized(*others), 403), *((door.authorized(scope), 200) for scope in enough)
        for authorized, status in tried:
            async with door.session.request(
                operation.method, address(operation), data=body, headers={**authorized, **json}
            ) as response:
                assert response.status == status
                if status == 403:
                    assert (await response.json(content_type=None))["code"] == "scope_missing"
        assert [noted.upstream for noted in door.noted] == [operation.service] * len(enough)


async def test_an_expired_token_a_suspended_client_and_a_foreign_key_are_refused() -> None:
    async with open_door() as door:

        async def code(token: str) -> tuple[int, str, str]:
            headers = {"authorization": f"Bearer {token}"}
            async with door.session.get("/v1/catalogue", headers=headers) as response:
                body = await response.json(content_type=None)
                return response.status, body["code"], response.headers["www-authenticate"].partition(" ")[0]

        assert await code(door.issuer.token(CLIENT, lives_seconds=-60)) == (401, "token_expired", "Bearer")
        other = type(door.issuer)(Guard("tungnha"))
        assert await code(other.token(CLIENT)) == (401, "token_invalid", "Bearer")
        good = door.issuer.token(CLIENT)
        async with door.session.get("/v1/catalogue", headers={"authorization": f"Bearer {good}"}) as response:
            assert response.status == 200
        door.issuer.client(CLIENT, status="suspended")
        assert await code(good) == (401, "client_suspended", "Bearer")


async def test_a_token_dies_while_it_is_remembered() -> None:
    async with open_door() as door:
        headers = door.issuer.headers(CLIENT, lives_seconds=1)
        statuses = set()
        give_up = time.monotonic() + 10
        while 401 not in statuses and time.monotonic() < give_up:
            async with door.session.get("/v1/catalogue", headers=headers) as response:
                statuses.add(response.status)
        assert statuses == {200, 401}


async def test_until_the_clients_are_known_nobody_is_called_unknown() -> None:
    async with open_door() as door:
        door.known.clear()
        async with door.session.get("/v1/catalogue", headers=door.authorized()) as response:
            assert response.status == 503
            assert (await response.json(content_type=None))["code"] == "not_ready"
            assert response.headers["retry-after"]
        async with door.session.get("/health/ready") as response:
            assert response.status == 503
        async with door.session.get("/health/live") as response:
            assert response.status == 200
        door.known.set()
        async with door.session.get("/health/ready") as response:
            assert await response.json() == {"status": "ready", "parts": {"clients": True}}


async def test_problems_are_vietnamese_unless_english_is_preferred() -> None:
    async with open_door() as door:
        async with door.session.get("/v1/catalogue") as response:
            vietnamese = await response.json(content_type=None)
            assert response.headers["content-language"] == "vi"
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-content-type-options"] == "nosniff"
        async with door.session.get("/v1/catalogue", headers={"accept-language": "en"}) as response:
            english = await response.json(content_type=None)
            assert response.headers["content-language"] == "en"
        assert vietnamese["detail"] == vietnamese["vi"] == english["vi"] != english["detail"] == english["en"]
        assert vietnamese["type"] == "/problems/token_missing"
        async with door.session.get(vietnamese["type"]) as response:
            assert response.status == 200


@pytest.mark.parametrize("path", ["/v1/visit", "/v1/visits/", "/v1/visits/42", "/v2/visits", "/v1/visits:batch/"])
async def test_an_unknown_path_is_not_found_and_never_redirected(path: str) -> None:
    async with (
        open_door() as door,
        door.session.get(path, headers=door.authorized(), allow_redirects=False) as response,
    ):
        assert response.status == 404
        assert (await response.json(content_type=None))["code"] == "not_found"
        assert door.noted == []


@pytest.mark.parametrize(("method", "path"), [("GET", BATCH), ("DELETE", "/v1/visits"), ("POST", "/v1/catalogue")])
async def test_another_method_is_405_and_says_which_are_allowed(method: str, path: str) -> None:
    async with open_door() as door, door.session.request(method, path, headers=door.authorized()) as response:
        assert response.status == 405
        assert (await response.json(content_type=None))["code"] == "method_not_allowed"
        assert response.headers["allow"]
        assert door.noted == []
