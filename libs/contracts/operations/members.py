"""Operations on members."""

from dataclasses import replace

from libs.contracts.members_api import (
    AppointMember,
    ChangeMember,
    EraseMember,
    JoinTeam,
    LeaveTeam,
    MemberAnswer,
    MemberPage,
    MemberView,
    RegisterMember,
    TrainMember,
)
from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words, paging
from libs.contracts.operations.teams import RULES, UNIT, day, record_id

__all__ = ["OPERATIONS"]

NAMES = Parameter(
    "names",
    "query",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
    Words(
        "`true`: kèm họ tên, số điện thoại của thành viên thuộc đơn vị mình; cần quyền members:read, và mỗi lần xem "
        "được ghi vào nhật ký.",
        "`true`: with names and phones of one's own unit's members; needs the scope members:read, and each read is "
        "written to the audit log.",
    ),
)
ID = record_id("id của thành viên.", "The member's id.")
PERSON = (
    "bad_name",
    "bad_phone",
    "born_in_the_future",
    "birth_year_differs",
    "member_too_old",
    "member_too_young",
)
TIMES = ("unknown_team", "day_out_of_range", "joined_before_team", "team_has_ended", "left_before_joined")
WRITTEN = (*GUARDED, "bad_parameter", *TEXTS_BODY, "id_reused", "member_erased")
CHANGED = (*WRITTEN, "record_unknown", "stale_revision")
HISTORY = ("range_reversed", "not_yet")

LIST = Operation(
    method="GET",
    path="/v1/members",
    service="registry",
    scope="registry:read",
    operation_id="list_members",
    summary=Words("Thành viên", "Members"),
    description=Words(
        "Ai ở trong một tổ, hoặc các tổ của một đơn vị, vào ngày `on` (mặc định hôm nay). Không có họ tên, số điện "
        "thoại, trừ khi hỏi bằng `names=true`.",
        "Who is in a team, or in the teams of a unit, on the day `on` (by default today). Without names and phones, "
        "unless asked for by `names=true`.",
    ),
    response=MemberPage,
    parameters=(
        Parameter("team", "query", {"type": "string", "format": "uuid"}, Words("id của tổ.", "The team's id.")),
        UNIT,
        day("on", "Ngày hỏi.", "The day asked for."),
        NAMES,
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_unit", "unknown_team", "names_need_a_unit"),
    revalidates=True,
)

READ = replace(
    LIST,
    path="/v1/members/{id}",
    operation_id="read_member",
    summary=Words("Một thành viên", "One member"),
    description=Words(
        "Thành viên của đơn vị mình, với các tổ theo thời gian, chức vụ, tập huấn.",
        "A member of one's own unit, with teams over time, posts and trainings.",
    ),
    response=MemberView,
    parameters=(ID, NAMES),
    problems=(*GUARDED, "bad_parameter", "record_unknown", "names_need_a_unit"),
)

REGISTER = Operation(
    method="POST",
    path="/v1/members",
    service="registry",
    scope="registry:write",
    operation_id="register_member",
    summary=Words("Ghi một người vào tổ", "Take a person into a team"),
    description=Words(
        "Người đã có trong tỉnh (theo mã thành viên, hoặc họ tên và số điện thoại) là cùng một thành viên: "
        "`recognised`. Họ tên, số điện thoại được mã hóa, không bao giờ có trong câu trả lời này, trong sự kiện hay "
        "nhật ký.",
        "A person whom the province has already (by its code, or by name and phone) is the same member: `recognised`. "
        "Names and phones are sealed; they are never in this answer, in events or in logs.",
    ),
    request=RegisterMember,
    response=MemberAnswer,
    problems=(
        *WRITTEN,
        *PERSON,
        *TIMES,
        *HISTORY,
        "membership_overlaps",
        "member_name_differs",
        "member_code_differs",
    ),
)

CHANGE = replace(
    REGISTER,
    path="/v1/members/{id}:change",
    operation_id="change_member",
    summary=Words("Sửa thông tin thành viên", "Change a member"),
    description=Words(
        "Trường nào có thì thay trường ấy; `person` được thay trọn.",
        "What a field names replaces what was; `person` is taken whole.",
    ),
    request=ChangeMember,
    parameters=(ID,),
    problems=(*CHANGED, *PERSON, *HISTORY, "member_exists"),
)

OPERATIONS = (
    LIST,
    READ,
    REGISTER,
    CHANGE,
    replace(
        CHANGE,
        path="/v1/members/{id}:join",
        operation_id="join_team",
        summary=Words("Vào tổ, đổi vai trò", "Join a team, change role"),
        description=Words(
            "Thành viên vào thêm một tổ, hoặc có vai trò khác trong tổ đang ở.",
            "A member comes into another team, or has another role in a team.",
        ),
        request=JoinTeam,
        problems=(*CHANGED, *TIMES, "membership_overlaps"),
    ),
    replace(
        CHANGE,
        path="/v1/members/{id}:leave",
        operation_id="leave_team",
        summary=Words("Rời tổ", "Leave a team"),
        description=Words(
            "Sau khi rời mọi tổ một thời gian (mặc định 24 tháng), họ tên và số điện thoại được xóa.",
            "Some time after leaving all teams (24 months by default) name and phone are erased.",
        ),
        request=LeaveTeam,
        problems=(*CHANGED, *TIMES, "not_in_team"),
    ),
    replace(
        CHANGE,
        path="/v1/members/{id}:train",
        operation_id="train_member",
        summary=Words("Ghi một lớp tập huấn", "Note a training"),
        description=Words("Lớp đã hoàn thành, với ngày.", "A course that was completed, with its day."),
        request=TrainMember,
        problems=(*CHANGED, "not_yet"),
    ),
    replace(
        CHANGE,
        path="/v1/members/{id}:appoint",
        operation_id="appoint_member",
        summary=Words("Cử làm Đại sứ số", "Appoint a digital ambassador"),
        description=Words(
            "Đại sứ số của một xã, phường từ ngày `from`; gửi lại với `to` để kết thúc.",
            "A digital ambassador of a unit from the day `from`; told again with `to` it ends.",
        ),
        request=AppointMember,
        problems=(*CHANGED, *RULES[1:], "outside_subtree", "range_reversed"),
    ),
    replace(
        CHANGE,
        path="/v1/members/{id}:erase",
        operation_id="erase_member",
        summary=Words("Xóa thông tin cá nhân", "Erase who a member is"),
        description=Words(
            "Theo yêu cầu của người ấy: họ tên, số điện thoại, ngày sinh bị xóa ngay, không lấy lại được; thời gian "
            "ở tổ vẫn được đếm.",
            "At the person's request: name, phone and birth date are erased at once, for good; the time in "
            "teams still counts.",
        ),
        request=EraseMember,
        problems=CHANGED,
    ),
)
"""Reading needs registry:read (names: members:read), changing registry:write within the client's subtree."""
