"""Lights: what makes each question green, yellow or red, and what is told to whoever reads it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.ops.status.answers import Answer, Light, answer
from deploy.ops.status.seen import Compared, Database, Process, Sample, Seen, quantile
from deploy.ops.status.telling import as_json, as_text
from deploy.ops.watch.held import Held
from deploy.ops.watch.servers import Server

ROOT = Path(__file__).parents[3]
WELL = Database(server=Server(0.0, 20, 197, 0), size_bytes=5_000_000, unpublished_seconds=0.0)
AWAY = Database(error="connection refused")


def _seen(**changes: object) -> Seen:
    seen = Seen(
        at=1_000_000.0,
        databases={"registry": WELL, "visits": WELL, "metrics": replace(WELL, unpublished_seconds=None)},
        processes=[Process(name, ready=True) for name in ("visits-api", "metrics-consumer")] + [_gateway()],
        unfolded_records=0,
        unfolded_seconds=0.0,
        dead_letters=0,
        held=Held(),
        compared=Compared(0, 0, 20_000, 5000, whole=False),
        members_read=0,
        disk=(50, 100),
    )
    for name, value in changes.items():
        assert hasattr(seen, name)
        setattr(seen, name, value)
    return seen


def _gateway(seconds: float = 0.1, failed: int = 0, refused: int = 0) -> Process:
    buckets = [
        Sample("http_request_seconds_bucket", {"route_class": kind, "status_class": "2xx", "le": le}, count)
        for kind in ("write", "read")
        for le, count in ((str(seconds / 2), 98), (str(seconds), 100), ("+Inf", 100))
    ]
    requests = [
        Sample("http_requests_total", {"operation": "query", "status": status, "client_kind": "portal"}, count)
        for status, count in (("200", 200), ("503", failed), ("401", refused))
    ]
    started = Sample("process_start_time_seconds", {}, 999_000.0)
    return Process("gateway-api", ready=True, samples=[*buckets, *requests, started])


def _lights(seen: Seen) -> dict[str, Light]:
    return {each.question: each.light for each in answer(seen)}


ALL_GREEN = dict.fromkeys(("flowing", "right", "fast", "safe", "lasting"), Light.GREEN)


def test_a_system_that_is_well_is_green() -> None:
    assert _lights(_seen()) == ALL_GREEN


@pytest.mark.parametrize(
    ("changes", "question", "light"),
    [
        ({"compared": Compared(1, 0, 9, 9, whole=True)}, "right", Light.RED),
        ({"compared": Compared(0, 1, 9, 9, whole=True)}, "right", Light.RED),
        ({"held": Held({"team": 1}, {"team": 0.0})}, "right", Light.RED),
        ({"unfolded_seconds": 61.0}, "flowing", Light.YELLOW),
        ({"unfolded_seconds": 301.0}, "flowing", Light.RED),
        ({"dead_letters": 1}, "flowing", Light.YELLOW),
        ({"processes": [Process("metrics-consumer", ready=False, why_not="refused")]}, "flowing", Light.RED),
        ({"processes": [_gateway(seconds=2)]}, "fast", Light.YELLOW),
        ({"processes": [_gateway(seconds=20)]}, "fast", Light.RED),
        ({"processes": [_gateway(failed=50)]}, "fast", Light.RED),
        ({"processes": [_gateway(refused=2000)]}, "safe", Light.YELLOW),
        ({"members_read": 1001}, "safe", Light.YELLOW),
        ({"disk": (1, 100)}, "lasting", Light.RED),
    ],
)
def test_what_is_not_well_changes_the_light_of_its_question_alone(
    changes: dict[str, object], question: str, light: Light
) -> None:
    lights = _lights(_seen(**changes))
    assert lights[question] == light
    others = {name: other for name, other in lights.items() if name != question}
    if "processes" not in changes:
        assert others == {name: Light.GREEN for name in others}


@pytest.mark.parametrize(
    ("database", "question", "light"),
    [
        (replace(WELL, unpublished_seconds=61.0), "flowing", Light.RED),
        (replace(WELL, server=Server(121.0, 20, 197, 0)), "flowing", Light.RED),
        (replace(WELL, server=Server(0.0, 190, 197, 0)), "lasting", Light.RED),
        (AWAY, "lasting", Light.RED),
    ],
)
def test_a_database_that_is_not_well_is_named(database: Database, question: str, light: Light) -> None:
    seen = _seen(databases={"visits": database})
    assert _lights(seen)[question] == light
    assert "visits: " in as_text(answer(seen), seen.at, coloured=False)


def test_what_could_not_be_looked_at_is_never_green() -> None:
    nothing = Seen(databases=dict.fromkeys(("registry", "visits", "metrics"), AWAY))
    lights = _lights(nothing)
    assert Light.GREEN not in lights.values()
    assert lights["right"] is Light.UNKNOWN
    assert lights["lasting"] is Light.RED


def test_every_page_that_is_named_is_an_alert_s() -> None:
    alerts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "deploy/prometheus/alerts").glob("*.yml"))
    named = {check.runbook for each in _everything() for check in each.checks if check.runbook}
    assert len(named) > 8
    assert named <= set(re.findall(r"alert: (\w+)", alerts))


def _everything() -> list[Answer]:
    slow = replace(WELL, unpublished_seconds=9.0, server=Server(9.0, 1, 2, 0))
    counted = Process(
        "c", ready=False, samples=[Sample(n, {}, 1) for n in ("recount_different_cells", "rollup_outstanding_entries")]
    )
    return answer(_seen(databases={"visits": slow, "registry": AWAY}, processes=[_gateway(), counted])) + answer(Seen())


def test_a_person_reads_both_languages_and_where_to_go_on() -> None:
    seen = _seen(compared=Compared(3, 0, 20_000, 5000, whole=False))
    text = as_text(answer(seen), seen.at, coloured=False)
    assert "● RED     phải xử lý · act  Số liệu có đúng không? · Is it right?" in text
    assert "! thiếu 3; đã đối chiếu 20,000 dòng nhật ký (phần gần đây) · 3 missing; 20,000 rows" in text
    assert "→ docs/runbooks/RecordsMissing.md" in text
    assert "\x1b[" not in text
    assert "\x1b[1;31m" in as_text(answer(seen), seen.at, coloured=True)


def test_a_script_reads_the_same_as_json() -> None:
    seen = _seen(dead_letters=2)
    told = json.loads(as_json(answer(seen), seen.at))
    assert told["light"] == "yellow"
    flowing = told["questions"][0]
    assert (flowing["question"], flowing["light"]) == ("flowing", "yellow")
    (letters,) = [check for check in flowing["checks"] if check["check"] == "dead_letters"]
    assert letters["runbook"] == "docs/runbooks/DeadLetters.md"
    assert letters["en"] == "2 dead letters"


def test_a_quantile_is_the_bound_that_so_many_are_below() -> None:
    buckets = [
        Sample("b", {"le": le, "route_class": kind}, n) for kind in "ab" for le, n in (("1", 5), ("2", 9), ("+Inf", 10))
    ]
    assert quantile(0.5, buckets) == (1, 20)
    assert quantile(0.9, buckets) == (2, 20)
    assert quantile(0.99, buckets) == (float("inf"), 20)
    assert quantile(0.99, []) is None
