"""What the edge counts of requests: by operation and class, with the trace of some; nothing of what machines ask."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Scope

from libs.common.edge import REQUESTS, SECONDS
from libs.common.http import Application, build_app, json_response
from libs.common.problem import Catalogue, Problem
from libs.common.telemetry import new_registry
from libs.common.tracing import OFF, Tracing
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from tests.support.spans import KeptSpans

OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
TRACE = "0123456789abcdef0123456789abcdef"
TRACED = {"traceparent": f"00-{TRACE}-00000000000000ab-01"}


async def batch(request: Request) -> Response:
    request.scope["client_kind"] = "app"  # As a guard notes it.
    return json_response({})


async def refuse(_: Request) -> Response:
    raise Problem("token_missing")


async def page(_: Request) -> Response:
    return Response("hello")


@pytest.fixture
def registry() -> CollectorRegistry:
    return new_registry()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Caller:
    """Calls an application without a socket."""

    app: Application

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("GET", path, headers or {})

    async def post(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("POST", path, headers or {})

    async def ask(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope: Scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}
        await self.app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]).decode())


def opened(registry: CollectorRegistry, routes: Sequence[BaseRoute], tracing: Tracing = OFF) -> Caller:
    return Caller(
        build_app(
            catalogue=Catalogue.of(entries()),
            routes=routes,
            operations=OPERATIONS,
            registry=registry,
            ready=dict,
            tracing=tracing,
        )
    )


@pytest.fixture
def http(registry: CollectorRegistry) -> Caller:
    return opened(
        registry,
        [
            Route("/v1/visits:batch", batch, methods=["POST"]),
            Route("/v1/visits/{record:uuid}", refuse, methods=["GET"]),
            Route("/docs", page, methods=["GET"]),
        ],
        Tracing(KeptSpans()),
    )


def requests_of(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    [family] = [family for family in registry.collect() if f"{family.name}_total" == REQUESTS.name]
    return {
        (labels["operation"], labels["status"], labels["client_kind"]): sample.value
        for sample in family.samples
        for labels in [sample.labels]
    }


def seconds_counted(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    [family] = [family for family in registry.collect() if family.name == SECONDS.name]
    return {
        (sample.labels["route_class"], sample.labels["status_class"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_count")
    }


async def test_requests_are_counted_by_operation_status_and_kind_of_client(
    http: Caller, registry: CollectorRegistry
) -> None:
    for _ in range(3):
        await http.post("/v1/visits:batch")
    await http.get("/v1/visits/0196bb30-77de-7a10-b1d5-3c9a40e2f6b8")
    await http.get("/docs")
    assert requests_of(registry) == {
        ("send_visits", "200", "app"): 3,
        ("read_visit", "401", "none"): 1,
        ("page", "200", "none"): 1,
    }
    assert seconds_counted(registry) == {("write", "2xx"): 3, ("read", "4xx"): 1, ("public", "2xx"): 1}


async def test_whatever_path_is_tried_the_labels_stay_the_same(http: Caller, registry: CollectorRegistry) -> None:
    for n in range(20):
        assert (await http.get(f"/v1/secret/{n}")).status == 404
    assert requests_of(registry) == {("none", "404", "none"): 20}
    assert seconds_counted(registry) == {("none", "4xx"): 20}


async def test_health_and_metrics_are_no_traffic(http: Caller, registry: CollectorRegistry) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert (await http.get(path)).status == 200
    assert requests_of(registry) == {}


async def test_a_scraper_of_openmetrics_gets_the_trace_of_a_request(http: Caller) -> None:
    await http.post("/v1/visits:batch", headers=TRACED)
    answer = await http.get("/metrics", headers=OPENMETRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    [family] = [family for family in families if family.name == SECONDS.name]
    assert [sample.exemplar.labels for sample in family.samples if sample.exemplar] == [{"trace_id": TRACE}]


async def test_who_asks_for_plain_text_gets_it(http: Caller) -> None:
    await http.post("/v1/visits:batch", headers=TRACED)
    answer = await http.get("/metrics", headers={"accept": "text/plain;version=0.0.4"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert TRACE not in answer.text
    assert "_created" not in answer.text


async def test_a_request_that_is_not_traced_leaves_none(http: Caller) -> None:
    await http.post("/v1/visits:batch", headers={"x-request-id": TRACE})
    assert " # {" not in (await http.get("/metrics", headers=OPENMETRICS)).text


async def test_a_request_that_was_given_up_counts_as_a_failure_of_ours(registry: CollectorRegistry) -> None:
    begun = asyncio.Event()

    async def hang(_: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    asking = asyncio.ensure_future(opened(registry, [Route("/v1/catalogue", hang)]).get("/v1/catalogue"))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert requests_of(registry) == {("read_catalogue", "0", "none"): 1}
    assert seconds_counted(registry) == {("read", "5xx"): 1}


def test_without_routes_nothing_is_said_of_traffic() -> None:
    registry = new_registry()
    build_app(catalogue=Catalogue.of({}), routes=(), registry=registry, ready=dict)
    assert SECONDS.name not in {family.name for family in registry.collect()}


def test_every_operation_is_of_the_class_that_its_work_is() -> None:
    classes: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        classes.setdefault(operation.route_class, set()).add(operation.operation_id)
    assert classes["write"] >= {"send_visits", "correct_visit", "void_partner_report", "resolve_record"}
    assert classes["bulk"] == {"load_visits", "load_partner_reports", "start_import"}
    assert classes["token"] == {"issue_token"}
    assert classes["public"] == {"read_keys", "read_help", "list_problems", "read_problem"}
    assert classes["query"] == {operation.operation_id for operation in OPERATIONS if operation.service == "metrics"}
    assert classes["admin"] >= {"create_team", "read_audit", "enact_reform", "commit_import", "read_reform_impact"}
    assert classes["read"] >= {"list_visits", "read_member", "list_units", "resolve_codes", "list_held_records"}
