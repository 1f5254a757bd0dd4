"""Who can help where I live, and when: told to everybody, so there is nothing in it about a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.registry.domain.atlas import Atlas
from services.registry.domain.rosters import Duty, Roster, Wave, duties_on
from services.registry.domain.teams import Team
from services.registry.domain.units import Unit

__all__ = ["Area", "Place", "area_of", "helping", "hours", "locate", "sentences", "upcoming"]

DAYS = 7
TEAMS_TOLD = 5
WEEKDAYS_VI = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Place:
    """The unit asked for, and the units that hold its territory on the day: several where it was divided."""

    asked: Unit
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Area:
    """Where help is looked for: a commune, perhaps one thôn of it."""

    commune: Unit
    unit: Unit
    in_unit: frozenset[UUID]
    in_commune: frozenset[UUID]

    @property
    def all_units(self) -> frozenset[UUID]:
        """The units whose records may concern the area: those in the commune, and those around it."""
        return self.in_commune | frozenset(self.commune.path)


def locate(atlas: Atlas, reference: str, listed_on: date | None, on: date) -> Place | None:
    """Find the unit meant by an id, or a code of the list of a day, and what holds it now; None where there is none."""
    try:
        asked = atlas.units.get(UUID(reference))
    except ValueError:
        asked = atlas.meant(reference, on) if listed_on is None else atlas.on(reference, listed_on)
    return None if asked is None else Place(asked, atlas.standing(asked, on).units)


def area_of(atlas: Atlas, unit: Unit) -> Area | None:
    """Give the area of a commune or a thôn; None for wider units, which have too much to tell of."""
    commune = next((one for one in map(atlas.units.__getitem__, unit.path) if one.level == "commune"), None)
    if commune is None:
        return None
    in_unit, in_commune = atlas.held_by(unit.record_id), atlas.held_by(commune.record_id)
    return Area(commune, unit, frozenset(in_unit), frozenset(in_commune))


def helping(area: Area, teams: Iterable[Team], on: date) -> list[Team]:
    """Give the teams that help in an area on a day: its own, and those of the whole commune, these first."""
    found = [
        team
        for team in teams
        if team.active_on(on)
        and (team.unit_id in area.in_unit or (team.unit_id in area.in_commune and team.level == "commune"))
    ]
    return sorted(found, key=lambda team: (team.level != "commune", team.name, team.record_id))


def hours(roster: Roster, on: date) -> list[tuple[date, Sequence[Duty]]]:
    """Give the hours of a day and of the six after it."""
    days = [on + timedelta(days=ahead) for ahead in range(DAYS)]
    return [(day, duties_on(roster, day)) for day in days]


def upcoming(area: Area, waves: Iterable[Wave], on: date) -> list[Wave]:
    """Give the waves that are under way or to come, in the area or all around it, the next first."""
    found = [w for w in waves if not w.cancelled and w.last_day >= on and w.unit_id in area.all_units]
    return sorted(found, key=lambda wave: (wave.first_day, wave.record_id))


def sentences(
    area: Area, on: date, teams: Sequence[Team], rosters: Sequence[Roster], waves: Sequence[Wave]
) -> tuple[list[str], list[str]]:
    """Say it to a citizen, in Vietnamese and in English."""
    vi = [f"Hỗ trợ công nghệ số tại {area.unit.name}, {_day_vi(on)}:"]
    en = [f"Digital help in {area.unit.name}, {_day_en(on)}:"]
    for roster in rosters:
        place_vi, place_en = _place(roster, on)
        vi.append(place_vi)
        en.append(place_en)
    reachable = [team for team in teams if team.contacts]
    for team in reachable[:TEAMS_TOLD]:
        contacts = ", ".join(contact.value for contact in team.contacts)
        vi.append(f"{team.name}: {contacts}.")
        en.append(f"{team.name}: {contacts}.")
    if not rosters and not reachable:
        vi.append(f"Chưa có giờ trực hay liên hệ nào được công bố; xin hỏi Ủy ban nhân dân {area.commune.name}.")
        en.append(f"No hours or contacts have been published yet; please ask the authority of {area.commune.name}.")
    for wave in waves[:1]:
        at = f" tại {wave.place}" if wave.place else ""
        vi.append(f"Đợt ra quân “{wave.name}”{at}: từ {_short(wave.first_day)} đến {_short(wave.last_day)}.")
        at = f" at {wave.place}" if wave.place else ""
        en.append(f"Campaign “{wave.name}”{at}: from {wave.first_day} to {wave.last_day}.")
    return vi, en


def _place(roster: Roster, on: date) -> tuple[str, str]:
    open_days = [(day, duties) for day, duties in hours(roster, on) if duties]
    if not open_days:
        return f"{roster.place}: nghỉ trong bảy ngày tới.", f"{roster.place}: closed for the next seven days."
    day, duties = open_days[0]
    vi = " và ".join(f"{duty.opens}–{duty.closes}" for duty in duties)
    en = " and ".join(f"{duty.opens}–{duty.closes}" for duty in duties)
    if day == on:
        return f"{roster.place}: mở {vi}.", f"{roster.place}: open {en}."
    return (
        f"{roster.place}: nghỉ, mở lại {_day_vi(day)}, {vi}.",
        f"{roster.place}: closed, open again {_day_en(day)}, {en}.",
    )


def _day_vi(day: date) -> str:
    return f"{WEEKDAYS_VI[day.weekday()]} {_short(day)}"


def _day_en(day: date) -> str:
    return f"{WEEKDAYS_EN[day.weekday()]} {day}"


def _short(day: date) -> str:
    return f"{day.day}/{day.month}/{day.year}"
