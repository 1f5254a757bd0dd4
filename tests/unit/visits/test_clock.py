"""A device whose clock is ahead is set back; one that is behind cannot be told from a slow network."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.common.problem import Fault
from services.visits.domain.clock import Clock, local_day

NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


def _judge(clock: Clock, moment: datetime) -> datetime | str:
    judged = clock.judge(moment, "/occurred_at")
    return judged.code if isinstance(judged, Fault) else judged


def test_a_clock_ahead_is_set_back_by_what_it_is_ahead() -> None:
    clock = Clock.compare(NOW, NOW + timedelta(days=2))
    assert clock.corrects
    assert _judge(clock, NOW + timedelta(days=1)) == NOW - timedelta(days=1)
    assert _judge(clock, NOW + timedelta(days=3)) == "in_the_future"


@pytest.mark.parametrize("sent_at", [None, NOW, NOW - timedelta(days=30), NOW + timedelta(seconds=60)])
def test_any_other_clock_is_believed(sent_at: datetime | None) -> None:
    clock = Clock.compare(NOW, sent_at)
    assert not clock.corrects
    assert _judge(clock, NOW - timedelta(hours=1)) == NOW - timedelta(hours=1)
    assert _judge(clock, NOW + timedelta(seconds=61)) == "in_the_future"


def test_the_day_is_that_of_vietnam() -> None:
    assert local_day(datetime(2025, 5, 9, 17, 0, tzinfo=UTC)).isoformat() == "2025-05-10"
    clock = Clock.compare(NOW, None)
    assert _judge(clock, datetime(2019, 12, 31, 17, 0, tzinfo=UTC)) == datetime(2019, 12, 31, 17, 0, tzinfo=UTC)
    assert _judge(clock, datetime(2019, 12, 31, 16, 59, tzinfo=UTC)) == "too_early"


def test_nobody_has_sent_everything_until_later_than_now() -> None:
    assert Clock.compare(NOW, None).synced_through(NOW + timedelta(seconds=30)) == NOW
    ahead = Clock.compare(NOW, NOW + timedelta(days=2))
    assert ahead.synced_through(NOW + timedelta(days=1)) == NOW - timedelta(days=1)
