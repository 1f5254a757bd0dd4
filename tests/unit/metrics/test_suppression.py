"""Small counts are withheld, and nothing else in the answer gives them away."""

from collections.abc import Iterator, Sequence
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

lines = st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 5)), min_size=1, max_size=7)


def _counted(row: Sequence[Line]) -> Counts:
    people = {person for person, _ in row if person is not None}
    homes = {home for _, home in row if home is not None}
    return counts(len(row), len(people), len(homes), sum(person is None for person, _ in row))


def _possible(row: Counts, hidden: frozenset[str], most: int) -> list[Counts]:
    """Give every content of a row that looks like what is shown of it."""

    def choices(name: str, low: int) -> Sequence[int]:
        return range(low, most + 1) if name in hidden else (int(getattr(row, name)),)

    return [
        counts(luot, nguoi, ho, unknown)
        for luot, nguoi, ho, unknown in product(
            choices("luot", 1), choices("nguoi", 0), choices("ho", 0), choices("unknown", 0)
        )
        if nguoi + unknown <= luot and (nguoi == 0) == (unknown == luot) and ho <= luot
    ]


def _worlds(
    rows: Sequence[Counts], hidden: Sequence[frozenset[str]], total: Counts, total_hidden: frozenset[str]
) -> Iterator[tuple[Counts, ...]]:
    """Give every answer that looks the same, as far as the total's sums and bounds tell."""
    most = max(sum(row.luot for row in rows), K)
    for world in product(*(_possible(row, names, most) for row, names in zip(rows, hidden, strict=True))):
        sums = all(
            name in total_hidden or sum(getattr(row, name) for row in world) == getattr(total, name)
            for name in ("luot", "unknown")
        )
        bounds = all(
            name in total_hidden
            or max(getattr(row, name) for row in world)
            <= getattr(total, name)
            <= sum(getattr(row, name) for row in world)
            for name in ("nguoi", "ho")
        )
        if sums and bounds:
            yield world


def _exposed(rows: Sequence[Counts], total: Counts) -> list[tuple[int, str]]:
    """Name the small numbers that follow from what is shown."""
    hidden, total_hidden = withheld(rows, total, K)
    small = {(n, name) for n, row in enumerate(rows) for name in ("nguoi", "ho") if 0 < getattr(row, name) < K}
    assert all(name in hidden[n] for n, name in small)
    seen: dict[tuple[int, str], set[int]] = {which: set() for which in small}
    for world in _worlds(rows, hidden, total, total_hidden):
        for n, name in small:
            seen[n, name].add(getattr(world[n], name))
        if all(len(values) > 1 for values in seen.values()):
            return []
    return [which for which, values in seen.items() if len(values) < 2]


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
