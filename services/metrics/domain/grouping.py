"""Groups: which row of an answer a cell or a fact belongs to."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from services.metrics.domain.facts import REPORTER_KINDS
from services.metrics.domain.picture import Picture
from services.metrics.domain.rollups import month_of, next_month

__all__ = ["Group", "Place", "days_of", "grouper", "period_of"]


class Place(NamedTuple):
    """What groups are made of."""

    unit_id: UUID
    measure: str
    platform: str
    day: date
    reporter_id: UUID
    reporter_kind: int


class Group(NamedTuple):
    """A row's values in the order of group_by; `unit_id` where grouped by unit, `unallocated` if above the level."""

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


def grouper(group_by: Sequence[str], picture: Picture) -> Callable[[Place], Group]:
    """Make the function that gives a place its group; it remembers what it has worked out."""
    unit_level = next((g.partition(":")[2] for g in group_by if g.startswith("unit:")), None)
    parts = [_part(grouping) for grouping in group_by]
    unit_at = group_by.index(f"unit:{unit_level}") if unit_level else -1
    units: dict[UUID, tuple[UUID, bool]] = {}

    def group(place: Place) -> Group:
        values = [part(place) for part in parts]
        if unit_level is None:
            return Group(tuple(values))
        found = units.get(place.unit_id)
        if found is None:
            found = units[place.unit_id] = picture.units.at_level(place.unit_id, unit_level)
        values[unit_at] = str(found[0])
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
