"""What may be said of a team, and what may happen to it: founded, consolidated, dissolved, taken over by others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.contacts import Decision, contact_faults, tells_identity
from services.registry.domain.teams import Team, TeamChange
from services.registry.domain.units import LEVELS, Unit, valid_on

__all__ = [
    "Status",
    "consolidated",
    "day_faults",
    "ended",
    "ending_faults",
    "same_province",
    "status_on",
    "successor_faults",
    "team_faults",
    "unit_faults",
]

Status = Literal["planned", "active", "dissolved", "succeeded"]

FIRST_DAY = date(2015, 1, 1)
AHEAD = timedelta(days=366)  # A decision may be signed for a day to come.


def status_on(team: Team, day: date) -> Status:
    """Say what a team is on a day, by its dates."""
    if team.established_on is not None and day < team.established_on:
        return "planned"
    if team.dissolved_on is None or day < team.dissolved_on:
        return "active"
    return "succeeded" if any(change.kind == "succeeded" for change in team.changes) else "dissolved"


def same_province(one: Unit, other: Unit) -> bool:
    """Say whether two units lie in one province, be it that one's became the other's."""
    return one.path[0] in other.within or other.path[0] in one.within


def team_faults(team: Team, unit: Unit, today: date, *, confirmed: bool) -> Iterator[Fault]:
    """Give what is wrong with a team as it is told; `unit` is its own."""
    if team.established_on is not None:
        yield from day_faults(team.established_on, today, "/established_on")
        yield from unit_faults(unit, team.established_on, "/unit")
        if team.dissolved_on is not None and team.dissolved_on <= team.established_on:
            yield Fault("change_before_beginning", "/established_on", {"day": team.established_on})
    if LEVELS.index(unit.level) > LEVELS.index(team.level):
        yield Fault("level_does_not_fit_unit", "/level", {"unit": unit.name})
    for name, text in (("name", team.name), ("local_type_name", team.local_type_name)):
        if tells_identity(text):
            yield Fault("identity_in_text", f"/{name}")
    yield from _decision_faults(team.establishment, today, "/establishment")
    yield from contact_faults(team.contacts, confirmed)


def unit_faults(unit: Unit, day: date, at: str) -> Iterator[Fault]:
    """Give a fault where a unit did not stand on a day, an abolished one by name."""
    if unit.valid_to is not None and unit.valid_to <= day:
        yield Fault("unit_abolished", at, {"unit": unit.name, "day": unit.valid_to})
    elif not valid_on(unit.valid_from, unit.valid_to, day):
        yield Fault("unit_not_valid_on_day", at, {"unit": unit.name, "day": day})


def day_faults(day: date, today: date, at: str) -> Iterator[Fault]:
    """Give a fault for a day before there was any such team, or more than a year ahead."""
    if not FIRST_DAY <= day <= today + AHEAD:
        yield Fault("day_out_of_range", at, {"day": day, "limit": f"{FIRST_DAY} … {today + AHEAD}"})


def _decision_faults(decision: Decision | None, today: date, at: str) -> Iterator[Fault]:
    if decision is None:
        return
    if decision.signed_on is not None:
        yield from day_faults(decision.signed_on, today, f"{at}/signed_on")
    if tells_identity(decision.number) or tells_identity(decision.issuer):
        yield Fault("identity_in_text", at)


def ending_faults(team: Team, on: date, decision: Decision | None, today: date) -> Iterator[Fault]:
    """Give what speaks against a change on a day: it must stand then, and come after what happened before."""
    yield from day_faults(on, today, "/on")
    yield from _decision_faults(decision, today, "/decision")
    if team.dissolved_on is not None:
        yield Fault("team_has_ended", "", {"team": team.code, "day": team.dissolved_on})
    before = max((*(change.on for change in team.changes), team.established_on or date.min))
    if on < before or (team.established_on is not None and on <= team.established_on):
        yield Fault("change_before_beginning", "/on", {"day": before})


def successor_faults(team: Team, on: date, successors: Sequence[UUID], known: Mapping[UUID, Team]) -> Iterator[Fault]:
    """Give what is wrong with the teams that are to take over: each is another one that stands on the day."""
    for index, successor in enumerate(successors):
        at = f"/successors/{index}"
        if successor == team.record_id or successor in successors[:index]:
            yield Fault("successor_repeated", at)
        elif successor not in known:
            yield Fault("unknown_team", at, {"team": successor})
        elif not known[successor].active_on(on):
            yield Fault("team_not_active_on_day", at, {"team": known[successor].code, "day": on})


def consolidated(team: Team, on: date, decision: Decision | None) -> Team:
    """Give a team after a consolidation (kiện toàn)."""
    return replace(team, changes=(*team.changes, TeamChange("consolidated", on, decision)))


def ended(team: Team, on: date, decision: Decision | None, successors: Sequence[UUID] = ()) -> Team:
    """Give a team that no longer exists from a day on; its credit stays with it."""
    kind: Literal["succeeded", "dissolved"] = "succeeded" if successors else "dissolved"
    change = TeamChange(kind, on, decision, tuple(successors))
    return replace(team, dissolved_on=on, changes=(*team.changes, change))
