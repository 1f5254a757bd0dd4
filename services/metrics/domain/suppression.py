"""Small counts of people and households withheld, with whatever in the same answer would give them away.

A row that counts 1 to k - 1 people loses `nguoi`, `unknown`, `known_by` and `matched`, and `luot` below k; one that
counts as few households loses `ho`, and `luot` below k. The total then still tells the sum of what was withheld
(lượt), or a lower bound (people). So a withheld number must be able to trade one with another withheld number: one
row one more, another one fewer, and all that is shown stays as it is. Where no such partner is, a row with k or more
is withheld beside it; where there is none of those, the total is.

What is withheld does not depend on which answers were asked for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

__all__ = ["Counts", "withheld"]

PEOPLE = frozenset({"nguoi", "unknown", "known_by", "matched"})
EVERYTHING = PEOPLE | {"luot", "ho"}


@dataclass(frozen=True, slots=True)
class Counts:
    """A row's numbers as they are."""

    luot: int
    unknown: int
    nguoi: int
    ho: int
    known_by: tuple[int, ...]
    matched: tuple[int, int] | None


def withheld(rows: Sequence[Counts], total: Counts, smallest: int) -> tuple[list[frozenset[str]], frozenset[str]]:
    """Name the numbers to withhold in each row and in the total; counts from 1 to smallest - 1 are small."""
    if smallest <= 1:
        return [frozenset() for _ in rows], frozenset()
    answer = _Answer(rows, total, smallest)
    answer.protect("nguoi", PEOPLE)
    answer.protect("ho", frozenset({"ho"}))
    for name in sorted(EVERYTHING):
        answer.pair_up(name)
    answer.show_zeros()
    return [frozenset(hidden) for hidden in answer.hidden], frozenset(answer.total_hidden)


def _own(counts: Counts, smallest: int, *, alone: bool) -> set[str]:
    """Name what a row withholds for its own sake; beside others also zeros, which would tell what the others hold."""
    hidden: set[str] = set()
    few_people, few_homes = 0 < counts.nguoi < smallest, 0 < counts.ho < smallest
    if few_people:
        hidden |= PEOPLE
    if few_homes:
        hidden.add("ho")
    if (few_people or few_homes) and counts.luot < smallest:
        hidden |= {"luot", "unknown"} if alone else EVERYTHING
    for name, members in (("known_by", counts.known_by), ("matched", counts.matched or ())):
        if any(0 < member < smallest for member in members):
            hidden.add(name)
    return hidden


class _Answer:
    """Rows and total, each with what is withheld so far; withholding more never gives anything away."""

    def __init__(self, rows: Sequence[Counts], total: Counts, smallest: int) -> None:
        self._rows = rows
        self._total = total
        self._smallest = smallest
        self.hidden = [_own(row, smallest, alone=False) for row in rows]
        self.total_hidden = _own(total, smallest, alone=True)

    def protect(self, name: str, companions: frozenset[str]) -> None:
        """See to it that no row's small number follows from the total and the other rows."""
        values = [self._size(name, n) for n in range(len(self._rows))]
        small = [n for n, value in enumerate(values) if 0 < value < self._smallest]
        exposed = self._without_trade(name, small)
        if name in self.total_hidden:
            # Only their lượt, where that is withheld, could still be told by the total, and bounds the number.
            exposed = [n for n in exposed if "luot" in self.hidden[n] and "luot" not in self.total_hidden]
        if not exposed:
            return
        partner = self._partner(name, set(range(len(values))).difference(small))
        if partner is None:
            self.total_hidden |= EVERYTHING
            return
        self.hidden[partner] |= companions
        for n in exposed:
            if "luot" in self.hidden[n] or not self._room(name, n, partner):
                self.hidden[n] |= EVERYTHING
                self.hidden[partner] |= EVERYTHING

    def pair_up(self, name: str) -> None:
        """Where exactly one row withholds a number, withhold the next smallest as well."""
        without = [n for n, hidden in enumerate(self.hidden) if name in hidden]
        if len(without) != 1 or name in self.total_hidden:
            return
        shown = [n for n in range(len(self._rows)) if n not in without and self._size(name, n)]
        if shown:
            self.hidden[min(shown, key=lambda n: self._size(name, n))].add(name)

    def _without_trade(self, name: str, small: Sequence[int]) -> list[int]:
        """Give the rows that could neither count one more, with another one fewer, nor the other way round."""
        luot = {n: self._rows[n].luot for n in small}
        value = {n: self._size(name, n) for n in small}
        # Where every lượt is a person of its own, a lượt has to move along, which only goes where lượt is not shown.
        unseen = {n for n in small if name == "nguoi" and "luot" in self.hidden[n]}
        givers = {n for n in small if value[n] > 1}
        takers = {n for n in small if value[n] + 1 < self._smallest}
        roomy = {n for n in takers if luot[n] > value[n]}
        movable = {n for n in takers & unseen if luot[n] + 1 < self._smallest}

        def other(rows: set[int], n: int) -> bool:
            return len(rows) > (n in rows)

        unseen_givers = givers & unseen
        return [
            n
            for n in small
            if not (
                (n in roomy and other(givers, n))
                or (n in movable and other(unseen_givers, n))
                or (n in givers and other(roomy, n))
                or (n in unseen_givers and other(movable, n))
            )
        ]

    def _room(self, name: str, row: int, partner: int) -> bool:
        """Say whether a row with its lượt shown and its partner could trade."""
        value = int(getattr(self._rows[row], name))
        upward = value + 1 < self._smallest
        return upward or self._rows[partner].luot > int(getattr(self._rows[partner], name))

    def _partner(self, name: str, others: Collection[int]) -> int | None:
        """Choose the row to withhold beside: the next smallest; by lượt, where the total does not tell the number."""
        by = "luot" if name in self.total_hidden else name
        large = [n for n in others if self._size(by, n) >= self._smallest]
        return min(large, key=lambda n: (self._size(by, n), n), default=None)

    def show_zeros(self) -> None:
        """Show a number that is zero everywhere: it tells of nobody."""
        for name in ("nguoi", "ho"):
            if getattr(self._total, name) == 0:
                for hidden in self.hidden:
                    hidden.discard(name)

    def _size(self, name: str, n: int) -> int:
        row = self._rows[n]
        if name in ("known_by", "matched"):
            return row.nguoi if name == "known_by" or row.matched else 0
        return int(getattr(row, name))
