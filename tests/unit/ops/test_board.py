"""What the watch tells: nothing before it is known, nothing after it is too old."""

from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from deploy.ops.watch import declared
from deploy.ops.watch.board import Board
from deploy.ops.watch.suspects import Suspects
from libs.common.telemetry import render


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_gauge_is_declared_but_has_no_value_before_somebody_looked() -> None:
    registry = CollectorRegistry()
    board = Board(declared.GAUGES, registry)
    lines = render(registry)[0].decode().splitlines()
    assert all(line.startswith("#") for line in lines)
    assert {f"# TYPE {gauge.name} gauge" for gauge in declared.GAUGES} <= set(lines)
    board.tell(declared.MISSING, 0)
    assert "conservation_missing_records 0.0" in render(registry)[0].decode().splitlines()


def test_a_value_that_is_not_told_again_is_gone_after_its_time() -> None:
    clock = Clock()
    board = Board(declared.GAUGES, clock=clock)
    board.tell(declared.UP, 1, "visits", lasts_seconds=60)
    clock.now = 59.0
    assert board.values(declared.UP) == {("visits",): 1}
    clock.now = 60.0
    assert board.values(declared.UP) == {}


def test_an_age_grows_by_itself() -> None:
    clock = Clock()
    board = Board(declared.GAUGES, clock=clock)
    board.tell(declared.SWEPT, lambda: clock.now)
    clock.now = 7.0
    assert board.values(declared.SWEPT) == {(): 7.0}


def test_what_is_of_one_database_is_withdrawn_alone() -> None:
    board = Board(declared.GAUGES)
    board.tell(declared.CONNECTIONS, 1, "visits", "used")
    board.tell(declared.CONNECTIONS, 2, "metrics", "used")
    board.withdraw(declared.CONNECTIONS, label="visits")
    assert board.values(declared.CONNECTIONS) == {("metrics", "used"): 2}


def test_all_values_of_a_gauge_replace_those_before() -> None:
    board = Board(declared.GAUGES)
    board.tell_all(declared.DEAD_LETTERS, {("a",): 1, ("b",): 2})
    board.tell_all(declared.DEAD_LETTERS, {("b",): 3})
    assert board.values(declared.DEAD_LETTERS) == {("b",): 3}


def test_two_metrics_of_one_name_are_refused() -> None:
    registry = CollectorRegistry()
    Board(declared.GAUGES, registry)
    with pytest.raises(ValueError, match="conservation_missing_records"):
        declared.MISSING.on(registry)


def test_suspects_are_bounded_last_before_they_count_and_are_looked_at_in_turn() -> None:
    clock = Clock()
    suspects, ids = Suspects(clock, most=3), [UUID(int=n) for n in range(5)]
    for record_id in ids[:3]:
        suspects.add(record_id)
        clock.now += 1
    assert suspects.lasting(2) == 2
    assert suspects.next(2) == ids[:2]
    suspects.add(ids[0])  # Looked at again: last in the queue, and as suspect as before.
    assert suspects.next(2) == ids[1:3]
    assert suspects.lasting(3) == 1
    assert not suspects.lossy
    suspects.add(ids[3])
    assert (len(suspects), suspects.lossy) == (3, True)
    suspects.discard(ids)
    assert len(suspects) == 0
