"""Forwarding: token and scope before the body, bytes counted as they come, then the same bytes to the upstream."""

from collections.abc import Callable, Mapping
from urllib.parse import quote_from_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.auth import Caller, Guard
from libs.common.http import MAX_BODY_BYTES, Lane, read_body
from libs.common.problem import Problem
from libs.common.telemetry import get_logger, request_id
from libs.contracts.operations import OPERATIONS, Operation
from services.gateway.api.keeping import Keeper, Key, Question
from services.gateway.clients import Answer, Upstream, UpstreamAway

__all__ = ["RETRY_SECONDS", "forwarding_routes", "headers_for", "passed_back", "route_path", "verify"]

logger = get_logger(__name__)

SENT_ON = ("authorization", "content-type", "accept-language", "if-none-match")
NO_BODY = frozenset({204, 304})
RETRY_SECONDS = "2"
# What is already a query may hold any of these; only bytes outside ASCII are written as %XX.
AS_IT_IS = "".join(chr(code) for code in range(33, 127))


def route_path(operation: Operation) -> str:
    """Give the operation's path as Starlette has it, `{id:uuid}` for a path parameter that is a UUID."""
    path = operation.path
    for parameter in operation.parameters:
        if parameter.where == "path" and parameter.schema.get("format") == "uuid":
            path = path.replace(f"{{{parameter.name}}}", f"{{{parameter.name}:uuid}}")
    return path


def forwarding_routes(guard: Guard, ready: Callable[[], bool], fresh_seconds: float) -> list[BaseRoute]:
    """Make the routes of all operations that another service answers, in the order of the table."""
    keeper, bulk = Keeper(fresh_seconds), Lane()
    return [
        _route(operation, guard, ready, bulk)
        if operation.revision_path is None
        else _kept(operation, guard, ready, keeper)
        for operation in OPERATIONS
        if operation.service != "gateway"
    ]


def _route(operation: Operation, guard: Guard, ready: Callable[[], bool], bulk: Lane) -> Route:
    is_bulk = operation.body_limit_bytes > MAX_BODY_BYTES

    async def endpoint(request: Request) -> Response:
        try:
            verify(operation, request, guard, ready)
            _check_headers(operation, request)
        except Problem as problem:
            if _has_much_to_send(request):
                problem.headers["connection"] = "close"
            raise
        if is_bulk:
            with bulk.place():
                return await forward(request, await bulk.read(request, operation.body_limit_bytes))
        body = await read_body(request, operation.body_limit_bytes) if _takes(operation) else None
        return await forward(request, body)

    async def forward(request: Request, body: bytes | None) -> Response:
        return passed_back(await _ask(operation, request, _target(request), headers_for(request), body))

    endpoint.__name__ = operation.operation_id  # Names the operation in the telemetry.
    return Route(route_path(operation), endpoint, methods=[operation.method])


def _kept(operation: Operation, guard: Guard, ready: Callable[[], bool], keeper: Keeper) -> Route:
    """Make the route of a GET whose answers are kept while their revision is current."""
    revision_path = operation.revision_path
    assert revision_path is not None

    async def endpoint(request: Request) -> Response:
        caller = verify(operation, request, guard, ready)
        assert caller is not None
        target, languages = _target(request), request.headers.get("accept-language", "")
        key = (caller.client_id, caller.unit_id, caller.scopes, languages, target)
        return (keeper.at_hand(key) or await keeper.answer(question(key, request, target))).to(request)

    def question(key: Key, request: Request, target: str) -> Question:
        headers = headers_for(request)
        headers.pop("if-none-match", None)  # Judged here, so that there is a body to keep.

        async def ask() -> Answer:
            return await _ask(operation, request, target, headers, None)

        async def ask_revision() -> str:
            return (await _ask(operation, request, revision_path, headers, None)).revision

        return Question(key, ask, ask_revision)

    endpoint.__name__ = operation.operation_id
    return Route(route_path(operation), endpoint, methods=[operation.method])


async def _ask(
    operation: Operation, request: Request, target: str, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    """Ask the operation's service; raises Problem unavailable where it is away."""
    upstream: Upstream = request.state.upstreams[operation.service]
    try:
        return await upstream.ask(operation.method, target, headers, body)
    except UpstreamAway as error:
        logger.warning("upstream.away", upstream=upstream.name, error=str(error))
        raise Problem("unavailable", headers={"retry-after": RETRY_SECONDS}) from error


def verify(operation: Operation, request: Request, guard: Guard, ready: Callable[[], bool]) -> Caller | None:
    """Give the caller, None where the operation needs none; raises Problem without the operation's scope."""
    if operation.scope is None:
        return None
    if not ready():
        # The clients are not all known yet: an unknown one may be a good one.
        raise Problem("not_ready", headers={"retry-after": RETRY_SECONDS})
    caller = guard.caller(request)
    caller.need(operation.scope, *operation.or_scopes)
    return caller


def _check_headers(operation: Operation, request: Request) -> None:
    """Refuse a body of another type, or a compressed one, whose size could not be counted; raises Problem."""
    takes = _takes(operation)
    if not takes:
        return
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if encoding not in ("", "identity"):
        raise Problem("unsupported_media_type", expected=f"{' | '.join(takes)}, Content-Encoding: identity")
    if content_type not in takes:
        raise Problem("unsupported_media_type", expected=" | ".join(takes))


def _takes(operation: Operation) -> tuple[str, ...]:
    """Give the media types that a body may have, none where there is no body."""
    return operation.uploads or ((operation.request_type,) if operation.request else ())


def _has_much_to_send(request: Request) -> bool:
    """Say whether an unread body would go on coming for longer than keeping the connection is worth."""
    length = request.headers.get("content-length", "0")
    return "transfer-encoding" in request.headers or not length.isdigit() or int(length) > MAX_BODY_BYTES


def _target(request: Request) -> str:
    """Give path and query as they came; a path that matched a route needs no escapes."""
    query: bytes = request.scope["query_string"]
    path: str = request.scope["path"]
    return f"{path}?{quote_from_bytes(query, safe=AS_IT_IS)}" if query else path


def headers_for(request: Request) -> dict[str, str]:
    """Give the headers that go on to a service: the caller's token above all."""
    headers = {name: request.headers[name] for name in SENT_ON if name in request.headers}
    return {**headers, "x-request-id": request_id.get(), "accept-encoding": "identity"}


def passed_back(answer: Answer) -> Response:
    """Give a service's answer to the caller as it is."""
    return Response(None if answer.status in NO_BODY else answer.body, answer.status, dict(answer.headers))
