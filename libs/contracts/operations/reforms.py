"""Operations on reforms of the map: drafted, rehearsed, enacted on their day, withdrawn."""

from dataclasses import replace

from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words, paging
from libs.contracts.reforms_api import (
    MAX_REFORM_BYTES,
    REFORM_STATUSES,
    ReformAction,
    ReformChange,
    ReformImpact,
    ReformInput,
    ReformPage,
    ReformPlan,
    ReformView,
)

__all__ = ["FAULTS", "OPERATIONS"]

FAULTS = (
    "one_operation",
    "one_place",
    "unknown_unit",
    "source_is_target",
    "target_descends_from_source",
    "not_open_at_date",
    "reform_before_unit_began",
    "code_taken",
    "overlapping_validity",
    "reform_cycle",
    "reform_touched_twice",
    "reform_rest_missing",
    "reform_not_in_source",
    "reform_child_not_assigned",
    "reform_nothing_left",
    "reform_changes_nothing",
    "reform_unknown_key",
    "reform_key_repeated",
    "reform_key_misplaced",
    "level_differs",
    "parent_of_wrong_level",
    "parent_ends",
    "level_not_empty",
    "unknown_unit_type",
    "bad_unit_code",
    "unit_code_not_allowed",
)
"""What can be wrong with a decree: these stand in `errors`, each at its place."""

REFORM_ID = Parameter(
    "id",
    "path",
    {"type": "string", "format": "uuid"},
    Words("id của nghị quyết.", "The reform's id."),
    "0197c6a0-5a40-7c31-9a52-6f1d2c3b4a59",
    required=True,
)

DRAFT = Operation(
    method="POST",
    path="/v1/reforms",
    service="registry",
    scope="reforms:write",
    operation_id="draft_reform",
    summary=Words("Soạn một nghị quyết sắp xếp đơn vị", "Draft a reform of the map"),
    description=Words(
        "Nghị quyết với ngày có hiệu lực và các thao tác `create`, `merge`, `split`, `transfer`, `rename`, "
        "`change_type`, `abolish_level`. Được kiểm tra ngay trên bản đồ: sai chỗ nào, `errors` chỉ đúng chỗ ấy; đúng "
        "thì thành bản nháp (201). Chưa có gì trên bản đồ thay đổi. Đơn vị mới được gọi bằng `#key` trong cùng nghị "
        "quyết. Tối đa 5.000 thao tác. Gửi lại cùng `id` là an toàn (200).",
        "A decree with its effective date and operations `create`, `merge`, `split`, `transfer`, `rename`, "
        "`change_type`, `abolish_level`. It is checked on the map at once: what is wrong is named in `errors` at its "
        "place; what is well becomes a draft (201). Nothing on the map changes yet. New units are named by `#key` "
        "within the decree. At most 5,000 operations. The same `id` sent again is safe (200).",
    ),
    request=ReformInput,
    response=ReformView,
    status=201,
    body_limit_bytes=MAX_REFORM_BYTES,
    problems=(
        *GUARDED,
        *TEXTS_BODY,
        "bad_parameter",
        "bulk_busy",
        "outside_subtree",
        "id_reused",
        "reform_invalid",
        *FAULTS,
    ),
)

LIST = Operation(
    method="GET",
    path="/v1/reforms",
    service="registry",
    scope="reforms:write",
    operation_id="list_reforms",
    summary=Words("Các nghị quyết", "Reforms"),
    description=Words(
        "Các nghị quyết trong phạm vi của ứng dụng, ngày hiệu lực mới nhất trước.",
        "The reforms within the client's subtree, the newest effective date first.",
    ),
    response=ReformPage,
    parameters=(
        Parameter(
            "status",
            "query",
            {"type": "string", "enum": list(REFORM_STATUSES)},
            Words("Trạng thái.", "Status."),
            "draft",
        ),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter"),
    revalidates=True,
)

READ = replace(
    LIST,
    path="/v1/reforms/{id}",
    operation_id="read_reform",
    summary=Words("Một nghị quyết", "One reform"),
    description=Words(
        "Nội dung, trạng thái, điều đang cản trở (`faults`), lý do không thực hiện được (`failure`) và các ứng dụng "
        "đang chờ người vận hành (`clients_waiting`).",
        "Content, status, what stands in its way now (`faults`), why it failed (`failure`), and the clients that wait "
        "for an operator (`clients_waiting`).",
    ),
    response=ReformView,
    parameters=(REFORM_ID,),
    problems=(*GUARDED, "bad_parameter", "not_found", "outside_subtree"),
)

PLAN = replace(
    READ,
    path="/v1/reforms/{id}/plan",
    operation_id="read_reform_plan",
    summary=Words("Những gì nghị quyết sẽ ghi", "What a reform would write"),
    description=Words(
        "Đúng từng trạng thái đơn vị mà việc ban hành bây giờ sẽ ghi; với nghị quyết đã ban hành là trạng thái hiện "
        "nay của các đơn vị ấy.",
        "Exactly the states of units that enacting it now would write; of an enacted one, what its units are now.",
    ),
    response=ReformPlan,
    problems=(*READ.problems, "reform_invalid"),
)

DAY = {"type": "string", "format": "date"}

IMPACT = replace(
    PLAN,
    path="/v1/reforms/{id}/impact",
    service="gateway",
    operation_id="read_reform_impact",
    summary=Words("Diễn tập trên dữ liệu thật", "The rehearsal on real data"),
    description=Words(
        "Đơn vị, tổ, thành viên, ứng dụng và mã bị tác động, cùng từng chỉ tiêu trước và sau và phần sẽ không phân bổ "
        "được. Không ghi gì. Số liệu cần quyền `metrics:read`; khi không có số liệu, `numbers` là null và "
        "`numbers_missing` nói vì sao (nghị quyết quá lớn, dịch vụ số liệu đang vắng…), phần còn lại vẫn đúng.",
        "The units, teams, members, clients and codes that are touched, with each measure before and after and what "
        "would be unallocated. Nothing is written. Numbers need the scope `metrics:read`; without them `numbers` is "
        "null and `numbers_missing` says why (too large a decree, the metrics service away …), and the rest holds.",
    ),
    response=ReformImpact,
    parameters=(
        REFORM_ID,
        Parameter(
            "from",
            "query",
            DAY,
            Words("Ngày đầu được đếm; mặc định một năm trước `to`.", "First day counted; default: a year before `to`."),
            "2025-05-01",
        ),
        Parameter(
            "to",
            "query",
            DAY,
            Words("Ngày cuối được đếm; mặc định hôm nay.", "Last day; default: today."),
            "2025-05-31",
        ),
        Parameter(
            "measures",
            "query",
            {"type": "string"},
            Words("Mã chỉ tiêu, cách nhau bằng dấu phẩy.", "Measure codes, separated by commas."),
            "FLD-01,FLD-04",
        ),
    ),
    problems=(
        *PLAN.problems,
        "range_reversed",
        "bulk_busy",
        "rehearsal_too_large",
        "rehearsal_not_needed",
        "numbers_unavailable",
    ),
    revalidates=False,
)

ACT = (
    *GUARDED,
    *TEXTS_BODY,
    "bad_parameter",
    "bulk_busy",
    "not_found",
    "outside_subtree",
    "id_reused",
    "stale_reform",
    "reform_not_possible",
)

CHANGE = replace(
    DRAFT,
    path="/v1/reforms/{id}:change",
    operation_id="change_reform",
    summary=Words("Sửa bản nháp", "Change a draft"),
    description=Words(
        "Thay toàn bộ nội dung của bản `revision`. Ai sửa trên bản cũ thì nhận 409 `stale_reform` kèm bản hiện tại.",
        "Replaces the whole content of revision `revision`. Whoever has seen an older one gets 409 `stale_reform` with "
        "the current state.",
    ),
    request=ReformChange,
    parameters=(REFORM_ID,),
    status=200,
    problems=(*ACT, "reform_invalid", *FAULTS),
)

ENACT = replace(
    CHANGE,
    path="/v1/reforms/{id}:enact",
    operation_id="enact_reform",
    summary=Words("Ban hành", "Enact a reform"),
    description=Words(
        "Đến ngày hiệu lực (giờ Việt Nam) thì ghi ngay, trong một giao dịch; chưa đến thì chuyển sang `scheduled` và "
        "được thực hiện đúng ngày: trước đó không có gì thay đổi. Hôm ấy được kiểm tra lại; không còn đúng thì thành "
        "`failed` với lý do. Ghi phiên bản đơn vị và quan hệ kế thừa, không sửa một số liệu nào.",
        "Once the effective date has come (in Vietnam) it is written at once, in one transaction; before that it is "
        "`scheduled` and done on its day: nothing changes earlier. It is checked again then, and becomes `failed` with "
        "the reason where it no longer holds. Versions of units and lineage are written, and not one fact.",
    ),
    request=ReformAction,
    body_limit_bytes=LIST.body_limit_bytes,
    problems=(*(code for code in ACT if code != "bulk_busy"), "reform_invalid"),
)

WITHDRAW = replace(
    ENACT,
    path="/v1/reforms/{id}:withdraw",
    operation_id="withdraw_reform",
    summary=Words("Rút lại", "Withdraw a reform"),
    description=Words(
        "Chỉ khi chưa ban hành; nghị quyết đã ban hành được sửa bằng một nghị quyết khác.",
        "Only before it is enacted; what has been is mended by another decree.",
    ),
    problems=tuple(code for code in ACT if code != "bulk_busy"),
)

OPERATIONS = (DRAFT, LIST, READ, PLAN, IMPACT, CHANGE, ENACT, WITHDRAW)
"""All need reforms:write, and act within the client's subtree."""
