"""The kinds of file that can be brought in."""

from collections.abc import Mapping

from services.registry.domain.imports import members as member_columns
from services.registry.domain.imports import teams as team_columns
from services.registry.use_cases.imports import members, teams
from services.registry.use_cases.imports.planner import Kind

__all__ = ["KINDS"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("teams", "Danh sách tổ", team_columns.FIELDS, team_columns.NEEDED, teams.plan),
        Kind("members", "Danh sách thành viên", member_columns.FIELDS, member_columns.NEEDED, members.plan),
    )
}
