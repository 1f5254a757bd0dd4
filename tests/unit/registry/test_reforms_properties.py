"""Any sequence of reforms keeps the map sound, and enacted again in order it gives the same map."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.registry.domain.atlas import Atlas
from services.registry.domain.closure import closed
from services.registry.domain.invariants import conflicts
from services.registry.domain.reform.applying import Outcome, apply
from services.registry.domain.reform.operations import (
    AbolishLevel,
    ChangeType,
    Create,
    Merge,
    NewUnit,
    Operation,
    Part,
    Place,
    Reform,
    Rename,
    Source,
    Split,
    Transfer,
)
from services.registry.domain.units import CODE_DIGITS, LEVELS, Level, Unit
from tests.unit.registry.small_map import decree, reformed, small_atlas

FIRST = date(2026, 1, 1)
PARENT: dict[Level, Level | None] = {
    "province": None,
    "district": "province",
    "commune": "province",
    "subcommune": "commune",
}
TYPE: dict[Level, str] = {"province": "tinh", "district": "huyen", "commune": "xa", "subcommune": "thon"}
KINDS = ("merge", "merge_into", "split", "transfer", "rename", "change_type", "create", "abolish")


@dataclass
class Drawing:
    """Draws orders that may or may not be possible on a map."""

    data: st.DataObject
    atlas: Atlas
    key: str

    def operation(self) -> Operation:
        kind = self.data.draw(st.sampled_from(KINDS))
        operation: Operation = getattr(self, f"_{kind}")(self.data.draw(st.sampled_from(LEVELS)))
        return operation

    def _merge(self, level: Level) -> Operation:
        return Merge(tuple(Source(str(unit.record_id)) for unit in self._some(level)), self._new(level))

    def _merge_into(self, level: Level) -> Operation:
        return Merge(tuple(Source(str(unit.record_id)) for unit in self._some(level)), self._there(level))

    def _split(self, level: Level) -> Operation:
        source = self._one(level)
        children = sorted(str(u.record_id) for u in self.atlas.children(source.record_id) if u.valid_to is None)
        half = self.data.draw(st.integers(0, len(children)))
        parts = (children[:half], "a"), (children[half:], "b")
        return Split(
            str(source.record_id), tuple(Part(self._new(source.level, suffix), tuple(own)) for own, suffix in parts)
        )

    def _transfer(self, level: Level) -> Operation:
        return Transfer(str(self._one(level).record_id), str(self._one().record_id))

    def _rename(self, level: Level) -> Operation:
        return Rename(str(self._one(level).record_id), name=f"Tên {self.key}")

    def _change_type(self, _: Level) -> Operation:
        return ChangeType(str(self._one("commune").record_id), self.data.draw(st.sampled_from(["xa", "phuong"])))

    def _create(self, level: Level) -> Operation:
        place = self._new(level)
        assert place.new is not None
        return Create(place.new)

    def _abolish(self, _: Level) -> Operation:
        return AbolishLevel(self.data.draw(st.sampled_from(["district", "subcommune"])))

    def _open(self, level: Level | None = None) -> list[Unit]:
        units = [unit for unit in self.atlas.units.values() if unit.valid_to is None]
        units.sort(key=lambda unit: unit.record_id)
        return [unit for unit in units if level in (None, unit.level)] or units

    def _one(self, level: Level | None = None) -> Unit:
        return self.data.draw(st.sampled_from(self._open(level)))

    def _some(self, level: Level) -> list[Unit]:
        among = st.sampled_from(self._open(level))
        return self.data.draw(st.lists(among, min_size=1, max_size=3, unique_by=lambda unit: unit.record_id))

    def _there(self, level: Level) -> Place:
        return Place(str(self._one(level).record_id))

    def _new(self, level: Level, suffix: str = "") -> Place:
        digits, above = CODE_DIGITS.get(level), PARENT[level]
        code = None
        if digits is not None:
            fresh = str(self.data.draw(st.integers(10 ** (digits - 1), 10**digits - 1)))
            code = self.data.draw(st.sampled_from([*(unit.code for unit in self._open(level) if unit.code), fresh]))
        parent = str(self._one(above).record_id) if above else None
        return Place(new=NewUnit(self.key + suffix, level, TYPE[level], f"Mới {self.key}", code=code, parent=parent))


def draw_reform(data: st.DataObject, atlas: Atlas, day: date, number: int) -> Reform:
    count = data.draw(st.integers(1, 3))
    return decree(*(Drawing(data, atlas, f"k{number}-{each}").operation() for each in range(count)), on=day)


def check_sound(atlas: Atlas) -> None:
    units = atlas.units
    assert list(conflicts(units)) == []
    open_units = [unit for unit in units.values() if unit.valid_to is None]
    assert all(unit.parent_id is None or units[unit.parent_id].valid_to is None for unit in open_units)
    codes = Counter(unit.code for unit in open_units if unit.code)
    assert set(codes.values()) <= {1}
    for unit in units.values():
        # Territory goes whole to one, or in parts to several: never half told.
        shares = [edge.share for edge in unit.successors]
        assert shares in ([], ["whole"]) or (set(shares) == {"part"} and len(shares) >= 2)
        assert len({edge.unit_id for edge in unit.successors}) == len(shares)
        if shares == ["whole"]:
            assert units[unit.successors[0].unit_id].level == unit.level
        assert unit.path[-1] == unit.within[0] == unit.record_id
    # What each reform made anew by itself is what building the map anew would come to.
    assert {unit.record_id: unit for unit in closed(units, units.keys())} == units


def check_outcome(before: Atlas, outcome: Outcome, after: Atlas) -> None:
    assert set(outcome.begun).isdisjoint(before.units)
    assert all(before.units[unit_id].valid_to != after.units[unit_id].valid_to for unit_id in outcome.ended)
    written = {unit.record_id for unit in outcome.states}
    assert {*outcome.begun, *outcome.ended} <= written
    assert all(after.units[unit_id] == unit for unit_id, unit in before.units.items() if unit_id not in written)
    for unit_id, reached in outcome.reached:
        if reached is not None and unit_id not in outcome.abolished:
            assert reached in after.units[unit_id].within


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_any_sequence_of_reforms_keeps_the_map_sound_and_can_be_replayed(data: st.DataObject) -> None:
    atlas, enacted = small_atlas(), []
    for number in range(data.draw(st.integers(1, 5))):
        reform = draw_reform(data, atlas, FIRST + timedelta(days=30 * number), number)
        outcome = apply(atlas, reform)
        if outcome.faults:
            continue  # Refused whole: nothing of it is on the map.
        after = reformed(atlas, outcome)
        check_outcome(atlas, outcome, after)
        check_sound(after)
        atlas = after
        enacted.append(reform)
    again = small_atlas()
    for reform in enacted:
        again = reformed(again, apply(again, reform))
    assert again.units == atlas.units
