"""Who helps where and when: duty rosters, campaign waves, models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.contacts import Contact, contact_faults, tells_identity
from services.registry.domain.team_life import day_faults, unit_faults
from services.registry.domain.units import Unit, valid_on

__all__ = ["Duty", "Model", "Placed", "Roster", "Wave", "duties_on", "placed_faults"]

RosterKind = Literal["one_stop_office", "help_point", "campaign", "online"]
ModelKind = Literal[
    "digital_market", "digital_family", "cashless_street", "digital_identity", "digital_village", "other"
]
MAX_DUTIES = 100
LONGEST_WAVE = timedelta(days=92)


@dataclass(frozen=True)
class Duty:
    """When help is given, HH:MM to HH:MM: every week on a weekday (1 Monday … 7 Sunday), or on one day."""

    opens: str
    closes: str
    weekday: int | None = None
    day: date | None = None


@dataclass(frozen=True)
class Roster:
    """A place and the times at which it helps; members by id only."""

    record_id: UUID
    kind: RosterKind
    unit_id: UUID
    place: str
    duties: tuple[Duty, ...]
    valid_from: date | None = None
    valid_to: date | None = None
    teams: tuple[UUID, ...] = ()
    members: tuple[UUID, ...] = ()
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True)
class Wave:
    """A campaign wave (ra quân), `last_day` included."""

    record_id: UUID
    name: str
    unit_id: UUID
    first_day: date
    last_day: date
    place: str | None = None
    teams: tuple[UUID, ...] = ()
    partners: tuple[UUID, ...] = ()
    topics: tuple[str, ...] = ()
    cancelled: bool = False


@dataclass(frozen=True)
class Model:
    """An instance of a model such as a digital market."""

    record_id: UUID
    kind: ModelKind
    name: str
    unit_id: UUID
    launched_on: date
    place: str | None = None
    ended_on: date | None = None


Placed: TypeAlias = Roster | Wave | Model


def placed_faults(record: Placed, unit: Unit, today: date, *, confirmed: bool) -> Iterator[Fault]:
    """Give what is wrong with a record as it is told; `unit` is its own, whose day is that on which it begins."""
    match record:
        case Roster():
            yield from unit_faults(unit, record.valid_from or today, "/unit")
            yield from _roster_faults(record)
            yield from contact_faults(record.contacts, confirmed)
            texts = {"place": record.place}
        case Wave():
            yield from unit_faults(unit, record.first_day, "/unit")
            yield from day_faults(record.first_day, today, "/first_day")
            if not record.first_day <= record.last_day <= record.first_day + LONGEST_WAVE:
                yield Fault("day_out_of_range", "/last_day", _limits(record.last_day, record.first_day, LONGEST_WAVE))
            texts = {"name": record.name, "place": record.place or ""}
        case Model():
            yield from unit_faults(unit, record.launched_on, "/unit")
            yield from day_faults(record.launched_on, today, "/launched_on")
            if record.ended_on is not None and record.ended_on <= record.launched_on:
                yield Fault("range_reversed", "/ended_on")
            texts = {"name": record.name, "place": record.place or ""}
    for name, text in texts.items():
        if tells_identity(text):
            yield Fault("identity_in_text", f"/{name}")


def _limits(day: date, first: date, span: timedelta) -> dict[str, object]:
    return {"day": day, "limit": f"{first} … {first + span}"}


def _roster_faults(roster: Roster) -> Iterator[Fault]:
    if roster.valid_from is not None and roster.valid_to is not None and roster.valid_to <= roster.valid_from:
        yield Fault("range_reversed", "/valid_to")
    if not 1 <= len(roster.duties) <= MAX_DUTIES:
        yield Fault(
            "too_long" if roster.duties else "too_short", "/duties", {"limit": MAX_DUTIES if roster.duties else 1}
        )
    for index, duty in enumerate(roster.duties):
        at = f"/duties/{index}"
        if (duty.weekday is None) == (duty.day is None):
            yield Fault("weekday_or_day", at)
        if duty.closes <= duty.opens:
            yield Fault("closes_before_opening", f"{at}/closes")
        if duty.day is not None and not valid_on(roster.valid_from, roster.valid_to, duty.day):
            limit = f"{roster.valid_from or '…'} … {roster.valid_to or '…'}"
            yield Fault("day_out_of_range", f"{at}/day", {"day": duty.day, "limit": limit})
        if any(_clash(duty, other) for other in roster.duties[:index]):
            yield Fault("duties_overlap", at)


def _clash(one: Duty, other: Duty) -> bool:
    same_day = (one.weekday, one.day) == (other.weekday, other.day)
    return same_day and one.opens < other.closes and other.opens < one.closes


def duties_on(roster: Roster, day: date) -> Sequence[Duty]:
    """Give the hours of a day, earliest first; those told for the very day replace the weekday's."""
    if not valid_on(roster.valid_from, roster.valid_to, day):
        return ()
    special = [duty for duty in roster.duties if duty.day == day]
    weekly = [duty for duty in roster.duties if duty.weekday == day.isoweekday()]
    return sorted(special or weekly, key=lambda duty: duty.opens)
