"""Operations of the metrics service about the network: teams and members counted, and where there are none."""

from typing import Any

from libs.contracts.network_api import (
    GAP_KINDS,
    GAP_LEVELS,
    NETWORK_GROUPINGS,
    NETWORK_INDICATORS,
    TEAM_TYPES,
    GapsAnswer,
    NetworkAnswer,
)
from libs.contracts.operations.model import GUARDED, Operation, Parameter, Words, paging
from libs.contracts.registry import LEVELS

__all__ = ["OPERATIONS"]

TEXT = {"type": "string"}
DAY = {"type": "string", "format": "date"}
ASKED = (
    "bad_parameter",
    "unknown_unit",
    "outside_subtree",
    "unknown_boundaries",
    "level_not_on_day",
    "level_not_on_map",
)


def _query(name: str, schema: dict[str, Any], vi: str, en: str, example: str | int | None = None) -> Parameter:
    return Parameter(name, "query", schema, Words(vi, en), example)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values)


ON = _query(
    "on",
    DAY,
    "Ngày cần hỏi: tổ còn tồn tại, thành viên còn trong tổ vào ngày đó. Mặc định: hôm nay (giờ Việt Nam).",
    "The day asked about: teams that existed and memberships that held on it. Default: today (Vietnam time).",
    "2023-12-31",
)
UNIT = _query(
    "unit",
    TEXT,
    "id đơn vị hoặc mã có hiệu lực vào ngày `on`, cách nhau bằng dấu phẩy; gồm cả cấp dưới.",
    "Unit ids, or codes valid on `on`, comma-separated; each with its territory.",
    "14",
)
BOUNDARIES = _query(
    "boundaries",
    {"type": "string", "default": "as_recorded"},
    "Địa giới của câu trả lời: `as_recorded` (đơn vị mà tổ đã đăng ký), `current` (hôm nay) hoặc một ngày. Tổ thuộc "
    "đơn vị của ngày đó chứa trọn địa bàn của tổ; nếu địa bàn bị chia, tổ ở dòng `unallocated`.",
    "Boundaries of the answer: `as_recorded` (the unit a team was registered in), `current` (today's) or a day. A team "
    "belongs to the unit of that day that holds its unit's whole territory; where that is divided, it is in an "
    "`unallocated` row.",
)
MINIMUM = _query(
    "minimum_members",
    {"type": "integer", "minimum": 1, "maximum": 100, "default": 3},
    "Tổ có ít thành viên hơn số này là tổ thiếu người.",
    "A team with fewer members than this is undersized.",
)

NETWORK_PARAMETERS = (
    ON,
    UNIT,
    _query(
        "level",
        TEXT,
        f"Cấp của tổ, cách nhau bằng dấu phẩy: {_listed(LEVELS)}.",
        f"Levels of teams, comma-separated: {_listed(LEVELS)}.",
    ),
    _query(
        "type",
        TEXT,
        f"Loại tổ, cách nhau bằng dấu phẩy: {_listed(TEAM_TYPES)}. Mặc định chỉ Tổ công nghệ số cộng đồng.",
        f"Types of teams, comma-separated: {_listed(TEAM_TYPES)}. By default community digital teams only.",
    ),
    _query(
        "group_by",
        TEXT,
        f"Tối đa 3 cách nhóm, một cho mỗi loại: {_listed(NETWORK_GROUPINGS)}.",
        f"At most 3 groupings, one of a kind: {_listed(NETWORK_GROUPINGS)}.",
        "level",
    ),
    BOUNDARIES,
    _query(
        "indicators",
        TEXT,
        f"Chỉ tiêu, cách nhau bằng dấu phẩy: {_listed(NETWORK_INDICATORS)}. Mặc định: tất cả trừ NET-06 (cần dân số "
        "khai báo), và trừ NET-10, NET-11 nếu không có `from`, `to`.",
        f"Indicators, comma-separated: {_listed(NETWORK_INDICATORS)}. Default: all but NET-06 (which needs a declared "
        "population), and but NET-10 and NET-11 where neither `from` nor `to` is told.",
        "NET-01,NET-02",
    ),
    _query(
        "from",
        DAY,
        "Ngày đầu của kỳ cho NET-10, NET-11; mặc định 1 tháng 1 của năm.",
        "First day of the period of NET-10 and NET-11; default 1 January of the year.",
    ),
    _query("to", DAY, "Ngày cuối của kỳ đó; mặc định là `on`.", "Last day of that period; default `on`."),
    MINIMUM,
)

GAPS_PARAMETERS = (
    _query(
        "kind",
        {"type": "string", "enum": list(GAP_KINDS), "default": "without_team"},
        "`without_team`: đơn vị chưa có tổ; `undersized`: tổ thiếu người.",
        "`without_team`: units without a team; `undersized`: teams with too few members.",
        "without_team",
    ),
    _query(
        "level",
        {"type": "string", "enum": list(GAP_LEVELS)},
        "`commune` (mặc định) hoặc `subcommune` (thôn, bản, tổ dân phố); với `undersized`, để trống là mọi cấp.",
        "`commune` (default) or `subcommune` (thôn, bản, tổ dân phố); with `undersized`, none is every level.",
        "commune",
    ),
    ON,
    UNIT,
    BOUNDARIES,
    MINIMUM,
    *paging(100, 500),
)

COUNT = Words(
    "Mạng lưới Tổ công nghệ số cộng đồng vào một ngày bất kỳ: số tổ (NET-01), thành viên không trùng (NET-02), tỷ lệ "
    "thôn, xã có tổ (NET-03, NET-04), quy mô tổ và tổ thiếu người (NET-05), thành viên trên 100 dân (NET-06), cán bộ "
    "Đoàn (NET-07), đội hình và tình nguyện viên (NET-08, không bao giờ tính là tổ cộng đồng), xã có đại sứ số "
    "(NET-09), thành viên được tập huấn (NET-10), tổ có hoạt động (NET-11). Một người ở hai tổ là một thành viên: dòng "
    "tổng là hợp, không phải tổng các dòng. `null` không phải là 0: `reason` nói vì sao. Mỗi tỷ lệ có tử số, mẫu số "
    "và nguồn của mẫu số.",
    "The network of community digital-technology teams on any day: teams (NET-01), distinct members (NET-02), "
    "sub-commune units and communes with a team (NET-03, NET-04), size of teams and undersized ones (NET-05), members "
    "per 100 inhabitants (NET-06), Youth-Union officers (NET-07), formations and volunteers (NET-08, never counted as "
    "community teams), communes with a digital ambassador (NET-09), members trained (NET-10), teams at work (NET-11). "
    "A person in two teams is one member: the total is a union, never the sum of the rows. `null` is not zero: "
    "`reason` says why. Every rate carries its numerator, its denominator and where that is from.",
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/network",
        service="metrics",
        scope="metrics:read",
        operation_id="count_network",
        summary=Words("Đếm tổ và thành viên", "Count teams and members"),
        description=COUNT,
        response=NetworkAnswer,
        parameters=NETWORK_PARAMETERS,
        problems=(*GUARDED, *ASKED, "range_reversed", "range_too_long", "grouping_repeated", "result_too_large"),
        revalidates=True,
    ),
    Operation(
        method="GET",
        path="/v1/network/gaps",
        service="metrics",
        scope="metrics:read",
        operation_id="list_network_gaps",
        summary=Words("Nơi chưa có tổ, tổ thiếu người", "Where there is no team, and teams with too few members"),
        description=Words(
            "Xã, phường hoặc thôn, bản, tổ dân phố chưa có Tổ công nghệ số cộng đồng cấp mình, liệt kê theo tên; hoặc "
            "các tổ có ít thành viên hơn `minimum_members`. Đơn vị là của ngày địa giới đã hỏi, hoặc của ngày `on`.",
            "Communes or sub-commune units without a community digital-technology team of their level, by name; or the "
            "teams with fewer members than `minimum_members`. Units are those of the day of the boundaries asked for, "
            "else of `on`.",
        ),
        response=GapsAnswer,
        parameters=GAPS_PARAMETERS,
        problems=(*GUARDED, *ASKED),
        revalidates=True,
    ),
)
"""Counting the network, and listing what it lacks."""
