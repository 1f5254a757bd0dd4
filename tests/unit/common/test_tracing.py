"""Who is traced, what a span may say, what is passed on; and that who is not traced leaves nothing at all."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Scope

from libs.common import VERSION, tracing
from libs.common.events import message_of
from libs.common.http import build_app, json_response
from libs.common.kafka import Headers
from libs.common.log import Announced, Position
from libs.common.problem import Catalogue
from libs.common.settings import CommonSettings
from libs.common.span_export import resource_of
from libs.common.telemetry import get_logger, may_be_kept, request_id
from libs.common.tracing import ATTRIBUTES, Attributes, Parent, Tracing, parent_of, span, trace_id, traceparent
from libs.common.tracing_settings import TracingSettings
from libs.contracts.problems import entries
from tests.support.logs import process_log
from tests.support.spans import KeptSpans

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
SAMPLED = f"00-{TRACE:032x}-{SPAN:016x}-01"
HERE = Parent(TRACE, SPAN)


def scope_of(headers: Mapping[str, str], path: str = "/v1/thing") -> Scope:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw}


async def ask(tracing: Tracing, headers: Mapping[str, str], path: str = "/v1/thing", *, fails: bool = False) -> str:
    """Ask an application of one route that does a piece of work; give the id that the answer tells."""

    async def thing(_: Request) -> Response:
        with span("work", rows=3):
            if fails:
                raise ZeroDivisionError("0912345678")
        return json_response({"passed_on": traceparent()})

    app = build_app(
        catalogue=Catalogue.of(entries()),
        routes=[Route("/v1/thing", thing)],
        registry=CollectorRegistry(),
        ready=dict,
        tracing=tracing,
    )
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(headers, path), receive, send)
    told: bytes = dict(sent[0]["headers"])[b"x-request-id"]
    return told.decode()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00",
        SAMPLED[:-2] + "00",
        SAMPLED.upper(),
        SAMPLED + "-0",
        "ff" + SAMPLED[2:],
        f"00-{'0' * 32}-{SPAN:016x}-01",
        f"00-{TRACE:032x}-{'0' * 16}-01",
        SAMPLED + "\n",
    ],
)
def test_only_a_sampled_traceparent_of_the_standards_form_is_followed(text: str | None) -> None:
    assert parent_of(text) is None
    assert parent_of(SAMPLED) == HERE
    assert parent_of(SAMPLED[:-2] + "03") == HERE


async def test_a_service_goes_on_with_the_trace_that_was_begun_before_it() -> None:
    kept = KeptSpans()
    await ask(Tracing(kept), {"traceparent": SAMPLED, "x-request-id": "morning-7"})
    request, work = kept.spans
    assert (request.name, request.kind, request.parent, request.error) == ("thing", "server", HERE, None)
    assert (work.name, work.kind, work.parent) == ("work", "internal", request.place)
    assert work.attributes == {"tungnha.rows": 3}
    assert request.attributes == {
        "tungnha.request_id": "morning-7",
        "tungnha.operation": "thing",
        "http.response.status_code": 200,
    }
    assert [each.ended for each in kept.spans] == [1, 1]


@pytest.mark.parametrize("told", ["", SAMPLED[:-2] + "00"])
async def test_a_service_traces_nothing_that_nobody_before_it_chose(told: str) -> None:
    kept = KeptSpans()
    await ask(Tracing(kept), {"traceparent": told} if told else {})
    assert kept.spans == []


async def test_the_public_edge_chooses_by_itself_whatever_a_client_says() -> None:
    none, all_ = KeptSpans(), KeptSpans()
    await ask(Tracing(none, head=0.0), {"traceparent": SAMPLED})
    assert none.spans == []
    told = await ask(Tracing(all_, head=1.0), {"traceparent": SAMPLED})
    assert all_.spans[0].parent is None
    assert all_.spans[0].place.trace_id == int(told, 16) != TRACE


async def test_a_trace_has_an_id_of_its_own_where_the_client_names_its_request() -> None:
    kept = KeptSpans()
    named = f"{TRACE:032x}"
    assert await ask(Tracing(kept, head=1.0), {"x-request-id": named}) == named
    assert kept.spans[0].place.trace_id != TRACE


async def test_the_share_chosen_is_the_one_asked_for() -> None:
    kept = KeptSpans()
    edge = Tracing(kept, head=0.25)
    for _ in range(2000):
        if (chosen := edge.request(scope_of({}), "r", None)) is not None:
            chosen.end()
    assert 380 < len(kept.spans) < 620


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_what_machines_ask_is_not_traced(path: str) -> None:
    kept = KeptSpans()
    await ask(Tracing(kept, head=1.0), {}, path)
    assert kept.spans == []


async def test_what_went_wrong_is_told_by_its_type_and_never_in_its_words() -> None:
    kept = KeptSpans()
    await ask(Tracing(kept), {"traceparent": SAMPLED}, fails=True)
    request, work = kept.spans
    assert (work.error, request.error) == ("ZeroDivisionError", None)
    assert request.attributes["http.response.status_code"] == 500
    assert "0912345678" not in str(kept.spans)


async def test_who_is_not_traced_gets_no_object_and_no_context_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a span was made")

    monkeypatch.setattr(tracing, "Span", never)
    assert span("work") is span("other", rows=1)
    assert (traceparent(), trace_id()) == (None, "")
    kept = KeptSpans()
    with Tracing(kept).batch("handle", [None, "", SAMPLED[:-2] + "00"]) as within:
        assert within is None
    assert Tracing(kept).request(scope_of({"accept": "x"}), "r", None) is None
    assert Tracing(kept, head=0.0).request(scope_of({}), "r", None) is None
    await ask(Tracing(kept, head=0.0), {})


def test_a_batch_is_linked_to_each_traced_message_once_and_to_no_more_than_the_limit() -> None:
    kept = KeptSpans()
    of_many = [f"00-{n:032x}-{n:016x}-01" for n in range(1, 51)]
    with Tracing(kept).batch("handle", [*of_many, *of_many, None]):
        assert trace_id() == f"{kept.spans[0].place.trace_id:032x}"
    with Tracing(kept, max_links=8).batch("handle", of_many):
        pass
    all_, few = kept.spans
    assert (all_.parent, len(all_.links), len(few.links)) == (None, 50, 8)
    assert all_.links[0] == Parent(1, 1)
    assert trace_id() == ""


def test_a_batch_of_one_trace_is_a_part_of_it() -> None:
    kept = KeptSpans()
    second = f"00-{TRACE:032x}-{1:016x}-01"
    with Tracing(kept).batch("handle", [None, SAMPLED, second, None]):
        pass
    [handled] = kept.spans
    assert (handled.parent, handled.links) == (HERE, [HERE, Parent(TRACE, 1)])


def test_an_event_carries_the_trace_on_only_where_there_is_one() -> None:
    row = Announced(tracing.Parent(0, 0), 1, 0, Position(1, 2, 3), "t", None, "", 0.0, b"{}")  # type: ignore[arg-type]
    assert "traceparent" not in Headers(message_of(row, "visits").headers)
    assert Headers(message_of(row, "visits", SAMPLED).headers)["traceparent"] == SAMPLED


def test_a_span_says_nothing_but_what_is_listed() -> None:
    kept = KeptSpans()
    made = Tracing(kept).request(scope_of({"traceparent": SAMPLED}), "r", None)
    assert made is not None
    with pytest.raises(KeyError):
        made.tell(**cast(Attributes, {"national_id": "087085000001"}))
    made.end()
    assert set(kept.spans[0].attributes) <= set(ATTRIBUTES.values())


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("phone-7", True),
        ("0196bb30-77de-7a10-b1d5-123456789012", True),
        ("0123456789abcdef0123456789abcdef", True),
        ("req_2025-05-10T08.30", True),
        ("1746846131250", True),
        ("", False),
        ("a b", False),
        ("x" * 65, False),
        ("a\n", False),
        ("087085123456", False),
        ("cccd-087085123456", False),
        ("0912345678", False),
        ("u.84912345678.x", False),
        ("tel_0912345678", False),
    ],
)
def test_a_request_keeps_its_clients_name_unless_that_could_be_somebodys_number(asked: str, kept: bool) -> None:
    assert may_be_kept(asked) is kept


def settings(**variables: str) -> CommonSettings:
    return CommonSettings.model_validate({"KAFKA_BOOTSTRAP": "k:1", **variables})


def test_nothing_is_traced_unless_somebody_takes_it_in() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert not settings().traced
    assert settings(**endpoint).traced
    assert settings(OTEL_TRACES_EXPORTER="otlp").traced
    for off in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_TRACES_SAMPLER": "always_off"}):
        assert not settings(**endpoint, **off).traced


def test_spans_are_sent_where_the_standard_says() -> None:
    assert settings().traces_url == "http://localhost:4318/v1/traces"
    assert settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://c:4318").traces_url == "http://c:4318/v1/traces"
    assert settings(OTEL_EXPORTER_OTLP_ENDPOINT="https://c/otlp/").traces_url == "https://c/otlp/v1/traces"
    assert settings(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://c:1/x").traces_url == "http://c:1/x"


@pytest.mark.parametrize(
    ("sampler", "ratio"),
    [("always_on", 1.0), ("parentbased_always_off", 0.0), ("traceidratio", 0.3), ("parentbased_traceidratio", 0.3)],
)
def test_the_share_is_that_of_the_standards_variables(sampler: str, ratio: float) -> None:
    assert settings(OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="0.3").head_ratio == ratio


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "k:1")
    assert not CommonSettings().traced


def test_a_process_says_who_it_is_and_the_operator_may_say_more() -> None:
    told = resource_of(settings(), "visits", "relay")
    assert (told["service.name"], told["tungnha.process"]) == ("tungnha-visits", "relay")
    more = {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=thử%20nghiệm,service.name=x", "OTEL_SERVICE_NAME": "y"}
    told = resource_of(settings(**more), "visits", "relay")
    assert (told["deployment.environment"], told["service.name"]) == ("thử nghiệm", "y")


def test_a_line_of_the_log_tells_its_trace_only_where_there_is_one(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with process_log(capsysbinary, "visits", "api") as lines:
        logger = get_logger("test-of-tracing")
        token = request_id.set("morning-7")
        logger.info("one")
        with Tracing(KeptSpans()).batch("handle", [SAMPLED]):
            logger.info("two")
        request_id.reset(token)
        one, two = lines()
    assert "trace_id" not in one
    assert two["trace_id"] == f"{TRACE:032x}"
    said = {"service": "visits", "process": "api", "level": "info", "request_id": "morning-7"}
    assert said.items() <= one.items()
    assert said.items() <= two.items()


def test_the_variables_that_are_heeded_are_those_that_operators_read_of() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    heeded = {str(field.validation_alias) for field in TracingSettings.model_fields.values()}
    assert set(re.findall(r"\bOTEL_[A-Z_]+[A-Z]\b", page)) == heeded


def test_the_version_told_is_the_products() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
