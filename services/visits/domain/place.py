"""Who reported and where: references resolved, the caller's subtree held to, and what must be waited for."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.problem import Fault
from services.visits.domain.codes import LATER_LIST, SUPERSEDED, Named, as_id
from services.visits.domain.directory import Directory, Team, Unit

__all__ = ["Settled", "Waiting", "candidates", "choice_in", "occasion", "settle", "team_id_of"]

CHOICE, SUCCESSOR = "choice:", "successor:"


@dataclass(frozen=True, slots=True)
class Settled:
    """The unit the record counts in."""

    unit_id: UUID


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for, each by its id.

    `team:`, `unit:`, `wave:`, `model:`, which the registry has not told us of yet; `choice:` of the unit that a code
    meant and `successor:` of a team's, which was divided: somebody must say which of its pieces.
    """

    waiting_for: tuple[str, ...]


def team_id_of(reference: str, directory: Directory, pointer: str) -> UUID | Fault:
    """Give a team's id by id or code; an id that is not known yet is still an id, an unknown code is a fault."""
    if (team_id := as_id(reference)) is not None:
        return team_id
    team = directory.team_by_code(reference)
    return team.team_id if team else Fault("unknown_team_code", pointer, {"code": reference})


def settle(
    team_id: UUID | None, unit: Named | None, day: date, directory: Directory, root: UUID | None
) -> Settled | Waiting | list[Fault]:
    """Settle where a record of a team's (None: a partner's) counts, within the subtree under `root` (None: everything).

    What cannot be checked because the registry has not told of it yet is waited for, and checked then. A unit that an
    old code names, or a team's own, which is no more, stands for the unit that took all of its territory; where that
    was divided, somebody must say.
    """
    waiting: list[str] = []
    faults: list[Fault] = []
    if team_id is not None:
        team = directory.teams.get(team_id)
        if team is None:
            waiting.append(f"team:{team_id}")
        else:
            faults += _team_faults(team, day)
            waiting += _check(team.unit_id, directory, root, "/team", faults)
            if unit is None and not waiting:
                standing = directory.standing(team.unit_id, day)
                return faults or (Settled(standing.unit_id) if standing else Waiting((SUCCESSOR + str(team.unit_id),)))
    settled = _settled(unit, day, directory, root, faults) if unit is not None else None
    if isinstance(settled, str):
        waiting.append(settled)
    if faults:
        return faults
    return Settled(settled) if isinstance(settled, UUID) and not waiting else Waiting(tuple(waiting))


def _team_faults(team: Team, day: date) -> list[Fault]:
    if team.active_on(day):
        return []
    return [Fault("team_not_active_on_day", "/team", {"team": team.code, "day": day.isoformat()})]


def _settled(
    given: Named, day: date, directory: Directory, root: UUID | None, faults: list[Fault]
) -> UUID | str | None:
    """Give the unit that the one given stands for on the day, or what must be waited for; None beside a fault."""
    unit = directory.units.get(given.unit_id)
    if unit is None:
        return f"unit:{given.unit_id}"
    standing = directory.standing(unit.unit_id, day) if given.flag == SUPERSEDED else unit
    if standing is None:
        return _choice(unit, day, directory, root, faults)
    if given.flag != LATER_LIST and not standing.valid_on(day):
        faults.append(_not_valid(standing, day))
    _check(standing.unit_id, directory, root, "/unit", faults)
    return standing.unit_id


def _choice(unit: Unit, day: date, directory: Directory, root: UUID | None, faults: list[Fault]) -> str:
    pieces = directory.pieces(unit.unit_id, day)
    if not pieces:
        faults.append(_not_valid(unit, day))
    elif root is not None and not any(root in each.within for each in (unit, *pieces)):
        faults.append(_outside(unit))
    return CHOICE + str(unit.unit_id)


def _check(unit_id: UUID, directory: Directory, root: UUID | None, pointer: str, faults: list[Fault]) -> list[str]:
    """Check a unit against the subtree; gives what must be waited for."""
    unit: Unit | None = directory.units.get(unit_id)
    if unit is None:
        return [f"unit:{unit_id}"]
    if root is not None and root not in unit.within:
        faults.append(_outside(unit, pointer))
    return []


def _not_valid(unit: Unit, day: date) -> Fault:
    return Fault("unit_not_valid_on_day", "/unit", {"unit": unit.code or str(unit.unit_id), "day": day.isoformat()})


def _outside(unit: Unit, pointer: str = "/unit") -> Fault:
    return Fault("outside_subtree", pointer, {"unit": unit.code or str(unit.unit_id)})


def choice_in(waiting_for: tuple[str, ...]) -> UUID | None:
    """Give the divided unit of which somebody must say which piece, where that is waited for."""
    for each in waiting_for:
        if each.startswith((CHOICE, SUCCESSOR)):
            return UUID(each.partition(":")[2])
    return None


def candidates(waiting_for: tuple[str, ...], day: date, directory: Directory) -> tuple[Unit, ...]:
    """Give the units among which somebody must choose, as the map is now."""
    divided = choice_in(waiting_for)
    return directory.pieces(divided, day) if divided is not None else ()


def occasion(
    wave_id: UUID | None, model_id: UUID | None, day: date, directory: Directory
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give what must be waited for of a visit's wave and model, and the flags of those that do not fit its day."""
    waiting, flags = [], []
    if wave_id is not None:
        wave = directory.waves.get(wave_id)
        if wave is None:
            waiting.append(f"wave:{wave_id}")
        elif wave.cancelled:
            flags.append("wave_cancelled")
        elif not wave.first_day <= day <= wave.last_day:
            flags.append("outside_wave")
    if model_id is not None:
        model = directory.models.get(model_id)
        if model is None:
            waiting.append(f"model:{model_id}")
        elif day < model.launched_on or (model.ended_on is not None and day >= model.ended_on):
            flags.append("outside_model")
    return tuple(waiting), tuple(flags)
