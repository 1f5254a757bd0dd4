"""HTTP: the application every service builds, request ids, problems, limits, health and /metrics."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from inspect import iscoroutinefunction
from typing import Any

import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.db import Unavailable
from libs.common.edge import Edge, Operated, Traffic, header
from libs.common.kafka import Away
from libs.common.problem import Catalogue, Problem
from libs.common.telemetry import get_logger, render, request_id
from libs.common.tracing import OFF, Tracing

__all__ = [
    "MAX_BODY_BYTES",
    "Application",
    "Lane",
    "build_app",
    "is_current",
    "json_response",
    "parameters",
    "problem_response",
    "read_body",
    "tagged_response",
]

logger = get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]
Ready = Callable[[], Mapping[str, bool]]
"""Gives the parts that must be there, each with whether it is."""


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON; `body` is anything msgspec encodes."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def is_current(request: Request, tag: str) -> bool:
    """Say whether the client has what this entity tag stands for (If-None-Match, RFC 9110, 13.1.2)."""
    told = request.headers.get("if-none-match", "")
    if not told or told == tag:
        return bool(told)
    tags = [each.strip().removeprefix("W/") for each in told.split(",")]
    return tag in tags or "*" in tags


def tagged_response(
    request: Request, body: bytes, media_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a strong entity tag made of the body, or 304 to who has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", **(headers or {})}
    if is_current(request, tag):
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type)


def _wants_english(languages: str) -> bool:
    """Say whether English is preferred to Vietnamese (RFC 9110, 12.5.4); Vietnamese is the default."""
    weights = {"vi": 0.0, "en": 0.0}
    for part in languages.lower().split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.split("-")[0].strip()
        weight = re.search(r"q=([01](?:\.\d{1,3})?)", parameters)
        if language in weights:
            weights[language] = max(weights[language], float(weight.group(1)) if weight else 1.0)
    return weights["en"] > weights["vi"]


def problem_response(catalogue: Catalogue, problem: Problem, languages: str) -> Response:
    """Render a problem in the language asked for."""
    english = _wants_english(languages)
    status, body = catalogue.document(problem, english=english, request_id=request_id.get())
    headers = {"content-language": "en" if english else "vi", **problem.headers}
    return Response(msgspec.json.encode(body), status, headers, "application/problem+json")


def parameters(request: Request, *known: str, repeatable: str = "") -> dict[str, str]:
    """Give the query's parameters; one that is unknown, empty or repeated is refused rather than passed over."""
    for name, value in request.query_params.multi_items():
        repeated = name != repeatable and len(request.query_params.getlist(name)) > 1
        if name not in known or repeated or not value or "\x00" in value:
            raise Problem("bad_parameter", name=name[:50], reason=" | ".join(known) or "∅")
    return dict(request.query_params)


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Read a body, counting the bytes as they come; raises Problem body_too_large, whatever Content-Length says."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise Problem("body_too_large", limit=limit, headers={"connection": "close"})
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise Problem("body_incomplete") from error
    return b"".join(chunks)


class Lane:
    """A few places for requests whose bodies are large, so that memory stays bounded however many come."""

    def __init__(self, places: int = 4, body_seconds: float = 60) -> None:
        self._free = places
        self._body_seconds = body_seconds

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; raises Problem bulk_busy where none is free."""
        if not self._free:
            raise Problem("bulk_busy", headers={"retry-after": "2", "connection": "close"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def read(self, request: Request, limit: int) -> bytes:
        """Read a body as read_body does; one that takes too long to come holds its place no longer."""
        try:
            async with asyncio.timeout(self._body_seconds):
                return await read_body(request, limit)
        except TimeoutError as error:
            raise Problem("body_incomplete", headers={"connection": "close"}) from error


class Application(FastAPI):
    """FastAPI with layers of ours before it, which see every request first: its own cost as much as a kept answer."""

    _first: ASGIApp | None = None

    def surround(self, layer: Callable[..., ASGIApp], **options: Any) -> None:
        """Put a layer around all there is; layers are made of the application within and their options."""
        self._first = layer(self._first or super().__call__, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._first or super().__call__)(scope, receive, send)


class _Exact:
    """Goes straight to the routes without a parameter in their path: the hot ones are, and searching costs more."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], catalogue: Catalogue) -> None:
        self._app = app
        self._catalogue = catalogue
        self._routes: dict[tuple[str, str], Route] = {}
        for route in routes:
            if isinstance(route, Route) and not route.param_convertors and iscoroutinefunction(route.endpoint):
                for method in route.methods or ():
                    self._routes.setdefault((method, route.path), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["endpoint"] = route.endpoint
        scope["path_params"] = {}
        try:
            response = await route.endpoint(Request(scope, receive, send))
        except Exception as error:
            response = _response_to(error, self._catalogue, scope)
        await response(scope, receive, send)


class _Problems:
    """Answers with a problem what the routes in it raise before they answer."""

    def __init__(self, app: ASGIApp, catalogue: Catalogue) -> None:
        self._app = app
        self._catalogue = catalogue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await _response_to(error, self._catalogue, scope)(scope, receive, send)


def _response_to(error: Exception, catalogue: Catalogue, scope: Scope) -> Response:
    return problem_response(catalogue, _as_problem(error), header(scope, b"accept-language"))


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable | Away):
        logger.warning("request.unavailable", error=str(error))
        return Problem("unavailable", headers={"retry-after": "2"})
    logger.error("request.failed", exc_info=error)
    return Problem("internal_error")


def _own_routes(registry: CollectorRegistry, ready: Ready, alive: Ready) -> Sequence[Route]:
    async def live(_: Request) -> Response:
        parts = alive()
        ok = all(parts.values())
        return json_response({"status": "live" if ok else "standing still", "parts": parts}, 200 if ok else 503)

    async def readiness(_: Request) -> Response:
        parts = ready()
        ok = all(parts.values())
        return json_response({"status": "ready" if ok else "not ready", "parts": parts}, 200 if ok else 503)

    async def metrics(request: Request) -> Response:
        body, content_type = render(registry, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, "vary": "accept"})

    return [
        Route("/health/live", live),
        Route("/health/ready", readiness),
        Route("/metrics", metrics),
    ]


def build_app(
    *,
    catalogue: Catalogue,
    routes: Sequence[BaseRoute],
    registry: CollectorRegistry,
    ready: Ready,
    alive: Ready = dict,
    operations: Sequence[Operated] = (),
    lifespan: Lifespan | None = None,
    tracing: Tracing = OFF,
) -> Application:
    """Build an application: its routes, /health/live, /health/ready, /metrics, problems for everything else.

    `ready` says what must be there to be of use, `alive` what only a restart of this process would mend.
    Requests are counted by the operations whose paths the routes have; without routes there is nothing to count. Hot
    routes are plain Starlette ones, which cost a third of FastAPI's; what the lifespan yields is request.state.
    """

    async def not_found(request: Request, __: Exception) -> Response:
        return _response_to(Problem("not_found", path=request.url.path), catalogue, request.scope)

    async def wrong_method(request: Request, error: Exception) -> Response:
        allowed = getattr(error, "headers", None) or {}
        problem = Problem("method_not_allowed", headers=allowed, method=request.method)
        return _response_to(problem, catalogue, request.scope)

    own = _own_routes(registry, ready, alive)
    app = Application(
        routes=[*own, *routes],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={404: not_found, 405: wrong_method},
    )
    app.add_middleware(_Problems, catalogue=catalogue)
    app.surround(_Exact, routes=app.routes, catalogue=catalogue)
    traffic = Traffic(registry, routes, operations) if routes else None
    app.surround(Edge, traffic=traffic, tracing=tracing, quiet=frozenset(route.endpoint for route in own))
    return app
