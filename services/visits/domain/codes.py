"""What a unit's code means: a code is not an identity, it is a line of the list of some day."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from libs.common.problem import Fault
from services.visits.domain.directory import Directory, Unit

__all__ = ["LATER_LIST", "REUSED", "SUPERSEDED", "TELLING", "CodeList", "Named", "as_id", "given", "named"]

SUPERSEDED = "code_superseded"
"""The code is of a list older than the event: the record counts in what the unit became by then."""
LATER_LIST = "code_of_later_list"
"""The code is of a list younger than the event."""
REUSED = "code_reused"
"""No list was declared, and on another one the code means other territory."""

TELLING = frozenset({SUPERSEDED, LATER_LIST, REUSED})
"""Flags of a record whose sender is told which unit was understood."""

CONFUSED_FOR = timedelta(days=2 * 365)


@dataclass(frozen=True, slots=True)
class CodeList:
    """The list that codes are of: that of the day declared, None for each event's own; and the day of receipt."""

    declared: date | None
    received_on: date


@dataclass(frozen=True, slots=True)
class Named:
    """The unit that a reference names, and the flag of a code that needs one."""

    unit_id: UUID
    flag: str | None = None


def as_id(text: str) -> UUID | None:
    """Give the UUID of a reference that is one in its canonical form; anything else is a code."""
    if len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def named(reference: str, day: date, codes: CodeList, directory: Directory, pointer: str) -> Named | Fault:
    """Give the unit that an id names, or a code of the list declared, by default that of the event's day.

    What bore the code and ended before the event is given as it is: where it stands on the day is for `settle`. A unit
    that began after the event is taken back to the one that held all of it, if one did; if several did, the unit named
    is the most exact that can be said, and stays.
    """
    if (unit_id := as_id(reference)) is not None:
        return Named(unit_id)
    bearers = list(directory.units_by_code(reference))
    if not bearers:
        return Fault("unknown_unit_code", pointer, {"code": reference})
    unit = next((each for each in bearers if each.valid_on(codes.declared or day)), None)
    if unit is None:
        if codes.declared is not None:
            return Fault("unit_code_not_in_list", pointer, {"code": reference, "day": codes.declared.isoformat()})
        return Fault("unit_code_not_valid_on_day", pointer, {"code": reference, "day": day.isoformat()})
    if unit.valid_on(day):
        if codes.declared is None and any(_confusable(unit, each, day, codes, directory) for each in bearers):
            return Named(unit.unit_id, REUSED)
        return Named(unit.unit_id)
    if unit.valid_to is not None and unit.valid_to <= day:
        return Named(unit.unit_id, SUPERSEDED)
    return Named((directory.before(unit.unit_id, day) or unit).unit_id, LATER_LIST)


def given(unit_id: UUID, flags: tuple[str, ...]) -> Named:
    """Give the reference again that a record with these flags was made from."""
    return Named(unit_id, next((flag for flag in (SUPERSEDED, LATER_LIST) if flag in flags), None))


def _confusable(unit: Unit, other: Unit, day: date, codes: CodeList, directory: Directory) -> bool:
    """Say whether who sent a code may have meant its other bearer.

    So it is where the two differ in territory, the other's list was in being when the code came, and a sender may
    well have had it at hand: it was in force within two years of the event.
    """
    if other is unit:
        return False
    if other.valid_to is not None and other.valid_to <= day:
        return day - other.valid_to <= CONFUSED_FOR and not directory.same_territory(other, unit)
    if other.valid_from is None or other.valid_from > codes.received_on or other.valid_from - day > CONFUSED_FOR:
        return False
    return not directory.same_territory(unit, other)
