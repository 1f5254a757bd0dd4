"""Operations on teams."""

from dataclasses import replace
from typing import get_args

from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words, paging
from libs.contracts.registry import LEVELS
from libs.contracts.registry_api import TeamPage
from libs.contracts.teams_api import (
    ChangeTeam,
    ConsolidateTeam,
    CreateTeam,
    DissolveTeam,
    SucceedTeam,
    TeamAnswer,
    TeamDetail,
    TeamType,
)

__all__ = ["OPERATIONS", "RULES", "UNIT", "day", "record_id"]

TEAM_ID = "0196c3a0-1f40-7b1c-8a52-2f9d3c4b5a60"
RULES = ("day_out_of_range", "unit_abolished", "unit_not_valid_on_day", "unknown_unit", "unknown_unit_code")
CONTACTS = ("bad_contact", "mobile_not_confirmed", "contact_is_a_members")
WRITTEN = (*GUARDED, "bad_parameter", *TEXTS_BODY, "id_reused", "outside_subtree")
CHANGED = (*WRITTEN, "record_unknown", "stale_revision")
UNIT = Parameter("unit", "query", {"type": "string"}, Words("id hoặc mã đơn vị.", "Unit id or code."), "29905")


def day(name: str, vi: str, en: str) -> Parameter:
    """Give a parameter that is a day."""
    return Parameter(name, "query", {"type": "string", "format": "date"}, Words(vi, en), "2025-08-01")


def record_id(vi: str, en: str) -> Parameter:
    """Give the id in the path."""
    return Parameter("id", "path", {"type": "string", "format": "uuid"}, Words(vi, en), TEAM_ID, required=True)


LIST = Operation(
    method="GET",
    path="/v1/teams",
    service="registry",
    scope="registry:read",
    operation_id="list_teams",
    summary=Words("Tổ công nghệ số cộng đồng", "Community digital-technology teams"),
    description=Words(
        "Các tổ của một đơn vị và mọi cấp dưới, với cấp, loại, đơn vị và ngày thành lập, giải thể.",
        "The teams of a unit and all below it, with level, type, unit and the days they began and ended.",
    ),
    response=TeamPage,
    parameters=(
        UNIT,
        Parameter("code", "query", {"type": "string"}, Words("Mã của tổ.", "The team's code.")),
        Parameter("type", "query", {"type": "string", "enum": list(get_args(TeamType))}, Words("Loại tổ.", "Type.")),
        Parameter("level", "query", {"type": "string", "enum": list(LEVELS)}, Words("Cấp.", "Level.")),
        day("active_on", "Đang hoạt động vào ngày này.", "Active on this day."),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_unit"),
    revalidates=True,
)

READ = replace(
    LIST,
    path="/v1/teams/{id}",
    operation_id="read_team",
    summary=Words("Một tổ và lịch sử", "One team and its history"),
    description=Words(
        "Trạng thái vào ngày `on` (mặc định hôm nay), tổ mà nó kế thừa, và mọi lần đã ghi, mới nhất trước.",
        "Its status on the day `on` (by default today), the teams it took over from, and all that was told of it.",
    ),
    response=TeamDetail,
    parameters=(record_id("id của tổ.", "The team's id."), day("on", "Ngày hỏi.", "The day asked for.")),
    problems=(*GUARDED, "bad_parameter", "record_unknown"),
)

CREATE = Operation(
    method="POST",
    path="/v1/teams",
    service="registry",
    scope="registry:write",
    operation_id="create_team",
    summary=Words("Thành lập tổ", "Found a team"),
    description=Words(
        "id do ứng dụng tạo (UUIDv7): gửi lại nguyên vẹn thì được `duplicate`. Đơn vị phải còn hiệu lực vào ngày thành "
        "lập; mã tổ là duy nhất trong tỉnh. Liên hệ là của tổ và được công bố cho người dân: số di động cần "
        "`mobile_numbers_confirmed`, số của một thành viên thì không nhận.",
        "The id is made by the client (UUIDv7): the same sent again gives `duplicate`. The unit must stand on the day "
        "of establishment; codes are unique in a province. Contacts are the team's and told to citizens: a mobile "
        "number needs `mobile_numbers_confirmed`, a member's own number is refused.",
    ),
    request=CreateTeam,
    response=TeamAnswer,
    problems=(*WRITTEN, *RULES, *CONTACTS, "level_does_not_fit_unit", "code_taken"),
)

CHANGE = replace(
    CREATE,
    path="/v1/teams/{id}:change",
    operation_id="change_team",
    summary=Words("Sửa thông tin tổ", "Correct a team"),
    description=Words(
        "Sửa điều đã ghi sai. Hai người cùng sửa: một người được, người kia nhận 409 `stale_revision` với trạng thái "
        "hiện tại trong `record`.",
        "Tells rightly what was told wrongly. Of two who change a team at once one is told 409 `stale_revision`, with "
        "the state as it is in `record`.",
    ),
    request=ChangeTeam,
    parameters=(record_id("id của tổ.", "The team's id."),),
    problems=(*CHANGED, *RULES, *CONTACTS, "level_does_not_fit_unit", "code_taken", "change_before_beginning"),
)

ENDING = (*CHANGED, "day_out_of_range", "team_has_ended", "change_before_beginning")

OPERATIONS = (
    LIST,
    READ,
    CREATE,
    CHANGE,
    replace(
        CHANGE,
        path="/v1/teams/{id}:consolidate",
        operation_id="consolidate_team",
        summary=Words("Kiện toàn tổ", "Consolidate a team"),
        description=Words(
            "Ghi quyết định kiện toàn với ngày của nó; tổ vẫn là tổ ấy, công vẫn của tổ.",
            "Notes a consolidation by its day and decision; the team remains itself, and so does its credit.",
        ),
        request=ConsolidateTeam,
        problems=(*ENDING, *CONTACTS[:3]),
    ),
    replace(
        CHANGE,
        path="/v1/teams/{id}:dissolve",
        operation_id="dissolve_team",
        summary=Words("Giải thể tổ", "Dissolve a team"),
        description=Words(
            "Từ ngày `on` tổ không còn; thành viên rời tổ vào ngày ấy. Việc ghi muộn của ngày trước đó vẫn được nhận.",
            "From `on` there is no such team; its members leave it then. Late records of days before are valid.",
        ),
        request=DissolveTeam,
        problems=ENDING,
    ),
    replace(
        CHANGE,
        path="/v1/teams/{id}:succeed",
        operation_id="succeed_team",
        summary=Words("Tổ khác kế thừa", "Other teams take over"),
        description=Words(
            "Sáp nhập hay chia tách tổ: các tổ trong `successors` kế thừa từ ngày `on`. Công của tổ cũ vẫn của tổ cũ.",
            "A merger or a division: the teams of `successors` take over from the day `on`. Credit stays where it was.",
        ),
        request=SucceedTeam,
        problems=(*ENDING, "unknown_team", "successor_repeated", "team_not_active_on_day", "one_successor_needed"),
    ),
)
"""Reading needs registry:read, changing registry:write within the client's subtree."""
