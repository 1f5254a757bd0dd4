"""Operations of the metrics service: the query and its GET twin."""

from typing import Any

from libs.contracts.metrics_api import ANSWERS, GROUPINGS, MetricsAnswer, MetricsQuery, RevisionAnswer
from libs.contracts.operations.model import GUARDED, READ_BODY, Operation, Parameter, Words

__all__ = ["OPERATIONS"]

ASKED = (
    "unknown_measure",
    "unknown_platform",
    "unknown_unit",
    "outside_subtree",
    "boundaries_not_supported",
    "range_reversed",
    "range_too_long",
    "result_too_large",
    "grouping_repeated",
    "bad_position",
    "not_counted_yet",
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
        "id đơn vị hoặc mã có hiệu lực vào ngày `to`, cách nhau bằng dấu phẩy; gồm cả cấp dưới.",
        "Unit ids, or codes valid on `to`, comma-separated; each with its subtree.",
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
        {"type": "string", "default": "as_recorded"},
        "Địa giới của câu trả lời; hiện chỉ có `as_recorded`.",
        "Boundaries of the answer; for now only `as_recorded`.",
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

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/metrics:query",
        service="metrics",
        scope="metrics:read",
        operation_id="query_metrics",
        summary=Words("Hỏi số liệu", "Ask for numbers"),
        description=QUERY,
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
"""The two ways to ask, and whether it is worth asking again."""
