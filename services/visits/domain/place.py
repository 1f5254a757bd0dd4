"""Who reported and where: references resolved, the caller's subtree held to, and what must be waited for."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.problem import Fault
from services.visits.domain.directory import Directory, Team, Unit

__all__ = ["Settled", "Waiting", "as_id", "settle", "team_id_of", "unit_id_of"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The unit the record counts in."""

    unit_id: UUID


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the registry has not told us of yet, as `team:<id>` and `unit:<id>`."""

    waiting_for: tuple[str, ...]


def as_id(text: str) -> UUID | None:
    """Give the UUID of a reference that is one in its canonical form; anything else is a code."""
    if len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def team_id_of(reference: str, directory: Directory, pointer: str) -> UUID | Fault:
    """Give a team's id by id or code; an id that is not known yet is still an id, an unknown code is a fault."""
    if (team_id := as_id(reference)) is not None:
        return team_id
    team = directory.team_by_code(reference)
    return team.team_id if team else Fault("unknown_team_code", pointer, {"code": reference})


def unit_id_of(reference: str, day: date, directory: Directory, pointer: str) -> UUID | Fault:
    """Give a unit's id by id, or by the code it had on a day: a code is not an identity."""
    if (unit_id := as_id(reference)) is not None:
        return unit_id
    versions = list(directory.units_by_code(reference))
    if not versions:
        return Fault("unknown_unit_code", pointer, {"code": reference})
    for unit in versions:
        if unit.valid_on(day):
            return unit.unit_id
    return Fault("unit_code_not_valid_on_day", pointer, {"code": reference, "day": day.isoformat()})


def settle(
    team_id: UUID | None, unit_id: UUID | None, day: date, directory: Directory, root: UUID | None
) -> Settled | Waiting | list[Fault]:
    """Settle where a record of a team's (None: a partner's) counts, within the subtree under `root` (None: everything).

    What cannot be checked because the registry has not told of it yet is waited for, and checked then. A team whose
    unit is no more counts in the unit that took all of its territory; where that was divided, somebody must say.
    """
    waiting: list[str] = []
    faults: list[Fault] = []
    if team_id is not None:
        team = directory.teams.get(team_id)
        if team is None:
            waiting.append(f"team:{team_id}")
        else:
            faults += _team_faults(team, day)
            waiting += _check(team.unit_id, None, directory, root, "/team", faults)
            if unit_id is None and not waiting:
                standing = directory.standing(team.unit_id, day)
                return faults or (Settled(standing.unit_id) if standing else Waiting((f"successor:{team.unit_id}",)))
    if unit_id is not None:
        waiting += _check(unit_id, day, directory, root, "/unit", faults)
    if faults:
        return faults
    if waiting or unit_id is None:
        return Waiting(tuple(waiting))
    return Settled(unit_id)


def _team_faults(team: Team, day: date) -> list[Fault]:
    if team.active_on(day):
        return []
    return [Fault("team_not_active_on_day", "/team", {"team": team.code, "day": day.isoformat()})]


def _check(
    unit_id: UUID, day: date | None, directory: Directory, root: UUID | None, pointer: str, faults: list[Fault]
) -> list[str]:
    """Check a unit against the subtree, and the day if given; gives what must be waited for."""
    unit: Unit | None = directory.units.get(unit_id)
    if unit is None:
        return [f"unit:{unit_id}"]
    if day is not None and not unit.valid_on(day):
        faults.append(
            Fault("unit_not_valid_on_day", pointer, {"unit": unit.code or str(unit_id), "day": day.isoformat()})
        )
    if root is not None and root not in unit.within:
        faults.append(Fault("outside_subtree", pointer, {"unit": unit.code or str(unit_id)}))
    return []
