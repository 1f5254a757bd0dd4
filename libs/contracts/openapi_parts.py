"""What the OpenAPI document says once for all operations: introduction, shared headers, examples of problems."""

from collections.abc import Mapping
from string import Formatter
from typing import Any

from libs.contracts.operations.model import Words
from libs.contracts.problems import entries

__all__ = ["INFO", "SAMPLES", "SHARED", "TAGS", "both", "problem_example"]

TRACE_ID = "5f0c1f8e2b7d4a53a1f6f0f3f9f7f5c2"

SAMPLES: Mapping[str, str] = {
    "age": "15",
    "base": "population_adult",
    "boundaries": "2025-02-30",
    "candidates": "Phường 1 (29905), Phường 1 (28249)",
    "code": "FLD-99",
    "columns": "“Tên tổ”",
    "current": "3",
    "day": "2025-05-10",
    "digits": "5",
    "expected": "application/json",
    "first": "B",
    "found": "PDF",
    "id": "0196b6d0-5a40-7c31-9a52-6f1d2c3b4a59",
    "index": "4",
    "key": "lines",
    "kind": "unit",
    "level": "district",
    "limit": "500",
    "line": "2",
    "measure": "FLD-07",
    "min_age": "15",
    "method": "DELETE",
    "name": "limit",
    "nearest": "2025-06-30",
    "part": "xl/worksheets/sheet1.xml",
    "path": "/v1/visit",
    "position": "visits:1.90417.12",
    "reason": "…",
    "replaces": "2",
    "revision": "2",
    "rows": "612",
    "scope": "visits:write",
    "second": "D",
    "seconds": "30",
    "seen": "“STT”, “Họ tên”",
    "sheet": "Danh sách",
    "source": "Xã Tân Dương",
    "stage": "activated",
    "state": "committed",
    "status": "enacted",
    "team": "SD-03",
    "unit": "29905",
    "units": "14144",
    "value": "31/02/2024",
    "waiting_for": "team",
}
"""A value for each {name} that a sentence may have, for the examples."""

SAMPLES_OF: Mapping[str, Mapping[str, str]] = {
    "level_differs": {"expected": "province"},
    "rehearsal_too_large": {"limit": "2000"},
    "unknown_unit_type": {"expected": "xa | phuong | thi_tran | dac_khu", "kind": "thon"},
    "age_not_of_base": {"base": "population_15_plus"},
    "base_not_of_indicator": {"code": "ADO-02", "expected": "population_15_plus"},
    "base_without_age": {"base": "households"},
    "parent_not_above": {"unit": "Phường Sa Đéc"},
    "parent_of_other_indicator": {"code": "ADO-02"},
    "unit_not_of_indicator": {"code": "ADO-02", "expected": "percent"},
    "unknown_indicator": {"code": "ADO-99"},
    "unknown_statement": {"id": "9.99"},
    "body_too_large": {"limit": "1048576"},
    "level_not_on_day": {"day": "2026-01-01"},
    "range_too_long": {"limit": "1096"},
    "result_too_large": {"limit": "10000"},
    "unknown_platform": {"code": "e-dong-thap"},
}

INFO = {
    "title": "Từng Nhà",
    "version": "1",
    "summary": "Đếm đúng việc các tổ công nghệ số cộng đồng làm / Counts the work of community digital teams exactly",
    "description": """\
Tổ công nghệ số cộng đồng đi từng ngõ, gõ từng nhà; Từng Nhà ghi việc đã làm một lần, đếm cho đúng, và trả số liệu kèm
ý nghĩa của từng số.

* **Ứng dụng của tình nguyện viên**: gửi chuyến thăm theo lô (`POST /v1/visits:batch`), mỗi chuyến có id do máy tự tạo
  (UUIDv7). Mất mạng thì gửi lại nguyên vẹn: không bao giờ đếm hai lần.
* **Ngân hàng, viễn thông, ví**: gửi lượt cài đặt của mình (`POST /v1/partner-reports:batch`). Số định danh, số điện
  thoại chỉ dùng để tạo bí danh ngay khi nhận, không được lưu.
* **Cổng thông tin của tỉnh**: hỏi số liệu (`POST /v1/metrics:query`, hoặc `GET /v1/metrics` để lưu đệm).

Bắt đầu: lấy token ở `POST /oauth/token`, gửi `Authorization: Bearer …`. Lỗi theo RFC 9457; hãy rẽ nhánh theo `code`,
hiện `detail` cho người dùng; tiếng Việt mặc định, tiếng Anh với `Accept-Language: en`. Ngày là ngày ở Việt Nam; mã đơn
vị là chuỗi, giữ số 0 ở đầu. 503 có `Retry-After`: gửi lại cùng id sau chừng ấy giây. Có thể có thêm trường mới trong
câu trả lời: hãy bỏ qua trường chưa biết.

---

Community digital-technology teams go down every lane and knock at every house; Từng Nhà records their work once, counts
it exactly, and serves the numbers with their meaning attached.

* **A volunteer's application** sends visits in batches (`POST /v1/visits:batch`), each with an id that the device made
  (UUIDv7). After a lost connection send the same again: nothing is ever counted twice.
* **A bank, telco or wallet** sends its own installs (`POST /v1/partner-reports:batch`). National ids and phone numbers
  are turned into pseudonyms on receipt and never stored.
* **A province's portal** asks for numbers (`POST /v1/metrics:query`, or `GET /v1/metrics` to cache them).

To begin, obtain a token at `POST /oauth/token` and send `Authorization: Bearer …`. Errors follow RFC 9457: branch on
`code`, show `detail`; Vietnamese by default, English with `Accept-Language: en`. Days are days in Vietnam; unit codes
are strings and keep their leading zeros. A 503 carries `Retry-After`: send the same ids again after as many seconds.
Answers may gain fields: pass over those you do not know.
""",
}


def _tag(name: str, vi: str, en: str) -> dict[str, str]:
    return {"name": name, "description": f"{vi} / {en}"}


TAGS = [
    _tag("visits", "Chuyến thăm của các tổ", "Visits of teams"),
    _tag("partner-reports", "Báo cáo của đối tác", "Reports of partners"),
    _tag("metrics", "Số liệu và ý nghĩa của chúng", "Numbers and what they mean"),
    _tag(
        "network", "Mạng lưới: tổ, thành viên, nơi còn thiếu", "The network: teams, members, and where they are missing"
    ),
    _tag("statements", "Số liệu báo cáo: ai đã nói gì", "Statements: what was reported, and by whom"),
    _tag("progress", "Còn bao xa đến mục tiêu", "How far from the targets"),
    _tag("access", "Token và khóa", "Tokens and keys"),
    _tag("records", "Bản ghi đang chờ", "Records that wait"),
    _tag("catalogue", "Danh mục", "The catalogue"),
    _tag("denominators", "Mẫu số: dân số, số hộ …", "Denominators: populations, households …"),
    _tag("targets", "Chỉ tiêu phải đạt", "Targets"),
    _tag("units", "Đơn vị hành chính theo thời gian", "Administrative units in time"),
    _tag("reforms", "Nghị quyết sắp xếp đơn vị hành chính", "Reforms of the administrative map"),
    _tag("teams", "Các tổ", "Teams"),
    _tag("members", "Thành viên của các tổ", "Members of teams"),
    _tag("help", "Cho người dân: ai giúp được, ở đâu, khi nào", "For citizens: who helps where and when"),
    _tag("rosters", "Lịch trực", "Duty rosters"),
    _tag("waves", "Đợt ra quân", "Campaign waves"),
    _tag("models", "Mô hình", "Models"),
    _tag("clients", "Ứng dụng được gọi API", "Systems that may call the API"),
    _tag("audit", "Nhật ký kiểm tra", "The audit log"),
    _tag("imports", "Nhập tệp của tỉnh", "Bringing in a province's files"),
    _tag("problems", "Mã lỗi", "Problem codes"),
]


def both(words: Words) -> str:
    """Give a text in both languages, as two paragraphs."""
    return f"{words.vi}\n\n{words.en}"


def _header(vi: str, en: str, schema_type: str = "string") -> dict[str, Any]:
    return {"description": f"{vi}\n\n{en}", "schema": {"type": schema_type}}


def _asked(name: str, vi: str, en: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": f"{vi}\n\n{en}", "schema": dict(schema)}


SHARED: dict[str, Any] = {
    "parameters": {
        "AcceptLanguage": _asked(
            "Accept-Language", "Ngôn ngữ của lỗi.", "Language of errors.", {"type": "string", "default": "vi"}
        ),
        "RequestId": _asked(
            "X-Request-Id",
            "Mã do bên gọi đặt để lần theo; nếu không có, hệ thống tự đặt.",
            "An id of the caller's own for tracing; made by the system if absent.",
            {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        ),
        "IfNoneMatch": _asked(
            "If-None-Match",
            "`ETag` đã nhận; nếu chưa đổi, trả lời 304 không nội dung.",
            "An `ETag` received before; unchanged answers are 304 without a body.",
            {"type": "string"},
        ),
    },
    "headers": {
        "RequestId": _header("Mã của yêu cầu, cũng là `trace_id`.", "The request's id, also `trace_id`."),
        "ETag": _header("Nhãn của nội dung, cho `If-None-Match`.", "The content's tag, for `If-None-Match`."),
        "RetryAfter": _header("Gửi lại sau chừng ấy giây.", "Send again after as many seconds.", "integer"),
        "WwwAuthenticate": _header("Vì sao bị từ chối (RFC 6750).", "Why it was refused (RFC 6750)."),
    },
    "responses": {"NotModified": {"description": "Chưa có gì đổi. / Nothing has changed."}},
}


def problem_example(code: str) -> dict[str, Any]:
    """Give the example of a code: the document with its sentences filled in."""
    entry = entries()[code]
    names = {name for _, name, _, _ in Formatter().parse(entry["vi"]) if name}
    samples = {name: SAMPLES_OF.get(code, {}).get(name, SAMPLES[name]) for name in names}
    vi, en = entry["vi"].format(**samples), entry["en"].format(**samples)
    value: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " "),
        "status": entry["status"],
        "code": code,
        "detail": vi,
        "vi": vi,
        "en": en,
        "trace_id": TRACE_ID,
    }
    if code == "malformed":
        wrong = {"code": "wrong_type", "pointer": "/rows", "vi": "Sai kiểu dữ liệu: cần array."}
        value["errors"] = [wrong | {"en": "Wrong type: array is expected."}]
    return {"summary": f"{vi} / {en}", "value": value}
