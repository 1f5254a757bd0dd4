"""The rehearsal of a reform: what the registry says it touches, and beside it the numbers that metrics computes."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.auth import Guard
from libs.common.http import Lane, json_response, parameters
from libs.common.problem import Catalogue, Fault, Problem
from libs.common.telemetry import get_logger
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from libs.contracts.rehearsal_api import MAX_REHEARSAL_BYTES, MAX_REHEARSED_UNITS
from services.gateway.api.forwarding import RETRY_SECONDS, headers_for, passed_back, route_path, verify
from services.gateway.clients import Answer, UpstreamAway

__all__ = ["rehearsal_routes"]

logger = get_logger(__name__)

HANOI = timezone(timedelta(hours=7))
YEAR = timedelta(days=364)
PLACES = 2
REHEARSED = ("draft", "scheduled", "failed")
OK = 200

(IMPACT,) = (operation for operation in OPERATIONS if operation.operation_id == "read_reform_impact")
(REHEARSE,) = (operation for operation in OPERATIONS if operation.operation_id == "rehearse_metrics")


class _Reach(msgspec.Struct):
    """What has to be known of the registry's part; the rest is passed on as it is."""

    plan_units: int


class _Plan(msgspec.Struct):
    units: msgspec.Raw


def rehearsal_routes(guard: Guard, ready: Callable[[], bool]) -> list[BaseRoute]:
    """Make the route; a few rehearsals run at a time, for each holds a plan in memory."""
    lane = Lane(PLACES)

    async def read_reform_impact(request: Request) -> Response:
        verify(IMPACT, request, guard, ready)
        asked = parameters(request, "from", "to", "measures")
        span = _span(asked)
        with lane.place():
            reach = await _ask(request, "registry", "GET", request.scope["path"])
            if reach.status != OK:
                return passed_back(reach)
            told: dict[str, msgspec.Raw] = msgspec.json.decode(reach.body, type=dict[str, msgspec.Raw])
            numbers, missing = await _numbers(request, told, asked, span)
        return json_response({**told, "numbers": numbers, "numbers_missing": missing})

    return [Route(route_path(IMPACT), read_reform_impact, methods=["GET"])]


async def _numbers(
    request: Request, told: Mapping[str, msgspec.Raw], asked: Mapping[str, str], span: tuple[date, date]
) -> tuple[msgspec.Raw | None, dict[str, str] | None]:
    """Give the numbers before and after, or why there are none."""
    units = msgspec.json.decode(told["registry"], type=_Reach).plan_units
    if msgspec.json.decode(told["status"]) not in REHEARSED or not units:
        return None, _missing("rehearsal_not_needed")
    if units > MAX_REHEARSED_UNITS:
        return None, _missing("rehearsal_too_large", units=units, limit=MAX_REHEARSED_UNITS)
    try:
        plan = await _ask(request, "registry", "GET", request.scope["path"].removesuffix("/impact") + "/plan")
        if plan.status != OK:
            return None, _refused(plan)
        body = {
            "units": msgspec.json.decode(plan.body, type=_Plan).units,
            "on": told["effective_date"],
            "from": span[0],
            "to": span[1],
            **({"measures": asked["measures"].split(",")} if "measures" in asked else {}),
        }
        encoded = msgspec.json.encode(body)
        if len(encoded) > MAX_REHEARSAL_BYTES:
            return None, _missing("rehearsal_too_large", units=units, limit=MAX_REHEARSED_UNITS)
        answer = await _ask(request, "metrics", "POST", REHEARSE.path, encoded)
    except Problem:
        # The registry's part holds without the numbers, and says that they are missing.
        return None, _missing("numbers_unavailable")
    return (msgspec.Raw(answer.body), None) if answer.status == OK else (None, _refused(answer))


async def _ask(request: Request, service: str, method: str, target: str, body: bytes | None = None) -> Answer:
    """Ask a service with the caller's own token; raises Problem unavailable where it is away."""
    headers = headers_for(request)
    headers.pop("if-none-match", None)
    if body is not None:
        headers["content-type"] = "application/json"
    try:
        answer: Answer = await request.state.upstreams[service].ask(method, target, headers, body)
    except UpstreamAway as error:
        logger.warning("upstream.away", upstream=service, error=str(error))
        raise Problem("unavailable", headers={"retry-after": RETRY_SECONDS}) from error
    return answer


def _refused(answer: Answer) -> dict[str, str]:
    """Tell a problem that a service answered with as the reason."""
    try:
        problem: dict[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
        return {"code": problem["code"], "pointer": "", "vi": problem["vi"], "en": problem["en"]}
    except (ValueError, KeyError):
        return _missing("numbers_unavailable")


def _missing(code: str, **params: Any) -> dict[str, str]:
    return Catalogue.of(entries()).describe(Fault(code, "", params))


def _span(asked: Mapping[str, str]) -> tuple[date, date]:
    """Give the days to count, by default the year until today; raises Problem bad_parameter."""
    last = _day(asked, "to") or datetime.now(HANOI).date()
    first = _day(asked, "from") or last - YEAR
    if first > last:
        raise Problem("range_reversed")
    return first, last


def _day(asked: Mapping[str, str], name: str) -> date | None:
    try:
        if name not in asked or len(asked[name]) == len("2025-07-01"):
            return date.fromisoformat(asked[name]) if name in asked else None
    except ValueError:
        pass
    raise Problem("bad_parameter", name=name, reason="dạng / such as 2025-07-01")
