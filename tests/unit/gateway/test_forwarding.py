"""What goes through is exactly what came; limits hold however the size is told; an upstream away is said."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp
import pytest

from services.gateway.clients import UpstreamAway, open_upstreams
from tests.unit.gateway.door import open_door, raw

MIB = 1024 * 1024
BATCH = "/v1/visits:batch"
BULK = "/v1/visits:bulk"
RECORD = "0196b6d0-5a40-7c31-9a52-6f1d2c3b4a59"
JSON = {"content-type": "application/json"}


async def chunks(size: int) -> AsyncIterator[bytes]:
    while size > 0:
        yield b"x" * min(size, 65536)
        size -= 65536


async def test_the_same_bytes_arrive_whatever_they_are() -> None:
    body = b'{"rows": [ {"id":1,"id":2}, NaN, "\\u0000", 1e400 ] }\n\xff\xfe'
    async with open_door() as door:
        headers = {**door.authorized("visits:write"), **JSON, "accept-language": "en"}
        async with door.session.post(BATCH + "?mode=validate&atomic=true", data=body, headers=headers) as response:
            assert response.status == 200
            assert await response.read() == door.answer
        (noted,) = door.noted
        assert (noted.upstream, noted.method, noted.path) == ("visits", "POST", BATCH + "?mode=validate&atomic=true")
        assert noted.body == body
        assert {name: noted.headers[name] for name in headers} == headers


async def test_only_the_named_headers_go_through() -> None:
    async with open_door() as door:
        extra = {"cookie": "a=b", "x-forwarded-for": "1.2.3.4", "te": "trailers", "x-secret": "1", "user-agent": "app"}
        headers = {**door.authorized(), **extra, "if-none-match": '"v1"'}
        async with door.session.get("/v1/units?code=29905", headers=headers) as response:
            assert response.status == 200
        sent = set(door.noted[0].headers)
        assert sent == {"host", "authorization", "if-none-match", "x-request-id", "accept-encoding", "accept"} - {
            "accept"
        }


async def test_the_answer_comes_back_with_the_headers_that_mean_something() -> None:
    async with open_door() as door:
        door.status, door.answer = 409, '{"code":"stale_revision","detail":"bản cũ"}'.encode()
        door.answer_headers = {
            "content-type": "application/problem+json",
            "content-language": "vi",
            "etag": '"7"',
            "cache-control": "private, max-age=5",
            "retry-after": "3",
            "www-authenticate": "Bearer",
            "location": "/v1/visits/1",
            "ratelimit": '"live";r=5;t=1',
            "ratelimit-policy": '"live";q=10;w=1',
            "set-cookie": "a=b",
            "x-powered-by": "us",
        }
        path = f"/v1/visits/{RECORD}:correct"
        async with door.session.post(path, data=b"{}", headers={**door.authorized(), **JSON}) as response:
            assert response.status == 409
            assert await response.read() == door.answer
            passed = {
                name: value for name, value in door.answer_headers.items() if name not in ("set-cookie", "x-powered-by")
            }
            assert {name: response.headers[name] for name in passed} == passed
            assert "set-cookie" not in response.headers
            assert "x-powered-by" not in response.headers


async def test_who_helps_where_is_asked_without_a_token_and_may_be_kept_on_the_way() -> None:
    async with open_door() as door:
        door.answer_headers = {"etag": '"7"', "cache-control": "public, max-age=60"}
        async with door.session.get("/v1/help?unit=29905", headers={"if-none-match": '"6"'}) as response:
            assert response.status == 200
            assert response.headers["cache-control"] == "public, max-age=60"
            assert response.headers["etag"] == '"7"'
        (noted,) = door.noted
        assert (noted.upstream, noted.path) == ("registry", "/v1/help?unit=29905")
        assert noted.headers["if-none-match"] == '"6"'
        assert "authorization" not in noted.headers


async def test_an_unchanged_answer_is_304_without_a_body() -> None:
    async with open_door() as door:
        door.status, door.answer, door.answer_headers = 304, b"", {"etag": '"7"'}
        headers = {**door.authorized(), "if-none-match": '"7"'}
        async with door.session.get("/v1/metrics?measures=FLD-07", headers=headers) as response:
            assert response.status == 304
            assert await response.read() == b""
            assert response.headers["etag"] == '"7"'


@pytest.mark.parametrize(
    "query", ["", "?unit=867&group_by=unit:commune,time:day", "?a=%2F%20+%C4%91&a=&&b", "?measures=FLD-07%2CFLD-08"]
)
async def test_the_query_passes_as_it_is(query: str) -> None:
    async with open_door() as door:
        token = door.authorized()["authorization"]
        head = f"GET /v1/metrics{query} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n"
        answer, _ = await raw(door, head.encode(), most=0)
        assert b" 200 " in answer.split(b"\r\n")[0]
        assert door.noted[0].path == f"/v1/metrics{query}"


async def test_head_is_answered_as_get_without_the_body() -> None:
    async with open_door() as door, door.session.head("/v1/catalogue", headers=door.authorized()) as response:
        assert response.status == 200
        assert await response.read() == b""
        assert door.noted[0].method == "GET"


@pytest.mark.parametrize("size", [MIB, 0])
async def test_a_body_of_exactly_the_limit_goes_through(size: int) -> None:
    async with open_door() as door:
        async with door.session.post(BATCH, data=b"x" * size, headers={**door.authorized(), **JSON}) as response:
            assert response.status == 200
        assert len(door.noted[0].body) == size


async def test_one_byte_more_is_too_large_with_an_honest_length() -> None:
    async with open_door() as door:
        async with door.session.post(
            BATCH, data=BytesIO(b"x" * (MIB + 1)), headers={**door.authorized(), **JSON}
        ) as response:
            assert response.status == 413
            assert (await response.json(content_type=None))["code"] == "body_too_large"
        assert door.noted == []


async def test_one_byte_more_is_too_large_with_no_length() -> None:
    async with open_door() as door:
        async with door.session.post(BATCH, data=chunks(MIB + 1), headers={**door.authorized(), **JSON}) as response:
            assert response.status == 413
        assert door.noted == []


async def test_a_length_that_lies_changes_nothing() -> None:
    async with open_door() as door:
        token = door.authorized()["authorization"]
        head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
        # Chunked with a small Content-Length beside it: refused by the server, or counted by its chunks.
        piece = b"10001\r\n" + b"x" * 0x10001 + b"\r\n"
        lying = (head + "Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
        answer, _ = await raw(door, lying, piece * 17 + b"0\r\n\r\n")
        assert answer.split(b" ")[1] in (b"400", b"413")
        # Less announced than sent: the rest is no body of this request, and goes nowhere.
        answer, _ = await raw(
            door, (head + "Content-Length: 2\r\nConnection: close\r\n\r\n").encode(), b"{}" + b"x" * MIB
        )
        assert [noted.body for noted in door.noted] in ([b"{}"], [])


async def test_a_body_that_breaks_off_is_not_forwarded() -> None:
    async with open_door() as door:
        token = door.authorized()["authorization"]
        head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write((head + "Content-Length: 100\r\n\r\n").encode() + b"{")
        await writer.drain()
        writer.close()
        async with door.session.get("/v1/catalogue", headers=door.authorized()) as response:
            assert response.status == 200
        assert [noted.path for noted in door.noted] == ["/v1/catalogue"]


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "text/plain"}, {"content-type": ""}, {**JSON, "content-encoding": "gzip"}],
)
async def test_another_type_or_a_compressed_body_is_refused(headers: dict[str, str]) -> None:
    async with open_door() as door:
        async with door.session.post(BATCH, data=b"{}", headers={**door.authorized(), **headers}) as response:
            assert response.status == 415
            assert "application/json" in (await response.json(content_type=None))["detail"]
        assert door.noted == []


async def test_identity_is_no_compression_and_a_charset_is_no_other_type() -> None:
    async with open_door() as door:
        headers = {"content-type": "application/json; charset=utf-8", "content-encoding": "identity"}
        async with door.session.post(BATCH, data=b"{}", headers={**door.authorized(), **headers}) as response:
            assert response.status == 200


@pytest.mark.parametrize(("method", "path"), [("POST", BATCH), ("GET", "/v1/metrics"), ("POST", "/oauth/token")])
async def test_an_upstream_away_is_503_with_retry_after(method: str, path: str) -> None:
    async with open_door(away=True) as door:
        form = (
            {"content-type": "application/x-www-form-urlencoded"} if "oauth" in path else {**door.authorized(), **JSON}
        )
        async with door.session.request(method, path, data=b"{}", headers=form) as response:
            assert response.status == 503
            assert (await response.json(content_type=None))["code"] == "unavailable"
            assert int(response.headers["retry-after"]) > 0


async def test_a_post_whose_answer_never_came_is_sent_once() -> None:
    async with open_door(answer_seconds=0.3) as door:
        for slow, broken in ((1.0, False), (0.0, True)):
            door.noted.clear()
            door.delay_seconds, door.break_off = slow, broken
            async with door.session.post(BATCH, data=b"{}", headers={**door.authorized(), **JSON}) as response:
                assert response.status == 503
            assert len(door.noted) == 1


async def test_the_request_id_goes_through_and_comes_back() -> None:
    async with open_door() as door:
        headers = {**door.authorized(), "x-request-id": "portal-2025.05_10"}
        async with door.session.get("/v1/catalogue", headers=headers) as response:
            assert response.headers.getall("x-request-id") == ["portal-2025.05_10"]
        async with door.session.get("/v1/catalogue", headers={**headers, "x-request-id": "no spaces!"}) as response:
            made = response.headers["x-request-id"]
        assert [noted.headers["x-request-id"] for noted in door.noted] == ["portal-2025.05_10", made]
        assert made != "no spaces!"
        async with door.session.get("/v1/catalogue", headers={"x-request-id": "mine"}) as response:
            assert (await response.json(content_type=None))["trace_id"] == "mine"


async def test_tokens_are_asked_for_with_basic_credentials_and_a_form() -> None:
    async with open_door() as door:
        auth = {"authorization": aiohttp.encode_basic_auth("sa-dec-portal", "secret")}
        form = {"grant_type": "client_credentials"}
        async with door.session.post("/oauth/token", data=form, headers=auth) as response:
            assert response.status == 200
        (noted,) = door.noted
        assert noted.headers["authorization"] == auth["authorization"]
        assert noted.body == b"grant_type=client_credentials"
        async with door.session.post("/oauth/token", data={"scope": "x" * 16384}, headers=auth) as response:
            assert response.status == 413


async def test_an_upstream_that_cannot_be_reached_is_told_by_name() -> None:
    async with open_upstreams({"visits": "http://127.0.0.1:1/"}, connect_seconds=1, answer_seconds=1) as upstreams:
        with pytest.raises(UpstreamAway, match="visits"):
            await upstreams["visits"].ask("GET", "/v1/visits", {}, None)


async def test_a_large_body_arrives_as_it_is_and_one_byte_more_is_too_large() -> None:
    async with open_door() as door:
        headers = {**door.authorized(), **JSON}
        async with door.session.post(BULK, data=chunks(16 * MIB), headers=headers) as response:
            assert response.status == 200
        assert door.noted[0].headers["content-length"] == str(16 * MIB)
        assert door.noted[0].body == b"x" * (16 * MIB)
        async with door.session.post(BULK, data=chunks(16 * MIB + 1), headers=headers) as response:
            assert (response.status, (await response.json(content_type=None))["code"]) == (413, "body_too_large")
        assert len(door.noted) == 1


async def test_only_a_few_large_bodies_are_in_hand_at_a_time_and_live_work_goes_on() -> None:
    async with open_door() as door:
        door.delay_seconds = 0.5

        async def ask(path: str) -> int:
            async with door.session.post(path, data=b"{}", headers={**door.authorized(), **JSON}) as response:
                if response.status == 503:
                    assert (await response.json(content_type=None))["code"] == "bulk_busy"
                    assert response.headers["retry-after"] == "2"
                return response.status

        *bulks, live = await asyncio.gather(*(ask(BULK) for _ in range(5)), ask(BATCH))
        assert (sorted(bulks), live) == ([200] * 4 + [503], 200)
        assert await ask(BULK) == 200
