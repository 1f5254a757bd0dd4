"""What was received on a day: the newest revision of each record, in whatever order and however often it is told."""

import random
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.today import Figures, Part, Receipt, Today

WARD, ELSEWHERE = UUID(int=1), UUID(int=2)
PROVINCES = {WARD: "87", ELSEWHERE: "01"}
DAY = date(2026, 11, 22)
AN, BINH = b"a" * 16, b"b" * 16


def received(
    number: int,
    *lines: tuple[str, int, bytes | None],
    revision: int = 1,
    unit: UUID = WARD,
    reporter: int = 11,
    team: bool = True,
    voided: bool = False,
) -> Receipt:
    return Receipt(UUID(int=100 + number), revision, 0, unit, UUID(int=reporter), team, voided, lines)


def figures(*receipts: Receipt) -> Figures:
    today = Today()
    today.turn_to(DAY)
    for receipt in receipts:
        today.take(receipt)
    return added(today)


def added(today: Today) -> Figures:
    into: Figures = {}
    for _ in today.slices(PROVINCES.__getitem__, into):
        pass
    return into


def told(part: Part) -> tuple[int, int, dict[str, int], dict[str, int]]:
    return part.rows, len(part.teams), part.turns, {measure: len(people) for measure, people in part.people.items()}


def test_who_comes_twice_is_one_person_and_two_turns() -> None:
    found = figures(received(1, ("FLD-07", 1, AN)), received(2, ("FLD-07", 2, AN), ("FLD-07", 1, BINH)))
    assert told(found["87"]) == (2, 1, {"FLD-07": 4}, {"FLD-07": 2})


def test_each_province_has_its_own_and_partners_are_no_teams() -> None:
    bank = received(2, ("FLD-07", 5, None), unit=ELSEWHERE, reporter=21, team=False)
    found = figures(received(1, ("FLD-07", 1, AN)), bank)
    assert told(found["01"]) == (1, 0, {"FLD-07": 5}, {"FLD-07": 0})


def test_a_correction_replaces_and_a_void_takes_away() -> None:
    first = received(1, ("FLD-07", 100, AN))
    assert told(figures(first, received(1, ("FLD-08", 1, BINH), revision=2))["87"]) == (
        (1, 1, {"FLD-08": 1}, {"FLD-08": 1})
    )
    assert figures(first, received(1, revision=2, voided=True)) == {}


def test_another_day_begins_with_nothing() -> None:
    today = Today()
    today.turn_to(DAY)
    today.take(received(1, ("FLD-07", 1, AN)))
    today.turn_to(DAY)
    assert len(today) == 1
    today.turn_to(date(2026, 11, 23))
    assert added(today) == {}


def test_what_comes_while_it_is_added_up_waits() -> None:
    today = Today()
    today.turn_to(DAY)
    for number in range(6000):
        today.take(received(number, ("FLD-07", 1, None)))
    into: Figures = {}
    for _ in today.slices(PROVINCES.__getitem__, into):
        today.take(received(9999, ("FLD-07", 1, None)))
    assert into["87"].rows == 6000


REVISIONS = st.lists(
    st.builds(
        lambda number, revision, quantity, voided: received(
            number, *(() if voided else (("FLD-07", quantity, AN),)), revision=revision, voided=voided
        ),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(1, 9),
        st.booleans(),
    ),
    unique_by=lambda receipt: (receipt.record_id, receipt.revision),
)


@given(REVISIONS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(receipts: Sequence[Receipt], chance: random.Random) -> None:
    shuffled = [*receipts, *receipts]
    chance.shuffle(shuffled)
    newest = {receipt.record_id: receipt for receipt in sorted(receipts, key=lambda each: each.revision)}
    turns = sum(quantity for receipt in newest.values() for _, quantity, _ in receipt.lines)
    found = figures(*shuffled).get("87", Part())
    assert (found.rows, found.turns.get("FLD-07", 0)) == (sum(not each.voided for each in newest.values()), turns)
