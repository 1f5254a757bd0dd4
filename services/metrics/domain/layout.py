"""Which unit counts in which roll-up, and which roll-ups answer a question about some territory."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.metrics.domain.map import UnitMap
from services.metrics.domain.rollups import COMMUNE, PROVINCE

__all__ = ["Layout", "Member", "Plan", "coarsest", "place_of"]

FINER_THAN_ROLLUPS = {"reporter", "time:day", "time:week", "unit:subcommune"}


@dataclass(frozen=True, slots=True)
class Member:
    """A unit that something was recorded in, where it counts, and the highest level whose roll-ups have it."""

    unit_id: UUID
    commune_id: UUID
    province_id: UUID
    ready: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Disjoint parts of a territory: roll-ups, and units whose cells are read; `covered` are the roll-ups' units."""

    rollups: Collection[tuple[int, UUID]]
    covered: Collection[UUID]
    leaves: Collection[UUID]


@dataclass(slots=True)
class _Whole:
    """A commune or a province: its units, and whether its roll-up may stand for them."""

    members: frozenset[UUID]
    usable: bool
    one_district: bool = True
    communes: Mapping[UUID, "_Whole"] = field(default_factory=dict)


def coarsest(group_by: Collection[str]) -> str | None:
    """Give the level of the coarsest roll-ups that can be grouped so; None: only cells can."""
    if not FINER_THAN_ROLLUPS.isdisjoint(group_by):
        return None
    return next((level for level in ("commune", "district") if f"unit:{level}" in group_by), "province")


def place_of(unit_id: UUID, units: UnitMap) -> tuple[UUID, UUID]:
    """Give the commune and the province in which a unit counts: itself, where the map knows of none."""
    return units.at_level(unit_id, "commune")[0], units.at_level(unit_id, "province")[0]


class Layout:
    """All members at a version; never changed, so that a snapshot keeps its own."""

    def __init__(self, version: int, members: Mapping[bytes, Member]) -> None:
        self.version = version
        self.members = members
        self._seen: tuple[UnitMap, int] | None = None
        self._provinces: dict[UUID, _Whole] = {}

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

    def plan(self, coarsest: str, scope: frozenset[UUID] | None, strangers: Iterable[bytes], units: UnitMap) -> Plan:
        """Cut a territory (None: all) into roll-ups no coarser than a level, and what must be read from cells.

        A roll-up stands for its units only if all of them are asked for, and count where this map has them. The
        strangers are units that are no members yet.
        """
        rollups: list[tuple[int, UUID]] = []
        covered: list[frozenset[UUID]] = []
        leaves = {UUID(bytes=unit) for unit in strangers}
        if scope is not None:
            leaves &= scope
        for province_id, province in self._wholes(units).items():
            if scope is not None and scope.isdisjoint(province.members):
                continue
            if coarsest == "province" and province.usable and (scope is None or province.members <= scope):
                rollups.append((PROVINCE, province_id))
                covered.append(province.members)
                continue
            for commune_id, commune in province.communes.items():
                stands = commune.usable and (commune.one_district or coarsest != "district")
                if stands and (scope is None or commune.members <= scope):
                    rollups.append((COMMUNE, commune_id))
                    covered.append(commune.members)
                else:
                    leaves |= commune.members if scope is None else commune.members & scope
        return Plan(rollups, frozenset().union(*covered), leaves)

    def _wholes(self, units: UnitMap) -> Mapping[UUID, _Whole]:
        seen = (units, units.changes)
        if self._seen != seen:
            self._provinces = self._made(units)
            self._seen = seen
        return self._provinces

    def _made(self, units: UnitMap) -> dict[UUID, _Whole]:
        by_province: dict[UUID, dict[UUID, list[Member]]] = {}
        provinces_of: dict[UUID, set[UUID]] = {}
        for member in self.members.values():
            by_province.setdefault(member.province_id, {}).setdefault(member.commune_id, []).append(member)
            provinces_of.setdefault(member.commune_id, set()).add(member.province_id)
        made = {}
        for province_id, by_commune in by_province.items():
            communes = {
                commune_id: _commune(commune_id, members, units, alone=len(provinces_of[commune_id]) == 1)
                for commune_id, members in by_commune.items()
            }
            usable = all(
                member.ready >= PROVINCE and place_of(member.unit_id, units)[1] == province_id
                for members in by_commune.values()
                for member in members
            )
            united = frozenset().union(*(commune.members for commune in communes.values()))
            made[province_id] = _Whole(united, usable, communes=communes)
        return made


def _commune(commune_id: UUID, members: Collection[Member], units: UnitMap, *, alone: bool) -> _Whole:
    place, district = place_of(commune_id, units), units.at_level(commune_id, "district")[0]
    return _Whole(
        frozenset(_one(member.unit_id, units) for member in members),
        # Its roll-up is grouped as the commune is: that must be as each of its units would be.
        usable=alone
        and all(
            member.ready >= COMMUNE and place_of(member.unit_id, units) == place == (commune_id, member.province_id)
            for member in members
        ),
        one_district=all(units.at_level(member.unit_id, "district")[0] == district for member in members),
    )


def _one(unit_id: UUID, units: UnitMap) -> UUID:
    """Give the map's own object for an id: finding it in a set then compares nothing."""
    unit = units.get(unit_id)
    return unit.unit_id if unit is not None else unit_id
