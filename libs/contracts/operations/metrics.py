"""Operations of the metrics service: the query and its GET twin, and the rehearsal of a reform."""

from typing import Any

from libs.contracts.metrics_api import (
    ANSWERS,
    AS_RECORDED,
    BOUNDARIES,
    GROUPINGS,
    MetricsAnswer,
    MetricsQuery,
    RevisionAnswer,
)
from libs.contracts.operations.model import GUARDED, READ_BODY, Operation, Parameter, Words
from libs.contracts.rehearsal_api import MAX_REHEARSAL_BYTES, MAX_REHEARSED_UNITS, RehearsalAnswer, RehearsalQuery

__all__ = ["OPERATIONS"]

ASKED = (
    "unknown_measure",
    "unknown_platform",
    "unknown_unit",
    "outside_subtree",
    "unknown_boundaries",
    "level_not_on_day",
    "level_not_on_map",
    "range_reversed",
    "range_too_long",
    "result_too_large",
    "grouping_repeated",
    "bad_position",
    "not_counted_yet",
)
REHEARSED = (
    "unknown_measure",
    "outside_subtree",
    "range_reversed",
    "range_too_long",
    "unit_told_twice",
    "unit_revision_known",
    "unit_path_unsound",
    "unit_never_valid",
)
REVISION_PATH = "/v1/metrics/revision"
TEXT = {"type": "string"}
DAY = {"type": "string", "format": "date"}


def _query(name: str, schema: dict[str, Any], vi: str, en: str, example: str | None = None) -> Parameter:
    return Parameter(name, "query", schema, Words(vi, en), example, required=name in ("measures", "from", "to"))


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values)


PARAMETERS = (
    _query(
        "measures", TEXT, "Mã chỉ tiêu, cách nhau bằng dấu phẩy.", "Measure codes, comma-separated.", "FLD-07,FLD-08"
    ),
    _query(
        "from", DAY, "Ngày đầu, tính cả ngày đó (giờ Việt Nam).", "First day, included (Vietnam time).", "2025-05-01"
    ),
    _query("to", DAY, "Ngày cuối, tính cả ngày đó.", "Last day, included.", "2025-05-31"),
    _query(
        "group_by",
        TEXT,
        f"Tối đa 4 cách nhóm, cách nhau bằng dấu phẩy: {_listed(GROUPINGS)}.",
        f"At most 4 groupings, comma-separated: {_listed(GROUPINGS)}.",
        "unit:commune",
    ),
    _query(
        "unit",
        TEXT,
        "id đơn vị, hoặc mã có hiệu lực vào ngày của `boundaries` (`as_recorded`: ngày `to`), cách nhau bằng dấu phẩy; "
        "mỗi đơn vị gồm mọi số liệu nằm trọn trong địa bàn của nó.",
        "Unit ids, or codes valid on the day of `boundaries` (`as_recorded`: on `to`), comma-separated; each has all "
        "that lies wholly in its territory.",
    ),
    _query(
        "reporter_kind",
        {"type": "string", "enum": ["team", "partner"]},
        "Chỉ của các tổ hoặc chỉ của các đối tác.",
        "Of teams only or of partners only.",
        "team",
    ),
    _query(
        "reporter", TEXT, "id của tổ hoặc đối tác, cách nhau bằng dấu phẩy.", "Team or partner ids, comma-separated."
    ),
    _query("platform", TEXT, "Mã nền tảng, cách nhau bằng dấu phẩy.", "Platform codes, comma-separated."),
    _query(
        "answers",
        TEXT,
        f"Các số cần trả lời, cách nhau bằng dấu phẩy: {_listed(ANSWERS)}.",
        f"Numbers asked for, comma-separated: {_listed(ANSWERS)}.",
        "luot,nguoi,unknown",
    ),
    _query(
        "boundaries",
        {"type": "string", "default": AS_RECORDED, "pattern": BOUNDARIES},
        "Địa giới của câu trả lời: `as_recorded` (đơn vị lúc ghi), `current` (hôm nay, giờ Việt Nam) hoặc một ngày.",
        "Boundaries of the answer: `as_recorded` (the units of its time), `current` (today in Vietnam) or a day.",
        "2025-06-30",
    ),
    _query(
        "at_least",
        TEXT,
        "`position` của một biên nhận: chờ đến khi đã đếm tới đó.",
        "A receipt's `position`: wait until it has been counted.",
    ),
)

QUERY = Words(
    "Trả lời `luot` (lượt, cộng được), `nguoi` (số người không trùng), `ho` (số hộ không trùng) và `unknown` (lượt "
    "không kèm tham chiếu người), cùng ý nghĩa của từng số trong `contract`. Số người của dòng tổng là hợp của các "
    "tập, không bao giờ là tổng các dòng. `null` không phải là 0: `reasons` nói vì sao. Lượt của tổ và của đối tác "
    "không cộng với nhau. Ứng dụng không có quyền `metrics:exact` thấy số nhỏ ở `suppressed`.",
    "Answers `luot` (encounters, additive), `nguoi` (distinct people), `ho` (distinct households) and `unknown` "
    "(encounters without a reference to a person), with what each number means in `contract`. People of the total "
    "row are a union of sets, never the sum of the rows. `null` is not zero: `reasons` says why. Encounters of teams "
    "and of partners are never added. Clients without `metrics:exact` find small numbers named in `suppressed`.",
)
IN_TIME = Words(
    " Với `boundaries` là `current` hoặc một ngày, mỗi số liệu thuộc đơn vị của ngày đó chứa trọn địa bàn nơi nó được "
    "ghi, tính cả về sau lẫn về trước; nếu địa bàn đã bị chia, số liệu nằm ở dòng `unallocated` của đơn vị thấp nhất "
    "chứa trọn nó. Tổng không bao giờ đổi theo `boundaries`. Nhóm theo cấp không tồn tại vào ngày đó trả lời "
    "`level_not_on_day`.",
    " With `boundaries` `current` or a day, each fact belongs to the unit of that day that holds all of the territory "
    "it was recorded in, forwards and backwards; where several divide that territory, it is in an `unallocated` row of "
    "the lowest unit that holds all of it. Totals never change with `boundaries`. Grouping by a level that did not "
    "exist on the day answers `level_not_on_day`.",
)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/metrics:query",
        service="metrics",
        scope="metrics:read",
        operation_id="query_metrics",
        summary=Words("Hỏi số liệu", "Ask for numbers"),
        description=Words(QUERY.vi + IN_TIME.vi, QUERY.en + IN_TIME.en),
        request=MetricsQuery,
        response=MetricsAnswer,
        problems=(*GUARDED, *READ_BODY, *ASKED),
    ),
    Operation(
        method="GET",
        path="/v1/metrics",
        service="metrics",
        scope="metrics:read",
        operation_id="read_metrics",
        summary=Words("Hỏi số liệu bằng đường dẫn", "Ask for numbers by address"),
        description=Words(
            "Như `POST /v1/metrics:query`, với tham số trên đường dẫn, để lưu đệm được bằng ETag.",
            "As `POST /v1/metrics:query`, with parameters in the address, so that an ETag can cache it.",
        ),
        response=MetricsAnswer,
        parameters=PARAMETERS,
        problems=(*GUARDED, "bad_parameter", *ASKED),
        revalidates=True,
        revision_path=REVISION_PATH,
    ),
    Operation(
        method="POST",
        path="/v1/metrics:rehearse",
        service="metrics",
        scope="metrics:read",
        operation_id="rehearse_metrics",
        summary=Words("Số liệu sẽ ra sao sau một đợt sắp xếp", "What a reform would do to the numbers"),
        description=Words(
            f"Đặt tạm các trạng thái đơn vị (tối đa {MAX_REHEARSED_UNITS}, 8 MiB) lên bản đồ đang biết và tính số liệu "
            "của từng đơn vị bị tác động theo địa giới ngày trước đó và ngày có hiệu lực, cùng phần sẽ thành "
            "`unallocated`. Không lưu gì. Trong phạm vi đơn vị của ứng dụng; số nhỏ được che như mọi câu trả lời khác.",
            f"Lays states of units (at most {MAX_REHEARSED_UNITS}, 8 MiB) over the map as it is known, counts every "
            "unit touched by the boundaries of the day before and of the day itself, and tells what is `unallocated`. "
            "Nothing is stored. Within the client's own subtree; small numbers are withheld as in any answer.",
        ),
        request=RehearsalQuery,
        response=RehearsalAnswer,
        body_limit_bytes=MAX_REHEARSAL_BYTES,
        problems=(*GUARDED, *READ_BODY, "bulk_busy", *REHEARSED),
    ),
    Operation(
        method="GET",
        path=REVISION_PATH,
        service="metrics",
        scope="metrics:read",
        operation_id="read_revision",
        summary=Words("Số liệu đã đổi chưa", "Have the numbers changed"),
        description=Words(
            "Bản hiện tại của số liệu và lúc nó thay đổi: rẻ, dùng để hỏi thường xuyên xem có cần hỏi lại số liệu "
            "không.",
            "The data's current revision and when it was made: cheap, for asking often whether the numbers are worth "
            "asking for again.",
        ),
        response=RevisionAnswer,
        problems=GUARDED,
        revalidates=True,
    ),
)
"""The two ways to ask, whether it is worth asking again, and what a reform would do."""
