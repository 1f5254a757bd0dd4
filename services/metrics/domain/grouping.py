"""Groups: which row of an answer a cell or a fact belongs to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from services.metrics.domain.facts import REPORTER_KINDS
from services.metrics.domain.map import UnitMap
from services.metrics.domain.picture import Picture
from services.metrics.domain.rollups import month_of, next_month

__all__ = ["Division", "Group", "Place", "days_of", "division_of", "grouper", "period_of"]


class Place(NamedTuple):
    """What groups are made of."""

    unit_id: UUID
    measure: str
    platform: str
    day: date
    reporter_id: UUID
    reporter_kind: int


class Group(NamedTuple):
    """A row's values in the order of group_by; `unit_id` where grouped by unit.

    `unallocated` where no unit of the level has it all: `unit_id` is then the lowest that does, if there is one.
    """

    values: tuple[str | None, ...]
    unit_id: UUID | None = None
    unallocated: bool = False


Part = Callable[[Place], str | None]


def period_of(span: str, day: date) -> str:
    """Name the day, ISO week (which has the year of its Thursday), month or year of a day."""
    match span:
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year:04}-W{week:02}"
        case "month":
            return f"{day.year:04}-{day.month:02}"
        case "year":
            return f"{day.year:04}"
        case _:
            return day.isoformat()


def days_of(span: str, day: date) -> tuple[date, date]:
    """Give the first and the last day of the period of a day."""
    match span:
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=6)
        case "month":
            return month_of(day), next_month(day) - timedelta(days=1)
        case "year":
            return date(day.year, 1, 1), date(day.year, 12, 31)
        case _:
            return day, day


@dataclass(frozen=True)
class Division:
    """The units of a level that numbers are told of, on a day or (None) at each fact's own time."""

    level: str
    on: date | None
    units: UnitMap = field(compare=False)

    def part(self, unit_id: UUID) -> tuple[UUID | None, bool]:
        """Give the unit that has what was recorded in another, and whether it is of the level; else it has it all."""
        if self.on is None:
            return self.units.at_level(unit_id, self.level)
        return self.units.on(self.on).at_level(unit_id, self.level)


def division_of(group_by: Sequence[str], units: UnitMap, on: date | None) -> Division | None:
    """Give the units that are grouped by, if any are."""
    level = next((grouping.partition(":")[2] for grouping in group_by if grouping.startswith("unit:")), None)
    return Division(level, on, units) if level is not None else None


def grouper(group_by: Sequence[str], picture: Picture, on: date | None = None) -> Callable[[Place], Group]:
    """Make the function that gives a place its group by the boundaries of a day; it remembers what it has worked out.

    Without a day a unit counts in those of its own time.
    """
    division = division_of(group_by, picture.units, on)
    parts = [_part(grouping) for grouping in group_by]
    unit_at = group_by.index(f"unit:{division.level}") if division else -1
    units: dict[UUID, tuple[UUID | None, bool]] = {}

    def group(place: Place) -> Group:
        values = [part(place) for part in parts]
        if division is None:
            return Group(tuple(values))
        found = units.get(place.unit_id)
        if found is None:
            found = units[place.unit_id] = division.part(place.unit_id)
        values[unit_at] = str(found[0]) if found[0] is not None else None
        return Group(tuple(values), found[0], not found[1])

    return group


def _part(grouping: str) -> Part:
    kind, _, detail = grouping.partition(":")
    match kind:
        case "measure":
            return lambda place: place.measure
        case "platform":
            return lambda place: place.platform or None
        case "reporter_kind":
            return lambda place: REPORTER_KINDS[place.reporter_kind]
        case "reporter":
            return lambda place: str(place.reporter_id)
        case "time":
            return _period_part(detail)
        case _:
            return lambda place: None  # The unit is filled in by the grouper.


def _period_part(span: str) -> Part:
    names: dict[date, str] = {}

    def name(place: Place) -> str:
        known = names.get(place.day)
        if known is None:
            known = names[place.day] = period_of(span, place.day)
        return known

    return name
