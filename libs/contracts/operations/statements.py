"""Operations of metrics on statements: what was reported, held against each other and against targets."""

from dataclasses import replace

from libs.contracts.operations.model import GUARDED, Operation, Parameter, Words, paging
from libs.contracts.statements_api import SHAPES, ComparisonAnswer, ProgressAnswer, StatementPage, SumAnswer

__all__ = ["OPERATIONS"]

TEXT = {"type": "string"}
BOUNDARIES = Parameter(
    "boundaries",
    "query",
    {"type": "string", "default": "current"},
    Words(
        "Đơn vị của số liệu hiện theo địa giới `current` (hôm nay), của một ngày `YYYY-MM-DD`, hay chỉ `as_recorded`.",
        "Units are shown under the boundaries of today (`current`), of a day `YYYY-MM-DD`, or `as_recorded` only.",
    ),
    "current",
)
SORTS = ["id", "-id", "value", "-value", "day", "-day"]

LIST = Operation(
    method="GET",
    path="/v1/statements",
    service="metrics",
    scope="metrics:read",
    operation_id="list_statements",
    summary=Words("Số liệu báo cáo", "Statements"),
    description=Words(
        "Những con số mà báo chí, kế hoạch, báo cáo đã nêu, giữ đúng như đã nói: `qualifier` (gần, trên, khoảng "
        "…), đơn vị đếm, mẫu số, dạng thời gian, nguồn. Hiện `text`, đừng hiện `value` một mình: “gần 105.000” "
        "không phải là 105.000. Chúng đứng cạnh số đếm được, không bao giờ cộng vào. `held_by` cho biết đơn vị "
        "nào ngày nay giữ lãnh thổ ấy; `partial`: chỉ là một phần, không phải số của đơn vị đó. Số đã qua hạn "
        "(trạm 2G) vẫn còn, kèm `caveats`.",
        "Figures that newspapers, plans and reports gave, kept as they were said: `qualifier` (just under, more "
        "than, about …), unit of count, denominator, time shape, source. Show `text`, not `value` alone: “gần "
        "105.000” is not 105,000. They stand beside what is counted and are never added to it. `held_by` says "
        "which units of today hold that territory; `partial`: a part only, and not that unit's figure. What is "
        "over (2G stations) stays, with `caveats`.",
    ),
    response=StatementPage,
    parameters=(
        Parameter("indicator", "query", TEXT, Words("Mã chỉ số.", "The indicator's code."), "NET-01"),
        Parameter(
            "unit",
            "query",
            TEXT,
            Words(
                "id hoặc mã đơn vị, cũ hay mới: số liệu của đơn vị ấy và mọi nơi nằm trọn trong đó.",
                "Id or code of a unit, old or new: figures of it and of all that lies wholly in it.",
            ),
            "37",
        ),
        Parameter("source", "query", TEXT, Words("Mã nguồn.", "The source's code."), "S2"),
        Parameter(
            "shape",
            "query",
            {"type": "string", "enum": list(SHAPES)},
            Words("Dạng thời gian.", "The time shape."),
            "snapshot",
        ),
        BOUNDARIES,
        Parameter(
            "sort",
            "query",
            {"type": "string", "enum": SORTS, "default": "id"},
            Words("Sắp xếp; dấu trừ: từ cao xuống.", "The order; with a minus from the highest."),
            "-value",
        ),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_unit", "outside_subtree", "unknown_boundaries"),
    revalidates=True,
)

COMPARE = replace(
    LIST,
    path="/v1/statements:compare",
    operation_id="compare_statements",
    summary=Words("So sánh hai số liệu báo cáo", "Hold two statements against each other"),
    description=Words(
        "`comparable` hoặc `not_comparable` cùng mọi lý do: khác mẫu số, khác đơn vị đếm, khác địa bàn, khác dạng "
        "thời gian, đơn vị lẫn lộn … `1.12` là cả `1.12a` và `1.12b`.",
        "`comparable`, or `not_comparable` with every reason: other denominators, units of count, places, time "
        "shapes, mixed units … `1.12` is `1.12a` and `1.12b` both.",
    ),
    response=ComparisonAnswer,
    parameters=(
        Parameter("left", "query", TEXT, Words("id của số thứ nhất.", "Id of the first."), "1.11", required=True),
        Parameter("right", "query", TEXT, Words("id của số thứ hai.", "Id of the second."), "1.12", required=True),
        BOUNDARIES,
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_statement", "unknown_boundaries"),
)

ADD = replace(
    COMPARE,
    path="/v1/statements:add",
    operation_id="add_statements",
    summary=Words("Cộng số liệu báo cáo, nếu được", "Add statements, where that means something"),
    description=Words(
        "Chỉ cộng những số chính xác, cùng chỉ số, đơn vị đếm, dạng và ngày, không chồng lấn; người và hộ chỉ khi "
        "chính nguồn cộng. Nếu nguồn có nêu tổng, `agrees` cho biết có khớp không (204 + 2.886 = 3.090).",
        "Adds exact figures only, of one indicator, unit of count, shape and day, that do not overlap; people and "
        "households only where the source itself adds them. Where the source gives the total, `agrees` says "
        "whether it is that (204 + 2,886 = 3,090).",
    ),
    response=SumAnswer,
    parameters=(
        Parameter(
            "ids",
            "query",
            TEXT,
            Words("id, cách nhau bằng dấu phẩy.", "Ids, comma-separated."),
            "3.03,3.05",
            required=True,
        ),
        BOUNDARIES,
    ),
)

PROGRESS = replace(
    COMPARE,
    path="/v1/progress",
    operation_id="read_progress",
    summary=Words("Đơn vị đang ở đâu so với mục tiêu", "Where a unit stands, and how far from its targets"),
    description=Words(
        "Với một chỉ số và một đơn vị: mọi số đã nêu, mẫu số mới nhất, mục tiêu với các mục tiêu cấp trên, và "
        "từng số cách mục tiêu bao xa. `not_comparable` là câu trả lời hợp lệ và có lý do; từ hạn định của số "
        "(gần, trên …) luôn đi kèm, `reached` là null khi nó để ngỏ.",
        "Of an indicator and a unit: every figure given, the newest denominators, targets with those that they "
        "serve, and how far each figure is from each. `not_comparable` is a legal outcome, with its reasons; a "
        "figure's qualifier (just under, more than …) always goes with it, and `reached` is null where it leaves "
        "that open.",
    ),
    response=ProgressAnswer,
    parameters=(
        Parameter("indicator", "query", TEXT, Words("Mã chỉ số.", "The indicator's code."), "ADO-02", required=True),
        Parameter("unit", "query", TEXT, Words("id hoặc mã đơn vị.", "Id or code of the unit."), "11", required=True),
        Parameter(
            "on",
            "query",
            {"type": "string", "format": "date"},
            Words("Ngày được hỏi; mặc định hôm nay.", "The day asked about; by default today."),
            "2026-06-30",
        ),
    ),
    problems=(
        *GUARDED,
        "bad_parameter",
        "unknown_indicator",
        "unknown_unit",
        "outside_subtree",
        "unknown_boundaries",
    ),
)

OPERATIONS = (LIST, COMPARE, ADD, PROGRESS)
"""All need metrics:read, and show what lies in the client's subtree."""
