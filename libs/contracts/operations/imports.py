"""Operations on imports: a province's own file is looked through, then taken or let go."""

from dataclasses import replace

from libs.contracts.imports_api import (
    CSV_TYPE,
    IMPORT_KINDS,
    IMPORT_LIMIT_BYTES,
    OUTCOMES,
    UPLOAD_TYPES,
    XLSX_TYPE,
    ImportRowPage,
    ImportView,
)
from libs.contracts.operations.model import GUARDED, Operation, Parameter, Words, paging

__all__ = ["OPERATIONS"]

IMPORT_ID = "0196b6d0-5a40-4c31-9a52-6f1d2c3b4a59"
KIND = Parameter(
    "kind",
    "query",
    {"type": "string", "enum": list(IMPORT_KINDS)},
    Words("Tệp liệt kê gì.", "What the file lists."),
    "teams",
    required=True,
)
ID = Parameter(
    "id", "path", {"type": "string", "format": "uuid"}, Words("id của lần nhập.", "The import's id."), IMPORT_ID, True
)
UNREADABLE = (
    "file_empty",
    "file_encrypted",
    "file_old_excel",
    "file_not_a_table",
    "file_not_utf8",
    "file_other_type",
)

START = Operation(
    method="POST",
    path="/v1/imports",
    service="registry",
    scope="registry:write",
    operation_id="start_import",
    summary=Words("Nhập tệp bảng tính của tỉnh", "Bring in a province's spreadsheet"),
    description=Words(
        "Thân yêu cầu là chính tệp XLSX hoặc CSV (UTF-8), tối đa 10 MiB và 50.000 dòng. Chưa có gì được ghi: hệ "
        "thống đọc "
        "và cho biết từng dòng sẽ ra sao, rồi chờ `:commit`. Cùng một tệp gửi lại là cùng một lần nhập khi nó còn mở. "
        "Tệp được mã hóa khi lưu, xóa sau khi ghi hoặc sau bảy ngày.",
        "The body is the XLSX or CSV (UTF-8) file itself, at most 10 MiB and 50,000 rows. Nothing is written yet: the "
        "system reads it and says what would become of every row, then waits for `:commit`. The same file sent "
        "again is "
        "the same import while that is open. The file is encrypted at rest and deleted after the commit or seven days.",
    ),
    uploads=UPLOAD_TYPES,
    body_limit_bytes=IMPORT_LIMIT_BYTES,
    response=ImportView,
    status=202,
    parameters=(
        KIND,
        Parameter(
            "codes_as_of",
            "query",
            {"type": "string", "format": "date"},
            Words(
                "Ngày của danh mục hành chính mà mã và tên đơn vị trong tệp thuộc về; mặc định hôm nay.",
                "The day of the list from which the file's unit codes and names are; default: today.",
            ),
            "2025-07-01",
        ),
    ),
    problems=(
        *GUARDED,
        "bad_parameter",
        "body_incomplete",
        "body_too_large",
        "unsupported_media_type",
        "bulk_busy",
        *UNREADABLE,
    ),
)

TEMPLATE = replace(
    START,
    method="GET",
    path="/v1/imports/template",
    operation_id="read_import_template",
    summary=Words("Tệp mẫu XLSX có danh sách chọn", "XLSX template with drop-downs"),
    description=Words(
        "Bảng trống với các cột, danh sách chọn, một dòng ví dụ và trang hướng dẫn. Không bắt buộc dùng tệp mẫu.",
        "An empty table with its columns, drop-downs, an example row and a page of help. Using it is not required.",
    ),
    uploads=(),
    body_limit_bytes=1024 * 1024,
    response=None,
    downloads=XLSX_TYPE,
    status=200,
    parameters=(KIND,),
    problems=(*GUARDED, "bad_parameter"),
)

READ = replace(
    TEMPLATE,
    path="/v1/imports/{id}",
    operation_id="read_import",
    summary=Words("Một lần nhập: tiến độ và kết quả", "An import: progress and counts"),
    description=Words(
        "Đã đọc bao nhiêu dòng, trang nào và cột nào được đọc, bao nhiêu dòng sẽ tạo mới, thay đổi, giữ nguyên, bị "
        "lỗi.",
        "How many rows were read, which sheets and columns are read, how many rows would create, change, leave as is, "
        "or are in error.",
    ),
    response=ImportView,
    downloads="",
    parameters=(ID,),
    problems=(*GUARDED, "bad_parameter", "not_found"),
    revalidates=True,
)

OUTCOME = Parameter(
    "outcome",
    "query",
    {"type": "string", "enum": list(OUTCOMES)},
    Words("Chỉ những dòng như vậy.", "Only rows of this outcome."),
    "error",
)

ROWS = replace(
    READ,
    path="/v1/imports/{id}/rows",
    operation_id="list_import_rows",
    summary=Words("Từng dòng của tệp", "The rows of a file"),
    description=Words(
        "Mỗi dòng sẽ ra sao, trường nào thay đổi, lỗi ở ô nào và cần làm gì. Họ tên, số điện thoại không được nhắc "
        "lại.",
        "What would become of each row, which fields would change, which cell is wrong and what to do. Names and "
        "phones "
        "of people are not repeated.",
    ),
    response=ImportRowPage,
    parameters=(ID, OUTCOME, *paging(default=100, most=500)),
)

FINDINGS = replace(
    READ,
    path="/v1/imports/{id}/findings.csv",
    operation_id="read_import_findings",
    summary=Words("Danh sách lỗi, để mở bằng Excel", "The findings as CSV, to open in Excel"),
    description=Words(
        "Mỗi lỗi, cảnh báo một dòng: trang, ô, cột, câu tiếng Việt và tiếng Anh. Ô bắt đầu bằng dấu của công thức được "
        "thêm dấu nháy.",
        "A line for each error and warning: sheet, cell, column, the sentence in Vietnamese and English. A cell that "
        "begins with a sign of a formula gets a quote before it.",
    ),
    response=None,
    downloads=CSV_TYPE,
    parameters=(ID,),
    revalidates=False,
)

COMMIT = replace(
    READ,
    method="POST",
    path="/v1/imports/{id}:commit",
    operation_id="commit_import",
    summary=Words("Ghi tất cả", "Commit it all"),
    description=Words(
        "Ghi mọi dòng hoặc không dòng nào. Chờ tối đa 10 giây: 200 khi đã ghi, 202 khi còn đang ghi (đọc lại lần "
        "nhập để "
        "biết). 409 khi còn dòng lỗi, khi trạng thái không cho phép, hoặc khi sổ đăng ký đã đổi từ lần xem trước; lần "
        "nhập hiện tại ở `import`.",
        "Writes every row or none. Waits up to 10 seconds: 200 once it is written, 202 while it is still being written "
        "(read the import to know). 409 while rows are in error, where the state does not allow it, or where the "
        "registry has changed since the dry run; the import as it is stands in `import`.",
    ),
    problems=(
        *GUARDED,
        "bad_parameter",
        "not_found",
        "import_has_errors",
        "import_state",
        "import_changed",
        "import_could_not_be_read",
    ),
    revalidates=False,
)

CANCEL = replace(
    COMMIT,
    path="/v1/imports/{id}:cancel",
    operation_id="cancel_import",
    summary=Words("Bỏ một lần nhập", "Let an import go"),
    description=Words(
        "Xóa tệp ngay; không có gì được ghi. Không bỏ được khi đang ghi hoặc đã ghi.",
        "Deletes the file at once; nothing is written. One that is being or was committed cannot be cancelled.",
    ),
    problems=(*GUARDED, "bad_parameter", "not_found", "import_state"),
)

OPERATIONS = (START, TEMPLATE, READ, ROWS, FINDINGS, COMMIT, CANCEL)
"""In the order of reading."""
