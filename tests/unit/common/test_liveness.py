"""/health/live says what only a restart mends: a loop that stands still, not a server that is away."""

import time

import pytest
from prometheus_client import CollectorRegistry

from libs.common.http import build_app
from libs.common.problem import Catalogue
from libs.common.process import ALIVE_SECONDS, STUCK_SECONDS, Pulse
from libs.contracts.problems import entries
from tests.support.http import call


@pytest.fixture
def pulse() -> Pulse:
    return Pulse()


def _later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)


def test_a_loop_that_rests_is_not_ready_and_still_alive(pulse: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
    pulse.beat()
    assert (pulse.alive(), pulse.going()) == (True, True)
    _later(monkeypatch, ALIVE_SECONDS + 1)
    assert (pulse.alive(), pulse.going()) == (False, True)


def test_a_loop_that_stands_still_is_not_alive_until_it_turns_again(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse.beat()
    _later(monkeypatch, STUCK_SECONDS + 1)
    assert not pulse.going()
    pulse.beat()
    assert pulse.going()


def test_a_loop_that_waits_for_what_is_away_before_its_first_turn_is_alive(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _later(monkeypatch, 10 * STUCK_SECONDS)
    assert (pulse.alive(), pulse.going()) == (False, True)


@pytest.mark.parametrize(
    ("path", "ready", "alive", "expected"),
    [
        ("/health/live", False, True, 200),
        ("/health/live", True, False, 503),
        ("/health/ready", True, False, 200),
        ("/health/ready", False, True, 503),
    ],
)
async def test_ready_and_live_are_told_apart(path: str, ready: bool, alive: bool, expected: int) -> None:
    app = build_app(
        catalogue=Catalogue.of(entries()),
        routes=(),
        registry=CollectorRegistry(),
        ready=lambda: {"registry": ready},
        alive=lambda: {"consumer": alive},
    )
    answer = await call(app, "GET", path)
    parts = {"consumer": alive} if path.endswith("live") else {"registry": ready}
    assert (answer.status, answer.json["parts"]) == (expected, parts)
