"""One trace from the public door to the fold, for whom the door has chosen; nothing anywhere for whom it has not."""

import json
import uuid
from typing import Any

import aiohttp
import pytest

from deploy.local.system import System
from libs.common.db import connect
from libs.contracts.topics import RECORDS
from tests.support.door import Door
from tests.support.spans import Collector, Told
from tests.support.spraying import until

pytestmark = pytest.mark.timeout(300)

DAY = "2025-05-12"


def a_visit(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "team": "SD-01",
        "occurred_at": f"{DAY}T08:30:00+07:00",
        "consent": {"text": "v1", "at": f"{DAY}T08:25:00+07:00", "how": "oral"},
        "lines": [{"line": 1, "measure": "FLD-07", "quantity": 3}],
        **changes,
    }


def path_to(span: Told, spans: list[Told]) -> list[str]:
    """Give the way to a span from the root of its trace, by service and name."""
    above = [each for each in spans if each.span_id == span.parent]
    return [*(path_to(above[0], spans) if above else ["…"] if span.parent else []), f"{span.service[8:]}:{span.name}"]


async def test_one_visit_is_one_trace_from_the_door_to_the_fold(traced_door: Door, collector: Collector) -> None:
    outside = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    status, answer, headers = await traced_door.exchange("app", "/v1/visits:batch", {"rows": [a_visit()]}, **outside)
    assert (status, answer["counts"]["accepted"]) == (200, 1)
    trace = headers["x-request-id"]
    spans = await collector.until("fold", "append", "ask", trace_id=trace)
    # Ended after all that is in it, and sent by another process.
    spans = await collector.until(*("send_visits", "handle", "send", "transaction"), trace_id=trace)
    await until(lambda: len([s for s in collector.spans if s.trace_id == trace]) >= 10, "the whole tree")
    spans = [each for each in collector.spans if each.trace_id == trace]
    [fold] = [each for each in spans if each.name == "fold"]
    assert path_to(fold, spans) == [
        "gateway:send_visits",
        "gateway:ask",
        "visits:send_visits",
        "visits:transaction",
        "visits:append",
        "visits:send",
        "metrics:handle",
        "metrics:transaction",
        "metrics:fold",
    ]
    [handled] = [each for each in spans if each.name == "handle"]
    [sent] = [each for each in spans if each.name == "send"]
    assert handled.links == {(trace, sent.span_id)}
    assert len({each.span_id for each in spans}) == len(spans)
    roots = [each for each in spans if not each.parent]
    assert [(each.service, each.attributes["http.response.status_code"]) for each in roots] == [
        ("tungnha-gateway", 200)
    ]
    assert sent.attributes == {"messaging.destination.name": RECORDS.name, "messaging.batch.message_count": 1}
    assert not any(each.trace_id == "1" * 32 for each in collector.spans), "a client chose to be traced"


async def test_a_question_is_a_trace_with_what_its_database_took(traced_door: Door, collector: Collector) -> None:
    query = {"measures": ["FLD-07"], "from": DAY, "to": DAY}
    _, _, headers = await traced_door.exchange("portal", "/v1/metrics:query", query)
    trace = headers["x-request-id"]
    await collector.until("tally", "transaction", "ask", trace_id=trace)
    await until(
        lambda: [s.name for s in collector.spans if s.trace_id == trace].count("query_metrics") == 2, "both ends"
    )
    spans = [each for each in collector.spans if each.trace_id == trace]
    [tally] = [each for each in spans if each.name == "tally"]
    assert path_to(tally, spans) == [
        "gateway:query_metrics",
        "gateway:ask",
        "metrics:query_metrics",
        "metrics:transaction",
        "metrics:tally",
    ]


async def test_a_change_of_the_registry_is_a_trace_to_those_who_keep_it(
    traced_door: Door, collector: Collector
) -> None:
    team = {"id": str(uuid.uuid4()), "code": "PSD-77", "name": "Tổ công nghệ số cộng đồng phường Sa Đéc"}
    told = {"type": "community_digital_team", "level": "commune", "unit": "29905", "established_on": "2025-08-01"}
    establishment = {"number": "15/QĐ-UBND", "signed_on": "2025-08-01", "issuer": "UBND phường Sa Đéc"}
    body = {**team, **told, "establishment": establishment}
    status, answer, headers = await traced_door.exchange("officer", "/v1/teams", body)
    assert (status, answer["status"]) == (200, "created"), answer
    trace = headers["x-request-id"]
    spans = await collector.until("handle", "send", "append", trace_id=trace)
    await until(lambda: [s.name for s in collector.spans if s.trace_id == trace].count("create_team") == 2, "both ends")
    spans = [each for each in collector.spans if each.trace_id == trace]
    [handled] = [each for each in spans if each.name == "handle"]
    assert path_to(handled, spans)[2:] == [
        "registry:create_team",
        "registry:transaction",
        "registry:append",
        "registry:send",
        "metrics:handle",
    ]


async def test_who_is_not_traced_leaves_nothing_anywhere(
    traced_door: Door, traced: System, collector: Collector
) -> None:
    # Past the gateway nobody has chosen it.
    quiet, loud = a_visit(), a_visit()
    url = f"http://127.0.0.1:{traced.environment['VISITS_PORT']}/v1/visits:batch"
    named = {"authorization": f"Bearer {await traced_door.token('app')}", "x-request-id": "quiet-1"}
    async with aiohttp.ClientSession(headers=named) as http, http.post(url, json={"rows": [quiet]}) as answer:
        assert answer.status == 200
        assert answer.headers["x-request-id"] == "quiet-1"
    _, _, headers = await traced_door.exchange("app", "/v1/visits:batch", {"rows": [loud]})
    await collector.until("fold", trace_id=headers["x-request-id"])
    assert "quiet-1" not in [each.attributes.get("tungnha.request_id") for each in collector.spans]
    connection = await connect(traced.environment["DATABASE_URL_VISITS"], application_name="test")
    try:
        rows = await connection.fetch("SELECT record_id::text, traceparent FROM log WHERE kind = 'visit'")
    finally:
        await connection.close()
    kept = dict(map(tuple, rows))
    assert kept[quiet["id"]] is None
    assert kept[loud["id"]].split("-")[1] == headers["x-request-id"]
    text = (traced.log_dir / "visits.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if '"request.answered"' in line]
    assert [line.get("trace_id") for line in lines if line["request_id"] == "quiet-1"] == [None]
    assert [line.get("trace_id") for line in lines if line["request_id"] == headers["x-request-id"]] == [
        headers["x-request-id"]
    ]
