"""Operations of the registry: tokens and keys, the catalogue, units."""

from dataclasses import replace

from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words, paging
from libs.contracts.registry import LEVELS, UnitV1
from libs.contracts.registry_api import (
    CatalogueView,
    JsonWebKeys,
    Lineage,
    ResolveCodes,
    ResolvedCodes,
    TokenAnswer,
    TokenRequest,
    UnitPage,
)

__all__ = ["OPERATIONS", "TOKEN_BODY_BYTES"]

TOKEN_BODY_BYTES = 16 * 1024
UNIT_ID = "0b0f6c9e-6a0d-5c5e-9a7f-3f4f1c2d7a11"
UUID = {"type": "string", "format": "uuid"}

ACCESS = (
    Operation(
        method="POST",
        path="/oauth/token",
        service="registry",
        scope=None,
        operation_id="issue_token",
        summary=Words("Lấy token", "Obtain a token"),
        description=Words(
            "OAuth 2, client credentials: client_id và client_secret trong `Authorization: Basic`. Token sống 5 phút; "
            "xin lại trước khi hết hạn. Bí mật không bao giờ được đặt trong trình duyệt hay trên đường dẫn.",
            "OAuth 2 client credentials: client_id and client_secret in `Authorization: Basic`. Tokens live 5 minutes; "
            "obtain the next before it expires. Secrets never belong in a browser or in an address.",
        ),
        request=TokenRequest,
        request_type="application/x-www-form-urlencoded",
        body_limit_bytes=TOKEN_BODY_BYTES,
        response=TokenAnswer,
        problems=(
            "invalid_request",
            "invalid_client",
            "unsupported_grant_type",
            "invalid_scope",
            "not_ready",
            "body_too_large",
            "unsupported_media_type",
            "internal_error",
            "unavailable",
        ),
    ),
    Operation(
        method="GET",
        path="/.well-known/jwks.json",
        service="registry",
        scope=None,
        operation_id="read_keys",
        summary=Words("Khóa công khai", "Public keys"),
        description=Words(
            "Khóa công khai ký token, cho hệ thống muốn tự kiểm tra token.",
            "The public keys that sign tokens, for systems that verify tokens themselves.",
        ),
        response=JsonWebKeys,
        problems=("internal_error", "unavailable"),
    ),
)

CATALOGUE = Operation(
    method="GET",
    path="/v1/catalogue",
    service="registry",
    scope="registry:read",
    operation_id="read_catalogue",
    summary=Words("Danh mục chỉ tiêu, nền tảng, chủ đề, chỉ số", "Measures, platforms, topics and indicators"),
    description=Words(
        "Những mã mà một dòng được phép ghi và những chỉ số được báo cáo, với tên tiếng Việt, tiếng Anh, đơn vị đếm, "
        "mẫu số và hiệu lực. `aliases` là cách viết khác: nơi nào nhận mã cũng nhận chúng. `version` tăng khi ý nghĩa "
        "đổi. Với `on` chỉ trả những mục có hiệu lực ngày đó.",
        "The codes a line may name and the indicators that are reported, with Vietnamese and English names, unit of "
        "count, denominator and validity. `aliases` are other spellings: they are taken wherever a code is. `version` "
        "is raised when the meaning changes. With `on`, only what is valid on that day.",
    ),
    response=CatalogueView,
    parameters=(
        Parameter(
            "on",
            "query",
            {"type": "string", "format": "date"},
            Words("Chỉ những mục có hiệu lực ngày này.", "Only what is valid on this day."),
            "2025-05-10",
        ),
    ),
    problems=(*GUARDED, "bad_parameter"),
    revalidates=True,
)

UNITS = replace(
    CATALOGUE,
    path="/v1/units",
    operation_id="list_units",
    summary=Words("Đơn vị hành chính", "Administrative units"),
    description=Words(
        "Mỗi mục là một phiên bản của đơn vị, có id riêng và thời gian hiệu lực. Mã không phải là định danh: xã mới từ "
        "1/7/2025 dùng lại mã của một xã cũ; hãy kèm `valid_on` khi tìm theo mã.",
        "Each entry is a version of a unit with an id of its own and a time of validity. A code is not an identity: "
        "the communes of 1 July 2025 reuse the code of one of their predecessors; give `valid_on` with a code.",
    ),
    response=UnitPage,
    parameters=(
        Parameter("code", "query", {"type": "string"}, Words("Mã chính thức.", "Official code."), "29905"),
        Parameter(
            "name",
            "query",
            {"type": "string"},
            Words(
                "Tên hoặc phần đầu các từ của tên, có dấu hay không dấu; gần nhất đứng trước.",
                "A name or words it has, with or without diacritics; the nearest come first.",
            ),
            "sa dec",
        ),
        Parameter("level", "query", {"type": "string", "enum": list(LEVELS)}, Words("Cấp.", "Level."), "commune"),
        Parameter(
            "parent",
            "query",
            {"type": "string"},
            Words("id hoặc mã của đơn vị cấp trên.", "Id or code of the unit above."),
            "867",
        ),
        Parameter(
            "within",
            "query",
            {"type": "string"},
            Words(
                "id hoặc mã: mọi đơn vị nằm trong đơn vị này, kể cả chính nó.",
                "Id or code: all units that lie in this one, itself included.",
            ),
            "87",
        ),
        Parameter(
            "valid_on",
            "query",
            {"type": "string", "format": "date"},
            Words("Có hiệu lực vào ngày này.", "Valid on this day."),
            "2025-05-10",
        ),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_unit"),
)

UNIT = replace(
    UNITS,
    path="/v1/units/{id}",
    operation_id="read_unit",
    summary=Words("Một đơn vị hành chính", "One administrative unit"),
    description=Words(
        "Một phiên bản của đơn vị, với cấp trên và các đơn vị kế thừa.",
        "One version of a unit, with the units above it and its successors.",
    ),
    response=UnitV1,
    parameters=(Parameter("id", "path", UUID, Words("id của đơn vị.", "The unit's id."), UNIT_ID, required=True),),
    problems=(*GUARDED, "bad_parameter", "not_found"),
)

LINEAGE = replace(
    UNIT,
    path="/v1/units/{id}/lineage",
    operation_id="read_lineage",
    summary=Words("Nguồn gốc và kế thừa của một đơn vị", "Where a unit's territory came from and went"),
    description=Words(
        "Các lần sáp nhập, chia tách theo thời gian: `forward` từ đơn vị này về sau, `backward` về trước. `share` cho "
        "biết toàn bộ hay một phần lãnh thổ.",
        "Mergers and divisions in time: `forward` from this unit on, `backward` to what was before it. `share` says "
        "whether all of the territory went there or a part.",
    ),
    response=Lineage,
    parameters=(
        *UNIT.parameters,
        Parameter(
            "direction",
            "query",
            {"type": "string", "enum": ["forward", "backward"], "default": "forward"},
            Words("Chiều.", "Direction."),
            "forward",
        ),
    ),
)

RESOLVE = replace(
    UNITS,
    method="POST",
    path="/v1/units:resolve",
    operation_id="resolve_codes",
    summary=Words("Mã của một danh mục cũ", "Codes of an older list"),
    description=Words(
        "Cho biết mỗi mã trong danh mục của ngày `codes_as_of` là đơn vị nào, và lãnh thổ ấy thuộc đơn vị nào vào ngày "
        "`on` (mặc định hôm nay). Tối đa 1.000 mã. Đơn vị bị chia thì có nhiều mục trong `units`: đừng đoán.",
        "Says which unit each code stood for in the list of the day `codes_as_of`, and which units hold its territory "
        "on the day `on` (by default today). At most 1,000 codes. A unit that was divided has several `units`: do not "
        "guess.",
    ),
    request=ResolveCodes,
    response=ResolvedCodes,
    parameters=(),
    problems=(*GUARDED, "bad_parameter", *TEXTS_BODY),
    revalidates=False,
)

OPERATIONS = (*ACCESS, CATALOGUE, UNITS, UNIT, LINEAGE, RESOLVE)
"""Tokens and keys need no token; the rest the scope registry:read."""
