"""Operations on rosters, campaign waves and models, and the public answer to who helps where and when."""

from dataclasses import replace

from libs.contracts.help_api import (
    ChangeModel,
    ChangeRoster,
    ChangeWave,
    CreateModel,
    CreateRoster,
    CreateWave,
    HelpAnswer,
    ModelAnswer,
    ModelPage,
    RosterAnswer,
    RosterPage,
    WaveAnswer,
    WavePage,
)
from libs.contracts.model import Contract
from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Words, paging
from libs.contracts.operations.teams import RULES, UNIT, day, record_id

__all__ = ["OPERATIONS"]

WRITTEN = (*GUARDED, "bad_parameter", *TEXTS_BODY, "id_reused", "outside_subtree", *RULES)
NAMED = ("unknown_team", "range_reversed")
CONTACTS = ("bad_contact", "mobile_not_confirmed", "contact_is_a_members", "unknown_member")
DUTIES = ("weekday_or_day", "closes_before_opening", "duties_overlap")

HELP = Operation(
    method="GET",
    path="/v1/help",
    service="registry",
    scope=None,
    operation_id="read_help",
    summary=Words("Ai giúp được tôi, ở đâu, khi nào?", "Who can help me where I live, and when?"),
    description=Words(
        "Cho mọi người, không cần token: các tổ của xã, phường (và thôn), liên hệ của tổ, điểm trực với giờ của ngày "
        "`on` và sáu ngày sau, đợt ra quân sắp tới. Mã cũ đã sáp nhập được trả lời cho nơi nay là; nơi bị chia thì có "
        "`candidates` để chọn. Không có thông tin về cá nhân nào.",
        "For everyone, without a token: the teams of a commune (and of its thôn), their contacts, the places of help "
        "with the hours of the day `on` and the six after it, the next campaign wave. An old code that was merged is "
        "answered for where it is now; a divided one with `candidates` to choose from. Nothing is about a person.",
    ),
    response=HelpAnswer,
    parameters=(
        replace(
            UNIT, required=True, words=Words("id hoặc mã của xã, phường, thôn.", "Id or code of a commune or thôn.")
        ),
        day("on", "Ngày hỏi, mặc định hôm nay.", "The day asked for, by default today."),
        day("codes_as_of", "Mã là của danh mục ngày này.", "The code is of the list of this day."),
    ),
    problems=("bad_parameter", "unknown_unit", "help_too_wide", "internal_error", "unavailable"),
    revalidates=True,
)


def _listing(noun: str, response: type[Contract], words: Words, text: Words) -> Operation:
    return Operation(
        method="GET",
        path=f"/v1/{noun}s",
        service="registry",
        scope="registry:read",
        operation_id=f"list_{noun}s",
        summary=words,
        description=text,
        response=response,
        parameters=(
            UNIT,
            day("on", "Có hiệu lực vào ngày này.", "In force on this day."),
            *paging(default=100, most=500),
        ),
        problems=(*GUARDED, "bad_parameter", "unknown_unit"),
        revalidates=True,
    )


def _creating(
    noun: str, request: type[Contract], response: type[Contract], words: Words, text: Words, *problems: str
) -> Operation:
    return Operation(
        method="POST",
        path=f"/v1/{noun}s",
        service="registry",
        scope="registry:write",
        operation_id=f"create_{noun}",
        summary=words,
        description=text,
        request=request,
        response=response,
        problems=(*WRITTEN, *problems),
    )


def _changing(creating: Operation, request: type[Contract], words: Words) -> Operation:
    return replace(
        creating,
        path=f"{creating.path}/{{id}}:change",
        operation_id=creating.operation_id.replace("create", "change"),
        summary=words,
        description=Words(
            "Trường nào có thì thay trường ấy. Bản đã cũ: 409 `stale_revision` với trạng thái hiện tại trong `record`.",
            "What a field names replaces what was. A stale revision answers 409 `stale_revision` with the state as it "
            "is in `record`.",
        ),
        request=request,
        parameters=(record_id("id của bản ghi.", "The record's id."),),
        problems=(*creating.problems, "record_unknown", "stale_revision"),
    )


ROSTER = _creating(
    "roster",
    CreateRoster,
    RosterAnswer,
    Words("Ghi lịch trực", "Make a duty roster"),
    Words(
        "Ai trực ở đâu, giờ nào: theo thứ trong tuần, hoặc một ngày cụ thể (thay cho thứ của ngày ấy).",
        "Who helps where and when: by weekday, or on one day (which then replaces the weekday's hours).",
    ),
    *NAMED,
    *CONTACTS,
    *DUTIES,
)
WAVE = _creating(
    "wave",
    CreateWave,
    WaveAnswer,
    Words("Ghi đợt ra quân", "Make a campaign wave"),
    Words(
        "Tổ và đối tác nào ra quân, ở đâu, những ngày nào; chuyến thăm có thể ghi thuộc đợt này.",
        "Which teams and partners go out, where and on which days; visits may refer to it.",
    ),
    "unknown_team",
    "unknown_partner",
    "unknown_topic",
)
MODEL = _creating(
    "model",
    CreateModel,
    ModelAnswer,
    Words("Ghi mô hình", "Make a model"),
    Words(
        "Chợ 4.0, Gia đình số, tuyến phố không dùng tiền mặt …, với nơi và ngày ra mắt.",
        "A digital market, digital families, a cashless street …, with its place and launch.",
    ),
    "range_reversed",
)

OPERATIONS = (
    HELP,
    _listing(
        "roster",
        RosterPage,
        Words("Lịch trực", "Duty rosters"),
        Words("Lịch trực của một đơn vị và mọi cấp dưới.", "The rosters of a unit and all below it."),
    ),
    ROSTER,
    _changing(ROSTER, ChangeRoster, Words("Sửa lịch trực", "Change a roster")),
    _listing(
        "wave",
        WavePage,
        Words("Đợt ra quân", "Campaign waves"),
        Words("Đợt ra quân của một đơn vị và mọi cấp dưới.", "The waves of a unit and all below it."),
    ),
    WAVE,
    _changing(WAVE, ChangeWave, Words("Sửa, hủy đợt ra quân", "Change or cancel a wave")),
    _listing(
        "model",
        ModelPage,
        Words("Mô hình", "Models"),
        Words("Mô hình của một đơn vị và mọi cấp dưới.", "The models of a unit and all below it."),
    ),
    MODEL,
    _changing(MODEL, ChangeModel, Words("Sửa mô hình", "Change a model")),
)
"""Help is public; lists need registry:read, changes registry:write within the client's subtree."""
