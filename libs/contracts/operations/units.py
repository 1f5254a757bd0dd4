"""Operations of the registry on units: the whole code list, and units below commune level."""

from dataclasses import replace

from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words
from libs.contracts.registry import LEVELS, UnitV1
from libs.contracts.units_api import (
    MAX_UNITS_BYTES,
    EndUnit,
    NewSubcommune,
    NewSubcommunes,
    RenameUnit,
    UnitList,
    UnitRows,
)

__all__ = ["OPERATIONS"]

LIST = Operation(
    method="GET",
    path="/v1/units/list",
    service="registry",
    scope="registry:read",
    operation_id="list_unit_codes",
    summary=Words("Cả danh mục mã đơn vị", "The whole code list"),
    description=Words(
        "Mọi đơn vị có hiệu lực vào ngày `valid_on`, trong một câu trả lời; giữ ETag và hỏi lại bằng `If-None-Match`: "
        "khi bản đồ không đổi, câu trả lời là 304.",
        "Every unit valid on the day `valid_on`, in one answer; keep the ETag and ask again with `If-None-Match`: "
        "while the map is the same the answer is 304.",
    ),
    response=UnitList,
    parameters=(
        Parameter(
            "valid_on",
            "query",
            {"type": "string", "format": "date"},
            Words("Danh mục của ngày này; mặc định hôm nay.", "The list of this day; by default today."),
            "2025-06-30",
        ),
        Parameter("level", "query", {"type": "string", "enum": list(LEVELS)}, Words("Cấp.", "Level."), "commune"),
    ),
    problems=(*GUARDED, "bad_parameter"),
    revalidates=True,
)

CSV = replace(
    LIST,
    path="/v1/units/list.csv",
    operation_id="list_unit_codes_csv",
    summary=Words("Cả danh mục mã đơn vị, dạng CSV", "The whole code list as CSV"),
    description=Words(
        "UTF-8 có BOM để Excel đọc đúng dấu; mã là chuỗi, giữ số 0 ở đầu. Ô bắt đầu bằng =, +, -, @ được thêm dấu nháy "
        "để không bị hiểu là công thức.",
        "UTF-8 with a BOM, so that Excel reads the diacritics; codes are texts and keep leading zeros. A cell that "
        "begins with =, +, - or @ gets an apostrophe, so that it is no formula.",
    ),
    response=None,
    downloads="text/csv",
    parameters=(
        *LIST.parameters,
        Parameter(
            "separator",
            "query",
            {"type": "string", "enum": ["comma", "semicolon"], "default": "comma"},
            Words("Dấu ngăn; `semicolon` cho Excel tiếng Việt.", "`semicolon` is what a Vietnamese Excel expects."),
            "semicolon",
        ),
    ),
)

UNWELL = ("unknown_unit", "not_a_commune", "outside_subtree", "outside_the_commune", "id_reused")

CREATE = Operation(
    method="POST",
    path="/v1/units",
    service="registry",
    scope="registry:write",
    operation_id="create_unit",
    summary=Words("Lập một đơn vị dưới cấp xã", "Begin a unit below commune level"),
    description=Words(
        "Thôn, bản, tiểu khu, khóm, ấp, tổ dân phố… trong phạm vi của ứng dụng. Đơn vị dưới cấp xã không có mã quốc "
        "gia: hệ thống cấp id, làm từ `id` của người gửi nên gửi lại là an toàn (200). Tên được phép trùng.",
        "Thôn, bản, tiểu khu, khóm, ấp, tổ dân phố … within the client's subtree. They have no national code: the "
        "registry gives an id, made of the sender's `id`, so that a resend is safe (200). Names may repeat.",
    ),
    request=NewSubcommune,
    response=UnitV1,
    status=201,
    problems=(*GUARDED, *TEXTS_BODY, "bad_parameter", *UNWELL),
)

BATCH = replace(
    CREATE,
    path="/v1/units:batch",
    operation_id="create_units",
    summary=Words("Lập nhiều đơn vị dưới cấp xã", "Begin many units below commune level"),
    description=Words(
        "Tối đa 5.000 dòng; mỗi dòng được trả lời riêng: `accepted`, `duplicate` (gửi lại là an toàn) hoặc `rejected` "
        "(không lưu, xem `errors`).",
        "At most 5,000 rows; each is answered by itself: `accepted`, `duplicate` (a resend is safe) or `rejected` (not "
        "stored, see `errors`).",
    ),
    request=NewSubcommunes,
    response=UnitRows,
    status=200,
    body_limit_bytes=MAX_UNITS_BYTES,
    problems=(*GUARDED, *TEXTS_BODY, "bad_parameter", "too_many_rows", "bulk_busy"),
)

UNIT_ID = Parameter(
    "id",
    "path",
    {"type": "string", "format": "uuid"},
    Words("id của đơn vị.", "The unit's id."),
    "0b0f6c9e-6a0d-5c5e-9a7f-3f4f1c2d7a11",
    required=True,
)
CHANGE_PROBLEMS = (
    *GUARDED,
    *TEXTS_BODY,
    "bad_parameter",
    "not_found",
    "outside_subtree",
    "not_a_subcommune",
    "stale_unit",
    "change_in_the_future",
    "reform_before_unit_began",
)

RENAME = replace(
    CREATE,
    path="/v1/units/{id}:rename",
    operation_id="rename_unit",
    summary=Words("Đổi tên một đơn vị dưới cấp xã", "Rename a unit below commune level"),
    description=Words(
        "Từ ngày `on`, đơn vị mang tên (và loại) mới: một phiên bản mới với id mới, nhận trọn lãnh thổ; phiên bản cũ "
        "kết thúc. Số liệu cũ đi theo. Câu trả lời là phiên bản mới. Gửi lại là an toàn.",
        "From the day `on` the unit has its new name (and type): a new version with an id of its own, which holds all "
        "of the territory; the old one ends. Numbers follow. The answer is the new version. A resend is safe.",
    ),
    request=RenameUnit,
    parameters=(UNIT_ID,),
    status=200,
    problems=(*CHANGE_PROBLEMS, "reform_changes_nothing"),
)

END = replace(
    RENAME,
    path="/v1/units/{id}:end",
    operation_id="end_unit",
    summary=Words("Kết thúc một đơn vị dưới cấp xã", "End a unit below commune level"),
    description=Words(
        "Đơn vị không còn từ ngày `on` và không có đơn vị kế thừa; sáp nhập thì dùng `POST /v1/reforms`. Số liệu đã "
        "ghi vẫn thuộc xã của nó.",
        "The unit is no more from the day `on`, and nothing succeeds it; a merger is a reform. What was recorded there "
        "still belongs to its commune.",
    ),
    request=EndUnit,
    problems=CHANGE_PROBLEMS,
)

OPERATIONS = (LIST, CSV, CREATE, BATCH, RENAME, END)
"""Reading needs registry:read, changing registry:write."""
