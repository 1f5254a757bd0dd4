"""Teams, and the list of them that a province hands in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from libs.common.files import Row, csv_rows
from services.registry.domain.contacts import Contact, Decision
from services.registry.domain.ids import record_id
from services.registry.domain.units import LEVELS, Level, UnitRef, find, valid_on

__all__ = ["TEAM_TYPES", "Team", "TeamChange", "TeamChangeKind", "TeamType", "build_teams", "read_teams"]

TeamType = Literal["community_digital_team", "youth_digital_team", "volunteer_formation"]
TEAM_TYPES: tuple[TeamType, ...] = ("community_digital_team", "youth_digital_team", "volunteer_formation")

TeamChangeKind = Literal["consolidated", "dissolved", "succeeded"]

COLUMNS = ("code", "name", "type", "level", "unit_code", "unit_valid_on", "established_on")
OPTIONAL = ("local_type_name", "dissolved_on")


@dataclass(frozen=True)
class TeamChange:
    """What happened to a team on a day: kiện toàn, giải thể, or other teams took over."""

    kind: TeamChangeKind
    on: date
    decision: Decision | None = None
    successors: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Team:
    """A team; `dissolved_on` is the first day on which it no longer exists, `changes` what happened, oldest first."""

    record_id: UUID
    code: str
    name: str
    type: TeamType
    level: Level
    local_type_name: str | None
    unit_id: UUID
    established_on: date | None
    dissolved_on: date | None
    establishment: Decision | None = None
    contacts: tuple[Contact, ...] = ()
    changes: tuple[TeamChange, ...] = ()

    def active_on(self, day: date) -> bool:
        """Say whether it existed on a day."""
        return valid_on(self.established_on, self.dissolved_on, day)


def read_teams(name: str, content: bytes) -> list[Row]:
    """Split a list of teams into rows; raises BadFile."""
    return csv_rows(name, content, COLUMNS, OPTIONAL)


def build_teams(rows: Sequence[Row], units: Mapping[str, Sequence[UnitRef]]) -> list[Team]:
    """Make the teams; `units` are those that bear the rows' unit codes. Raises BadFile."""
    teams: dict[str, Team] = {}
    for row in rows:
        team = _build(row, units)
        if team.code in teams:
            row.wrong("code", f"mã {team.code} lặp lại", f"the code {team.code} is repeated")
        teams[team.code] = team
    if rows:
        rows[0].reading.done()
    return list(teams.values())


def _build(row: Row, units: Mapping[str, Sequence[UnitRef]]) -> Team:
    code = row.matching("code", r"[^\s/]+", "có dấu cách hoặc /", "has a space or a slash")
    established, dissolved = row.period("established_on", "dissolved_on")
    unit = _find_unit(row, units)
    return Team(
        record_id=record_id("team", code),
        code=code,
        name=row.text("name"),
        type=row.choice("type", TEAM_TYPES),
        level=row.choice("level", LEVELS),
        local_type_name=row.optional("local_type_name"),
        unit_id=unit.unit_id if unit else UUID(int=0),
        established_on=established,
        dissolved_on=dissolved,
    )


def _find_unit(row: Row, units: Mapping[str, Sequence[UnitRef]]) -> UnitRef | None:
    code, day = row.text("unit_code"), row.day("unit_valid_on")
    if day is None:
        row.wrong(
            "unit_valid_on", "cần ngày mà mã đơn vị có hiệu lực", "a day on which the unit's code holds is needed"
        )
        return None
    unit = find(units, code, day)
    if unit is None:
        row.wrong("unit_code", f"không có đơn vị {code} vào ngày {day}", f"there is no unit {code} on {day}")
    return unit
