"""What the network's answers have in common: who asks, which units are meant, and on which ground."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import Position
from libs.common.problem import Fault, Problem
from libs.contracts.metrics_api import UnitRef
from services.metrics.domain.map import Unit
from services.metrics.domain.network.layout import Layout, Layouts, Placed
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import check_level, day_of, find_unit
from services.metrics.store.network.counts import NetworkRevision
from services.metrics.store.network.numbers import UnitNumbers
from services.metrics.store.query import DataRevision

__all__ = ["Asking", "Moment", "Place", "asking_of", "placed_of", "unit_ref", "within_of"]


@dataclass(frozen=True, slots=True)
class Moment:
    """What an answer is read at; the facts' revision where they are needed."""

    revision: NetworkRevision
    through: Position
    facts: DataRevision | None


@dataclass(frozen=True, slots=True)
class Asking:
    """Which units a question is about (`scope` None: all), and where they stand on the map of `day`.

    `named` are the units whose own denominators make those of the whole; none where that is every province.
    """

    scope: frozenset[UUID] | None
    named: tuple[UUID, ...]
    day: date
    layout: Layout
    numbers: UnitNumbers
    map_changes: int
    known_from: date | None


@dataclass(frozen=True, slots=True)
class Place:
    """Which units are asked about, by the boundaries of when, and by what level of them rows are made."""

    on: date
    units: tuple[str, ...]
    boundaries: str
    level: str | None = None


def asking_of(
    picture: Picture, layouts: Layouts, numbers: UnitNumbers, place: Place, today: date, subtree: UUID | None
) -> Asking:
    """Settle which units are meant; raises Problem for one that is unknown, or outside of what the caller may see."""
    units, told_on = picture.units, day_of(place.boundaries, today)
    day = told_on or place.on
    if place.level is not None and told_on is not None:
        check_level(place.level, told_on, picture, "/group_by")
    visible = None if subtree is None else units.held_by(subtree)
    scope = visible
    named: tuple[UUID, ...] = () if subtree is None else (subtree,)
    if place.units:
        found = [_find(picture, reference, day, n, visible) for n, reference in enumerate(place.units)]
        held = {
            unit.unit_id: units.held_by(unit.unit_id) if told_on is None else units.territory(unit, told_on)
            for unit in found
        }
        asked = frozenset[UUID]().union(*held.values())
        scope = asked if visible is None else visible & asked
        # What lies in another one of them would be added up twice.
        named = tuple(unit for unit in held if not any(unit in held[other] for other in held if other != unit))
    layout = layouts.of(units, day, place.level, as_recorded=told_on is None)
    known_from = units.known_from()
    told_from = known_from if known_from is not None and day < known_from else None
    return Asking(scope, named, day, layout, numbers, units.changes, told_from)


def _find(picture: Picture, reference: str, day: date, n: int, visible: frozenset[UUID] | None) -> Unit:
    unit = find_unit(picture, reference, day, f"/unit/{n}")
    if visible is not None and unit.unit_id not in visible:
        fault = Fault("outside_subtree", f"/unit/{n}", {"unit": reference})
        raise Problem("outside_subtree", faults=[fault], unit=reference)
    return unit


async def placed_of(connection: Connection, asking: Asking, moment: Moment) -> Placed:
    """Give the places of the units asked about, in the caller's snapshot."""
    revision, numbers = moment.revision, asking.numbers
    await numbers.read(connection, revision.book, str(revision), asking.layout.units, asking.map_changes)
    return asking.layout.placed(asking.scope, numbers.known, numbers.version)


def unit_ref(picture: Picture, unit_id: UUID | None) -> UnitRef | None:
    """Give a unit as answers name it; None for one that is not known."""
    unit = picture.units.get(unit_id) if unit_id is not None else None
    return UnitRef(id=unit.unit_id, code=unit.code, name=unit.name, level=unit.level) if unit else None


def within_of(picture: Picture, unit_id: UUID) -> list[UnitRef]:
    """Give the units that a unit lies in, province first."""
    unit = picture.units.get(unit_id)
    found = [unit_ref(picture, above) for above in (unit.path[:-1] if unit is not None else ())]
    return [each for each in found if each is not None]
