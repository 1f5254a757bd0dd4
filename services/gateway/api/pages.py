"""Public pages that the gateway answers itself: index, OpenAPI document, documentation, problem codes."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.http import tagged_response
from libs.common.problem import Problem
from libs.contracts import openapi
from libs.contracts.problem_api import ProblemCatalogue, ProblemMeaning
from libs.contracts.problems import entries
from services.gateway.api.html import CONTENT_SECURITY_POLICY, documentation, problem_page

__all__ = ["page_routes"]

FRESH_SECONDS = 300
HTML = {"content-security-policy": CONTENT_SECURITY_POLICY}
INDEX = {
    "name": "Từng Nhà",
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "problems": "/problems",
    "token": "/oauth/token",
    "keys": "/.well-known/jwks.json",
    "live": "/health/live",
    "ready": "/health/ready",
}


class _Page:
    """A body that never changes while the process runs, with its ETag."""

    def __init__(self, body: str, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._body = body.encode()
        self._media_type = media_type
        self._headers = {"cache-control": f"public, max-age={FRESH_SECONDS}", "vary": "Accept", **(headers or {})}

    def answer(self, request: Request) -> Response:
        return tagged_response(request, self._body, self._media_type, self._headers)


def page_routes(public_url: str | None, *, local_url: str) -> list[BaseRoute]:
    """Make the routes, everything rendered once; without a public address the curl lines name the local one."""
    document = json.loads(openapi.frozen())
    if public_url:
        document["servers"] = [{"url": public_url}]
    return [
        _fixed("/", "index", _Page(_json(INDEX), "application/json")),
        _fixed("/openapi.json", "openapi", _Page(_json(document), "application/json")),
        _fixed("/docs", "docs", _Page(documentation(document, public_url or local_url), "text/html", HTML)),
        *_problem_routes(),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fixed(path: str, name: str, page: _Page) -> Route:
    async def endpoint(request: Request) -> Response:
        return page.answer(request)

    endpoint.__name__ = name
    return Route(path, endpoint, methods=["GET"])


def _meanings() -> list[ProblemMeaning]:
    return [
        ProblemMeaning(type=f"/problems/{code}", code=code, status=entry["status"], vi=entry["vi"], en=entry["en"])
        for code, entry in sorted(entries().items())
    ]


def _problem_routes() -> list[Route]:
    meanings = _meanings()
    everything = (
        _Page(ProblemCatalogue(problems=meanings).model_dump_json(), "application/json"),
        _Page(problem_page("Mã lỗi / Problem codes", meanings), "text/html", HTML),
    )
    each = {
        one.code: (
            _Page(one.model_dump_json(), "application/json"),
            _Page(problem_page(one.code, [one]), "text/html", HTML),
        )
        for one in meanings
    }

    async def list_problems(request: Request) -> Response:
        return everything[_wants_html(request)].answer(request)

    async def read_problem(request: Request) -> Response:
        pages = each.get(request.path_params["code"])
        if pages is None:
            raise Problem("not_found", path=request.url.path)
        return pages[_wants_html(request)].answer(request)

    return [
        Route("/problems", list_problems, methods=["GET"]),
        Route("/problems/{code}", read_problem, methods=["GET"]),
    ]


def _wants_html(request: Request) -> bool:
    """Say whether a browser asks; programs, which name JSON or nothing, get JSON."""
    return "text/html" in request.headers.get("accept", "")
