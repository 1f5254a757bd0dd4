"""Random maps of real ground: each version of a unit is a set of plots, so who holds whom can be seen."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from uuid import UUID

from hypothesis import strategies as st

from services.metrics.domain.map import Unit, UnitMap

__all__ = ["AFTER", "BEFORE", "Land", "a_map", "a_unit", "an_id", "days_of", "lands", "oracle_holders"]

BEFORE, AFTER = date(2025, 6, 30), date(2025, 7, 1)


def an_id(number: int) -> UUID:
    return UUID(int=number)


def a_unit(
    number: int,
    level: str,
    above: tuple[int, ...] = (),
    *,
    begin: date | None = None,
    end: date | None = None,
    onto: tuple[int, ...] = (),
) -> Unit:
    path = tuple(map(an_id, (*above, number)))
    return Unit(an_id(number), 1, str(number), level, str(number), begin, end, path, path, tuple(map(an_id, onto)))


def a_map(*states: Unit) -> UnitMap:
    made = UnitMap()
    for unit in states:
        made.take(unit)
    return made


FIRST = date(2025, 1, 1)
Plots = frozenset[int]


class Land:
    """Provinces of plots that are merged, split, moved and renamed; what every version's ground is."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw
        self.units: dict[int, Unit] = {}
        self.ground: dict[int, Plots] = {}
        self.day = FIRST
        plot = 0
        for _ in range(2):
            province = self._begin("province", (), None)
            for _ in range(2):
                commune = self._begin("commune", (province,), None)
                hamlets = [self._begin("subcommune", (province, commune), None, {plot + n}) for n in range(2)]
                plot += 3
                self.ground[commune] = frozenset().union(*(self.ground[h] for h in hamlets)) | {plot - 1}
            self.ground[province] = frozenset(range(plot - 6, plot))

    def reform(self) -> None:
        """Merge all of two communes, split one, or rename a province, on a later day."""
        self.day += timedelta(days=10)
        kind = self._draw(st.integers(0, 3))
        communes = self._open("commune")
        if kind == 0:
            one = communes[self._pick(communes)]
            province = next(each for each in self._open("province") if self.ground[one] <= self.ground[each])
            beside = [each for each in communes if self.ground[each] <= self.ground[province]]
            gone = list(dict.fromkeys((one, beside[self._pick(beside)])))
            self._replace_communes(gone, [frozenset().union(*(self.ground[each] for each in gone))])
        elif kind == 1:
            one = communes[self._pick(communes)]
            part = frozenset(plot for plot in self.ground[one] if self._draw(st.integers(0, 1)))
            self._replace_communes([one], [ground for ground in (part, self.ground[one] - part) if ground])
        elif kind == 2:
            old = self._open("province")[self._pick(self._open("province"))]
            new = self._begin("province", (), self.day, self.ground[old])
            self._end(old, (new,))
        elif len(provinces := self._open("province")) > 1:
            new = self._begin("province", (), self.day, frozenset().union(*(self.ground[each] for each in provinces)))
            for old in provinces:
                self._end(old, (new,))

    def _replace_communes(self, gone: list[int], grounds: list[Plots]) -> None:
        # Who begins now lies in the province of now; who stays may well lie in one that is no more.
        above = tuple(each for each in self._open("province") if self.ground[gone[0]] <= self.ground[each])
        new = [self._begin("commune", above, self.day, ground) for ground in grounds]
        hamlets = [h for h in self._open("subcommune") if any(self.ground[h] <= self.ground[each] for each in gone)]
        for commune in gone:
            self._end(commune, tuple(each for each in new if self.ground[each] & self.ground[commune]))
        for hamlet in hamlets:
            home = next(each for each in new if self.ground[hamlet] <= self.ground[each])
            self._end(hamlet, (self._begin("subcommune", (*above, home), self.day, self.ground[hamlet]),))

    def _begin(
        self, level: str, above: tuple[int, ...], begin: date | None, ground: frozenset[int] | set[int] = frozenset()
    ) -> int:
        number = len(self.units) + 1
        self.units[number] = a_unit(number, level, above, begin=begin)
        self.ground[number] = frozenset(ground)
        return number

    def _end(self, number: int, onto: tuple[int, ...]) -> None:
        unit = self.units[number]
        self.units[number] = a_unit(
            number, unit.level, self._path(number)[:-1], begin=unit.valid_from, end=self.day, onto=onto
        )

    def _path(self, number: int) -> tuple[int, ...]:
        return tuple(above.int for above in self.units[number].path)

    def _open(self, level: str) -> list[int]:
        return [n for n, unit in self.units.items() if unit.level == level and unit.valid_to is None]

    def _pick(self, among: list[int]) -> int:
        return self._draw(st.integers(0, len(among) - 1))


@st.composite
def lands(draw: Callable[[st.SearchStrategy[int]], int]) -> Land:
    land = Land(draw)
    for _ in range(draw(st.integers(0, 5))):
        land.reform()
    return land


def oracle_cover(units: dict[int, Unit], number: int, day: date, seen: frozenset[int] = frozenset()) -> set[int]:
    """The rule as it is written down."""
    unit = units[number]
    if unit.valid_on(day):
        return {number}
    if unit.valid_to is not None and unit.valid_to <= day:
        onwards = {other.int for other in unit.successors}
    else:
        onwards = {n for n, other in units.items() if an_id(number) in other.successors}
    return set().union(*(oracle_cover(units, n, day, seen | {number}) for n in onwards - seen))


def oracle_holders(units: dict[int, Unit], number: int, day: date) -> set[int]:
    def above(of: int) -> set[int]:
        parent = units[of].parent
        return oracle_holders(units, parent.int, day) if parent is not None else set()

    each = [{part} | above(part) for part in oracle_cover(units, number, day)]
    return (set.intersection(*each) if each else set()) | above(number)


def days_of(land: Land) -> Iterator[date]:
    yield from (FIRST + timedelta(days=5 + 10 * n) for n in range((land.day - FIRST).days // 10 + 1))
