"""Which unit counts in which roll-up, and which roll-ups answer a question about some territory."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.metrics.domain.grouping import Division
from services.metrics.domain.map import UnitMap
from services.metrics.domain.rollups import COMMUNE, PROVINCE

__all__ = ["Layout", "Member", "Plan", "place_of", "rolls_up"]

FINER_THAN_ROLLUPS = {"reporter", "time:day", "time:week", "unit:subcommune"}
MOST_DIVISIONS = 8


@dataclass(frozen=True, slots=True)
class Member:
    """A unit that something was recorded in, where it counts, and the highest level whose roll-ups have it."""

    unit_id: UUID
    commune_id: UUID
    province_id: UUID
    ready: int


Named = tuple[int, UUID]
"""A roll-up's level and unit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Disjoint parts of a territory: roll-ups, and units whose cells are read; `covered` are the roll-ups' units.

    Each roll-up goes with one of its units, in whose group it counts as all of them do.
    """

    rollups: Mapping[Named, UUID]
    covered: Collection[UUID]
    leaves: Collection[UUID]


@dataclass(slots=True)
class _Whole:
    """A commune or a province: its units, and whether its roll-up has all of theirs."""

    members: frozenset[UUID]
    usable: bool
    communes: Mapping[UUID, "_Whole"] = field(default_factory=dict)


def rolls_up(group_by: Collection[str]) -> bool:
    """Say whether roll-ups can be grouped so; if not, only cells can."""
    return FINER_THAN_ROLLUPS.isdisjoint(group_by)


def place_of(unit_id: UUID, units: UnitMap) -> tuple[UUID, UUID]:
    """Give the commune and the province in which a unit counts: itself, where the map knows of none."""
    return units.at_level(unit_id, "commune")[0], units.at_level(unit_id, "province")[0]


class Layout:
    """All members at a version; never changed, so that a snapshot keeps its own."""

    def __init__(self, version: int, members: Mapping[bytes, Member]) -> None:
        self.version = version
        self.members = members
        self._provinces: dict[UUID, _Whole] = {}
        # Maps stay with what was found by them, so that no other can come to bear the identity of one.
        self._divisions: dict[tuple[str, date | None, int, int], tuple[UnitMap, frozenset[Named]]] = {}

    def changed(self, version: int, members: Iterable[Member]) -> "Layout":
        """Give the layout with some members as they are now."""
        return Layout(version, {**self.members, **{member.unit_id.bytes: member for member in members}})

    def commune_of(self, unit: bytes) -> UUID | None:
        """Give the commune a unit counts in."""
        member = self.members.get(unit)
        return member.commune_id if member is not None else None

    def province_of(self, unit: bytes) -> UUID | None:
        """Give the province a unit counts in."""
        member = self.members.get(unit)
        return member.province_id if member is not None else None

    def plan(
        self, scope: frozenset[UUID] | None, strangers: Iterable[bytes], units: UnitMap, division: Division | None
    ) -> Plan:
        """Cut a territory (None: all) into roll-ups, and what must be read from cells.

        A roll-up stands for its units only if all of them are asked for, and are of one part where they are divided.
        The strangers are units that are no members yet.
        """
        rollups: dict[Named, UUID] = {}
        covered: list[frozenset[UUID]] = []
        leaves = {UUID(bytes=unit) for unit in strangers}
        if scope is not None:
            leaves &= scope
        wholes = self._wholes(units)
        divided = self._divided(wholes, division) if division is not None else frozenset()

        def stands(level: int, unit_id: UUID, whole: _Whole) -> bool:
            named = level, unit_id
            if not whole.usable or named in divided or not (scope is None or whole.members <= scope):
                return False
            rollups[named] = next(iter(whole.members))
            covered.append(whole.members)
            return True

        for province_id, province in wholes.items():
            if scope is not None and scope.isdisjoint(province.members):
                continue
            if stands(PROVINCE, province_id, province):
                continue
            for commune_id, commune in province.communes.items():
                if not stands(COMMUNE, commune_id, commune):
                    leaves |= commune.members if scope is None else commune.members & scope
        return Plan(rollups, frozenset().union(*covered), leaves)

    def _wholes(self, units: UnitMap) -> Mapping[UUID, _Whole]:
        if not self._provinces:
            self._provinces = self._made(units)
        return self._provinces

    def _divided(self, wholes: Mapping[UUID, _Whole], division: Division) -> frozenset[Named]:
        """Give the roll-ups whose units are of several parts."""
        key = division.level, division.on, id(division.units), division.units.changes
        known = self._divisions.get(key)
        if known is None:
            divided: set[Named] = set()
            for province_id, province in wholes.items():
                parts = set()
                for commune_id, commune in province.communes.items():
                    of_commune = {division.part(unit_id) for unit_id in commune.members}
                    parts |= of_commune
                    if len(of_commune) > 1:
                        divided.add((COMMUNE, commune_id))
                if len(parts) > 1:
                    divided.add((PROVINCE, province_id))
            if len(self._divisions) >= MOST_DIVISIONS:
                self._divisions.clear()
            known = self._divisions[key] = division.units, frozenset(divided)
        return known[1]

    def _made(self, units: UnitMap) -> dict[UUID, _Whole]:
        by_province: dict[UUID, dict[UUID, list[Member]]] = {}
        provinces_of: dict[UUID, set[UUID]] = {}
        for member in self.members.values():
            by_province.setdefault(member.province_id, {}).setdefault(member.commune_id, []).append(member)
            provinces_of.setdefault(member.commune_id, set()).add(member.province_id)
        made = {}
        for province_id, by_commune in by_province.items():
            communes = {
                commune_id: _Whole(
                    frozenset(_one(member.unit_id, units) for member in members),
                    # One that provinces share has the facts of units of all of them.
                    len(provinces_of[commune_id]) == 1 and all(member.ready >= COMMUNE for member in members),
                )
                for commune_id, members in by_commune.items()
            }
            usable = all(member.ready >= PROVINCE for members in by_commune.values() for member in members)
            united = frozenset().union(*(commune.members for commune in communes.values()))
            made[province_id] = _Whole(united, usable, communes)
        return made


def _one(unit_id: UUID, units: UnitMap) -> UUID:
    """Give the map's own object for an id: finding it in a set then compares nothing."""
    unit = units.get(unit_id)
    return unit.unit_id if unit is not None else unit_id
