"""What the network's answers have in common: who asks, which units are meant, and on which ground."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import Position
from libs.common.problem import Fault, Problem
from libs.contracts.metrics_api import UnitRef
from services.metrics.domain.map import Unit
from services.metrics.domain.network.ground import WithinGround
from services.metrics.domain.network.layout import Layout, Layouts, Placed
from services.metrics.domain.picture import Picture
from services.metrics.store.network.counts import NetworkRevision
from services.metrics.store.network.numbers import UnitNumbers
from services.metrics.store.query import DataRevision

__all__ = ["Asking", "Moment", "Place", "asking_of", "placed_of", "unit_ref", "within_of"]

AS_RECORDED, CURRENT = "as_recorded", "current"


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
    day = _day_of(place.boundaries, place.on, today)
    visible = None if subtree is None else picture.units.held_by(subtree)
    named = tuple(_find(picture, reference, day, f"/unit/{n}", visible) for n, reference in enumerate(place.units))
    scope = visible
    if named:
        asked = frozenset[UUID]().union(*map(picture.units.held_by, named))
        scope = asked if visible is None else visible & asked
    elif subtree is not None:
        named = (subtree,)
    layout = layouts.of(
        picture.units,
        partial(WithinGround, picture.units),
        day,
        place.level,
        as_recorded=place.boundaries == AS_RECORDED,
    )
    return Asking(scope, _apart(picture, named), day, layout, numbers, picture.units.changes)


async def placed_of(connection: Connection, asking: Asking, moment: Moment) -> Placed:
    """Give the places of the units asked about, in the caller's snapshot."""
    revision, numbers = moment.revision, asking.numbers
    await numbers.read(connection, revision.book, str(revision), asking.layout.units, asking.map_changes)
    return asking.layout.placed(asking.scope, numbers.known, numbers.version)


def _day_of(boundaries: str, on: date, today: date) -> date:
    if boundaries == AS_RECORDED:
        return on
    if boundaries == CURRENT:
        return today
    try:
        if len(boundaries) == len("2025-07-01"):
            return date.fromisoformat(boundaries)
    except ValueError:
        pass
    fault = Fault("unknown_boundaries", "/boundaries", {"boundaries": boundaries[:50]})
    raise Problem("unknown_boundaries", faults=[fault], boundaries=boundaries[:50])


def _find(picture: Picture, reference: str, day: date, pointer: str, visible: frozenset[UUID] | None) -> UUID:
    unit = _by_id(picture, reference, pointer) or _by_code(picture, reference, day, pointer)
    if visible is not None and unit.unit_id not in visible:
        fault = Fault("outside_subtree", pointer, {"unit": reference})
        raise Problem("outside_subtree", faults=[fault], unit=reference)
    return unit.unit_id


def _by_id(picture: Picture, reference: str, pointer: str) -> Unit | None:
    try:
        unit = picture.units.get(UUID(reference))
    except ValueError:
        return None
    if unit is None:
        raise Problem("unknown_unit", faults=[Fault("unknown_unit", pointer, {"unit": reference})], unit=reference)
    return unit


def _by_code(picture: Picture, code: str, day: date, pointer: str) -> Unit:
    bearers = picture.units.with_code(code)
    valid = [unit for unit in bearers if unit.valid_on(day)]
    if len(valid) == 1:
        return valid[0]
    fault = (
        Fault("unit_code_not_valid_on_day", pointer, {"code": code, "day": day.isoformat()})
        if bearers
        else Fault("unknown_unit_code", pointer, {"code": code})
    )
    raise Problem("unknown_unit", faults=[fault], unit=code)


def _apart(picture: Picture, named: tuple[UUID, ...]) -> tuple[UUID, ...]:
    """Leave out what lies in another one of them, so that what they have can be added up."""
    once = tuple(dict.fromkeys(named))
    held = {unit: picture.units.held_by(unit) for unit in once}
    return tuple(unit for unit in once if not any(unit in held[other] for other in once if other != unit))


def unit_ref(picture: Picture, unit_id: UUID | None) -> UnitRef | None:
    """Give a unit as answers name it; None for one that is not known."""
    unit = picture.units.get(unit_id) if unit_id is not None else None
    return UnitRef(id=unit.unit_id, code=unit.code, name=unit.name, level=unit.level) if unit else None


def within_of(picture: Picture, unit_id: UUID) -> list[UnitRef]:
    """Give the units that a unit lies in, province first."""
    unit = picture.units.get(unit_id)
    found = [unit_ref(picture, above) for above in (unit.path[:-1] if unit is not None else ())]
    return [each for each in found if each is not None]
