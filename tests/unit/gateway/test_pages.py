"""The public pages: index, OpenAPI, documentation, problem codes; security headers and CORS."""

import asyncio
import json
from html.parser import HTMLParser

import pytest
from starlette.routing import Route

from libs.common.auth import Guard
from libs.common.telemetry import new_registry
from libs.contracts import openapi
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from services.gateway.api.forwarding import route_path
from services.gateway.api.html import documentation
from services.gateway.settings import Settings
from services.gateway.wiring import build_api
from tests.unit.gateway.door import open_door

HTML = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


async def test_the_index_links_to_what_there_is() -> None:
    async with open_door() as door:
        async with door.session.get("/") as response:
            index = await response.json()
        for name, path in index.items():
            if name not in ("name", "token"):
                async with door.session.get(path) as response:
                    assert response.status == 200, path


async def test_the_openapi_document_names_the_public_address_and_is_cached_by_its_tag() -> None:
    async with open_door(public_url="https://api.tungnha.example") as door:
        async with door.session.get("/openapi.json") as response:
            document = await response.json()
            tag = response.headers["etag"]
            assert "public" in response.headers["cache-control"]
        assert document["servers"] == [{"url": "https://api.tungnha.example"}]
        assert document["paths"] == json.loads(openapi.frozen())["paths"]
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            async with door.session.get("/openapi.json", headers={"if-none-match": sent}) as response:
                assert response.status == 304
        async with door.session.get("/openapi.json", headers={"if-none-match": '"other"'}) as response:
            assert response.status == 200


async def test_every_operation_is_on_the_documentation_page_with_a_curl_line() -> None:
    async with open_door(public_url="https://api.tungnha.example") as door, door.session.get("/docs") as response:
        page = await response.text()
        assert response.headers["content-type"].startswith("text/html")
        assert "<script" not in page
        assert "default-src 'none'" in response.headers["content-security-policy"]
        for operation in OPERATIONS:
            assert f'id="{operation.operation_id}"' in page
        assert page.count("curl -sS") == len(OPERATIONS)
        assert "https://api.tungnha.example/v1/visits:batch" in page


def test_the_documentation_page_escapes_what_it_shows() -> None:
    document = json.loads(openapi.frozen())
    document["paths"]["/problems"]["get"]["summary"] = "<script>alert(1)</script>"
    page = documentation(document, "http://x")
    assert "<script>" not in page

    class Balanced(HTMLParser):
        depth = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.depth += tag == "details"

        def handle_endtag(self, tag: str) -> None:
            self.depth -= tag == "details"

    parser = Balanced()
    parser.feed(page)
    assert parser.depth == 0


@pytest.mark.parametrize("code", ["stale_revision", "body_too_large"])
async def test_a_code_resolves_for_programs_and_for_people(code: str) -> None:
    async with open_door() as door:
        async with door.session.get(f"/problems/{code}") as response:
            meaning = await response.json()
            assert meaning["code"] == code
            assert meaning["vi"] == entries()[code]["vi"]
        async with door.session.get(f"/problems/{code}", headers=HTML) as response:
            page = await response.text()
            assert response.headers["content-type"].startswith("text/html")
            assert entries()[code]["en"].replace("'", "&#x27;") in page
        async with door.session.get("/problems/no_such_code") as response:
            assert response.status == 404


async def test_every_code_is_listed() -> None:
    async with open_door() as door, door.session.get("/problems") as response:
        assert {one["code"] for one in (await response.json())["problems"]} == entries().keys()


async def test_every_answer_carries_the_security_headers() -> None:
    async with open_door() as door:
        for path in ("/", "/docs", "/nothing", "/health/live", "/v1/catalogue"):
            async with door.session.get(path) as response:
                assert response.headers["x-content-type-options"] == "nosniff"
                assert response.headers["referrer-policy"] == "no-referrer"
                assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
                assert "server" not in response.headers
        async with door.session.get("/v1/catalogue", headers=door.authorized()) as response:
            assert response.headers["cache-control"] == "no-store"


async def test_pages_of_other_sites_may_call_only_where_their_origin_is_listed() -> None:
    origin = "https://dienbien.gov.vn"
    asked = {
        "origin": origin,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    async with open_door() as door, door.session.options("/v1/metrics", headers=asked) as response:
        assert response.status == 405
        assert "access-control-allow-origin" not in response.headers
    async with open_door(cors=(origin,)) as door:
        async with door.session.options("/v1/metrics", headers=asked) as response:
            assert response.status == 200
            assert response.headers["access-control-allow-origin"] == origin
        other = {**asked, "origin": "https://elsewhere.example"}
        async with door.session.options("/v1/metrics", headers=other) as response:
            assert "access-control-allow-origin" not in response.headers


def test_the_routes_are_the_operations_and_the_pages_and_nothing_else() -> None:
    urls = {f"{name}_url": "http://127.0.0.1:1" for name in ("registry", "visits", "metrics")}
    settings = Settings.model_validate({"kafka_bootstrap": "127.0.0.1:1", **urls})
    app = build_api(settings, guard=Guard("tungnha"), known=asyncio.Event(), registry=new_registry())
    routes = {
        (route.path, method) for route in app.routes if isinstance(route, Route) for method in route.methods or ()
    }
    own = {"/", "/docs", "/openapi.json", "/health/live", "/health/ready", "/metrics"}
    expected = {(route_path(operation), operation.method) for operation in OPERATIONS} | {(path, "GET") for path in own}
    assert {route for route in routes if route[1] != "HEAD"} == expected
