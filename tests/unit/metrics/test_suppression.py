"""Small counts are withheld, and nothing else in the answer gives them away."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.domain.suppression import Counts, withheld

K = 4
PEOPLE = {"nguoi", "unknown", "known_by", "matched"}


def counts(luot: int, nguoi: int, ho: int = 0, unknown: int = 0, **more: tuple[int, ...]) -> Counts:
    matched = more.get("matched")
    return Counts(
        luot, unknown, nguoi, ho, more.get("known_by", (nguoi, 0, 0, 0)), (matched[0], matched[1]) if matched else None
    )


def test_a_small_count_of_people_takes_with_it_what_would_tell_it() -> None:
    (row,), total = withheld([counts(9, 3)], counts(9, 3), 5)
    assert row == PEOPLE
    assert total == PEOPLE


def test_lượt_below_the_threshold_goes_with_a_small_count() -> None:
    _, total = withheld([], counts(4, 3, 2), 5)
    assert total == PEOPLE | {"luot", "ho"}


def test_zero_and_the_threshold_itself_are_shown() -> None:
    assert withheld([], counts(3, 0, unknown=3), 5) == ([], frozenset())
    assert withheld([], counts(5, 5, 5), 5) == ([], frozenset())


def test_a_small_count_of_households_alone_leaves_the_people() -> None:
    _, total = withheld([], counts(40, 30, 2), 5)
    assert total == {"ho"}


def test_one_small_member_withholds_the_whole_split() -> None:
    _, total = withheld([], counts(90, 80, known_by=(78, 2, 0, 0), matched=(40, 3)), 5)
    assert total == {"known_by", "matched"}


def test_beside_a_total_the_next_smallest_row_is_withheld_too() -> None:
    rows, total = withheld([counts(9, 3), counts(40, 20), counts(90, 60)], counts(139, 83), 5)
    assert rows == [PEOPLE, PEOPLE, frozenset()]
    assert total == frozenset()


def test_a_threshold_of_one_withholds_nothing() -> None:
    assert withheld([counts(1, 1, 1)], counts(1, 1, 1), 1) == ([frozenset()], frozenset())


Line = tuple[int | None, int | None]
"""A lượt: the person, the household, if known."""

lines = st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 5)), min_size=1, max_size=6)


def _counted(row: Sequence[Line]) -> Counts:
    people = {person for person, _ in row if person is not None}
    homes = {home for _, home in row if home is not None}
    return counts(len(row), len(people), len(homes), sum(person is None for person, _ in row))


Option = tuple[int, int, int, int]
"""What a row may hold: lượt, unknown, and the most people and households with these."""


def _options(row: Counts, hidden: frozenset[str], caps: Counts, fixed: dict[str, int]) -> list[Option]:
    """Give every content of a row that looks like what is shown of it; `fixed` numbers are supposed."""

    def choices(name: str, low: int, most: int) -> Sequence[int]:
        return range(low, most + 1) if name in hidden else (int(getattr(row, name)),)

    def most_of(name: str, room: int, least: int) -> int | None:
        told = fixed.get(name, None if name in hidden else int(getattr(row, name)))
        if told is None:
            return min(room, int(getattr(caps, name)))
        return told if least <= told <= room else None

    found = []
    for luot in choices("luot", 1, caps.luot):
        for unknown in choices("unknown", 0, luot):
            people = most_of("nguoi", luot - unknown, min(1, luot - unknown))
            homes = most_of("ho", luot, 0)
            if unknown <= luot and people is not None and homes is not None:
                found.append((luot, unknown, people, homes))
    return found


def _is_possible(
    rows: Sequence[Counts],
    hidden: Sequence[frozenset[str]],
    total: Counts,
    total_hidden: frozenset[str],
    n: int,
    **v: int,
) -> bool:
    """Say whether a row could hold a number, as far as what is shown tells: sums of lượt, bounds of people."""
    most = max(total.luot, K) + 2
    caps = Counts(
        total.luot if "luot" not in total_hidden else most,
        0,
        total.nguoi if "nguoi" not in total_hidden else most,
        total.ho if "ho" not in total_hidden else most,
        (),
        None,
    )
    options = [
        _options(row, names, caps, v if n == at else {})
        for at, (row, names) in enumerate(zip(rows, hidden, strict=True))
    ]
    return any(
        ("luot" in total_hidden or luot == total.luot)
        and ("unknown" in total_hidden or unknown == total.unknown)
        and ("nguoi" in total_hidden or people >= total.nguoi)
        and ("ho" in total_hidden or homes >= total.ho)
        for luot, unknown, people, homes in (tuple(map(sum, zip(*world, strict=True))) for world in product(*options))
    )


def _exposed(rows: Sequence[Counts], total: Counts) -> list[tuple[int, str]]:
    """Name the small numbers that follow from what is shown."""
    hidden, total_hidden = withheld(rows, total, K)
    small = [(n, name) for n, row in enumerate(rows) for name in ("nguoi", "ho") if 0 < getattr(row, name) < K]
    assert all(name in hidden[n] for n, name in small)
    return [
        (n, name)
        for n, name in small
        if not any(
            _is_possible(rows, hidden, total, total_hidden, n, **{name: value})
            for value in range(1, K)
            if value != getattr(rows[n], name)
        )
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, min_size=1, max_size=3))
def test_no_small_number_follows_from_the_total_and_the_other_rows(contents: list[list[Line]]) -> None:
    rows = [_counted(content) for content in contents]
    total = _counted([line for content in contents for line in content])
    assert _exposed(rows, total) == []


@pytest.mark.parametrize(
    ("rows", "total"),
    [
        ([counts(1, 1), counts(1, 1), counts(9, 9)], counts(11, 11)),
        ([counts(3, 3), counts(3, 3)], counts(6, 6)),
        ([counts(6, 3), counts(9, 9)], counts(15, 12)),
        ([counts(2, 1, 1), counts(7, 7, 7)], counts(9, 8, 8)),
        ([counts(1, 1), counts(9, 0, unknown=9)], counts(10, 1, unknown=9)),
        ([counts(1, 1, 1), counts(6, 6, 0)], counts(7, 7, 1)),
    ],
)
def test_known_ways_to_work_it_out_are_closed(rows: list[Counts], total: Counts) -> None:
    assert _exposed(rows, total) == []
