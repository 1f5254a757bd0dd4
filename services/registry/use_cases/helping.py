"""Who can help me where I live, and when: the public answer."""

from collections.abc import Sequence
from datetime import date

from libs.common.db import Connection
from libs.common.problem import Problem
from libs.contracts.help_api import (
    HelpAnswer,
    HelpDay,
    HelpHours,
    HelpPlace,
    HelpTeam,
    HelpTexts,
    HelpWave,
)
from libs.contracts.network import ContactV1, RosterV1, WaveV1
from libs.contracts.registry import TeamV1
from libs.contracts.registry_api import UnitBrief
from libs.contracts.topics import type_of
from services.registry.domain.atlas import Atlas
from services.registry.domain.contacts import Contact
from services.registry.domain.help import Area, Place, area_of, helping, hours, locate, sentences, upcoming
from services.registry.domain.rosters import Roster, Wave
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit, valid_on
from services.registry.events import roster_of, team_of, wave_of
from services.registry.store import reads

__all__ = ["MOST_WAVES", "help_for"]

MOST_WAVES = 5
TEAM, ROSTER, WAVE = type_of(TeamV1), type_of(RosterV1), type_of(WaveV1)


async def help_for(
    connection: Connection, atlas: Atlas, reference: str, listed_on: date | None, on: date
) -> HelpAnswer:
    """Answer for a commune or a thôn, by id or code; raises Problem for an unknown one, or one that is wider."""
    place = locate(atlas, reference, listed_on, on)
    if place is None:
        raise Problem("unknown_unit", unit=reference[:50])
    if place.asked.level not in ("commune", "subcommune"):
        raise Problem("help_too_wide", unit=place.asked.name)
    area = area_of(atlas, place.units[0]) if len(place.units) == 1 else None
    if area is None:
        return _divided(place, on)
    told = await reads.bodies_in_units(connection, (TEAM, ROSTER, WAVE), area.all_units)
    teams = helping(area, (team_of(one.body) for one in told if one.type == TEAM), on)
    rosters = _rosters(area, [roster_of(one.body) for one in told if one.type == ROSTER], on)
    waves = upcoming(area, (wave_of(one.body) for one in told if one.type == WAVE), on)[:MOST_WAVES]
    vi, en = sentences(area, on, teams, rosters, waves)
    return HelpAnswer(
        on=on,
        status="found",
        asked=_brief(place.asked),
        unit=_brief(area.unit),
        candidates=[],
        texts=HelpTexts(vi=vi, en=en),
        teams=[_team(team, atlas) for team in teams],
        places=[_place(roster, atlas, on) for roster in rosters],
        waves=[_wave(wave, atlas) for wave in waves],
    )


def _rosters(area: Area, told: Sequence[Roster], on: date) -> list[Roster]:
    near = [each for each in told if each.unit_id in area.in_commune and valid_on(None, each.valid_to, on)]
    return sorted(near, key=lambda each: (each.kind != "one_stop_office", each.place, each.record_id))


def _divided(place: Place, on: date) -> HelpAnswer:
    names = ", ".join(unit.name for unit in place.units)
    vi = f"{place.asked.name} nay thuộc nhiều đơn vị: {names}. Hãy chọn nơi bạn đang ở."
    en = f"{place.asked.name} lies in several units now: {names}. Choose the one where you live."
    if not place.units:
        vi = f"Không rõ {place.asked.name} thuộc đơn vị nào vào ngày này."
        en = f"It is not known to which unit {place.asked.name} belongs on this day."
    return HelpAnswer(
        on=on,
        status="divided",
        asked=_brief(place.asked),
        unit=None,
        candidates=[_brief(unit) for unit in place.units],
        texts=HelpTexts(vi=[vi], en=[en]),
        teams=[],
        places=[],
        waves=[],
    )


def _brief(unit: Unit) -> UnitBrief:
    return UnitBrief(
        unit_id=unit.record_id,
        code=unit.code or None,
        level=unit.level,
        type=unit.type,
        name=unit.name,
        valid_from=unit.valid_from,
        valid_to=unit.valid_to,
    )


def _contacts(contacts: Sequence[Contact]) -> list[ContactV1]:
    return [ContactV1(kind=each.kind, value=each.value, label=each.label) for each in contacts]


def _team(team: Team, atlas: Atlas) -> HelpTeam:
    return HelpTeam(
        team_id=team.record_id,
        name=team.name,
        type=team.type,
        local_type_name=team.local_type_name,
        unit=atlas.units[team.unit_id].name,
        contacts=_contacts(team.contacts),
    )


def _place(roster: Roster, atlas: Atlas, on: date) -> HelpPlace:
    days = [
        HelpDay(day=day, hours=[HelpHours(opens=duty.opens, closes=duty.closes) for duty in duties])
        for day, duties in hours(roster, on)
    ]
    return HelpPlace(
        roster_id=roster.record_id,
        kind=roster.kind,
        place=roster.place,
        unit=atlas.units[roster.unit_id].name,
        days=days,
        contacts=_contacts(roster.contacts),
    )


def _wave(wave: Wave, atlas: Atlas) -> HelpWave:
    return HelpWave(
        wave_id=wave.record_id,
        name=wave.name,
        unit=atlas.units[wave.unit_id].name,
        place=wave.place,
        first_day=wave.first_day,
        last_day=wave.last_day,
    )
