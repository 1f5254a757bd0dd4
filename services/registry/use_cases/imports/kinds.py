"""The kinds of file that can be brought in."""

from collections.abc import Mapping

from services.registry.domain.imports import hamlets as hamlet_columns
from services.registry.domain.imports import members as member_columns
from services.registry.domain.imports import reference as reference_columns
from services.registry.domain.imports import teams as team_columns
from services.registry.use_cases.imports import hamlets, members, reference, teams
from services.registry.use_cases.imports.planner import Kind

__all__ = ["KINDS"]

DENOMINATORS, TARGETS, PLACED = reference_columns.DENOMINATORS, reference_columns.TARGETS, reference_columns.NEEDED

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("teams", "Danh sách tổ", team_columns.FIELDS, team_columns.NEEDED, teams.plan),
        Kind("members", "Danh sách thành viên", member_columns.FIELDS, member_columns.NEEDED, members.plan),
        Kind("units", "Danh sách thôn, bản", hamlet_columns.FIELDS, hamlet_columns.NEEDED, hamlets.plan),
        Kind("denominators", "Số liệu dân số", DENOMINATORS, PLACED, reference.plan_denominators),
        Kind("targets", "Chỉ tiêu giao", TARGETS, PLACED, reference.plan_targets),
    )
}
