"""Operations on clients of the API, and the audit log."""

from dataclasses import replace

from libs.contracts.clients_api import (
    AuditPage,
    ClientChange,
    ClientCreation,
    ClientPage,
    ClientRotation,
    ClientSecret,
    ClientStatusChange,
    ClientView,
)
from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words, paging

__all__ = ["OPERATIONS"]

CHANGED = ("client_unknown", "stale_revision", "own_client", "beyond_own")
CLIENT_ID = Parameter(
    "client_id",
    "path",
    {"type": "string"},
    Words("client_id của ứng dụng.", "The client's id."),
    "bank-vcb",
    required=True,
)

CREATE = Operation(
    method="POST",
    path="/v1/clients",
    service="registry",
    scope="clients:write",
    operation_id="create_client",
    summary=Words("Thêm một ứng dụng", "Make a client"),
    description=Words(
        "Tạo ứng dụng được gọi API và trả lời bí mật của nó, chỉ một lần này. Không thể cấp quyền, phạm vi hay "
        "thời hạn "
        "vượt quá của chính bên cấp: `beyond_own` nêu rõ từng điểm.",
        "Makes a system that may call the API and answers with its secret, this once. Nobody can grant scopes, "
        "a subtree "
        "or a time beyond its own: `beyond_own` names each point.",
    ),
    request=ClientCreation,
    response=ClientSecret,
    problems=(
        *GUARDED,
        *TEXTS_BODY,
        "client_exists",
        "beyond_own",
        "unknown_unit",
        "unknown_unit_code",
        "unknown_partner",
        "partner_missing",
        "scope_repeated",
        "code_list_in_the_future",
    ),
)
READ = Operation(
    method="GET",
    path="/v1/clients/{client_id}",
    service="registry",
    scope="clients:write",
    operation_id="read_client",
    summary=Words("Một ứng dụng", "One client"),
    description=Words(
        "Ứng dụng như hiện nay, với thời hạn của các bí mật còn hiệu lực; không bao giờ có bí mật.",
        "The client as it is now, with how long its secrets hold; never a secret.",
    ),
    response=ClientView,
    parameters=(CLIENT_ID,),
    problems=(*GUARDED, "bad_parameter", "client_unknown"),
    revalidates=True,
)
LIST = replace(
    READ,
    path="/v1/clients",
    operation_id="list_clients",
    summary=Words("Các ứng dụng", "Clients"),
    description=Words(
        "Các ứng dụng trong phạm vi của bên hỏi, theo client_id. Ứng dụng của cả nước chỉ hiện với bên có cả nước.",
        "The clients within the caller's own subtree, by client_id. Those of the whole country are shown only "
        "to who has it.",
    ),
    response=ClientPage,
    parameters=(
        Parameter("unit", "query", {"type": "string"}, Words("id hoặc mã đơn vị.", "Unit id or code."), "82"),
        Parameter(
            "status", "query", {"type": "string", "enum": ["active", "suspended"]}, Words("Trạng thái.", "Status.")
        ),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_unit"),
)
ROTATE = replace(
    CREATE,
    path="/v1/clients/{client_id}:rotate",
    operation_id="rotate_client",
    summary=Words("Cấp bí mật mới", "Give a new secret"),
    description=Words(
        "Trả lời bí mật mới, chỉ một lần này. Bí mật ngay trước đó còn dùng được `overlap_minutes` (mặc định "
        "một ngày); "
        "bí mật cũ hơn hết hiệu lực ngay. Ứng dụng được tự đổi bí mật của mình nếu có quyền `clients:write`.",
        "Answers with a new secret, this once. The one before it holds for `overlap_minutes` more (by default a "
        "day); an "
        "older one ends at once. A client with `clients:write` may rotate its own.",
    ),
    request=ClientRotation,
    parameters=(CLIENT_ID,),
    problems=(*GUARDED, *TEXTS_BODY, *CHANGED),
)
SUSPEND = replace(
    ROTATE,
    path="/v1/clients/{client_id}:suspend",
    operation_id="suspend_client",
    summary=Words("Tạm dừng một ứng dụng", "Suspend a client"),
    description=Words(
        "Trong vài giây mọi dịch vụ từ chối ứng dụng và các token của nó.",
        "Within seconds every service refuses the client and its tokens.",
    ),
    request=ClientStatusChange,
    response=ClientView,
)
RESUME = replace(
    SUSPEND,
    path="/v1/clients/{client_id}:resume",
    operation_id="resume_client",
    summary=Words("Cho ứng dụng hoạt động lại", "Resume a client"),
    description=Words("Bỏ tạm dừng.", "Ends the suspension."),
)
CHANGE = replace(
    SUSPEND,
    path="/v1/clients/{client_id}:change",
    operation_id="change_client",
    summary=Words("Sửa một ứng dụng", "Change a client"),
    description=Words(
        "Tên, quyền, phạm vi, thời hạn, hạng quota, danh mục mã. Trường không gửi thì giữ nguyên, null là bỏ. "
        "`revision` "
        "là bản đã xem; người đến sau nhận 409 kèm trạng thái hiện tại trong `record`.",
        "Name, scopes, subtree, expiry, quota class, code list. What is left out stays, null takes away. "
        "`revision` is the "
        "one that was seen; who comes later is told 409 with the current state in `record`.",
    ),
    request=ClientChange,
    problems=(
        *GUARDED,
        *TEXTS_BODY,
        *CHANGED,
        "unknown_unit",
        "unknown_unit_code",
        "partner_missing",
        "scope_repeated",
        "code_list_in_the_future",
    ),
)
AUDIT = replace(
    LIST,
    path="/v1/audit",
    operation_id="read_audit",
    summary=Words("Nhật ký kiểm tra", "The audit log"),
    description=Words(
        "Ai đã đổi gì hay xem gì, mới nhất trước: mọi thay đổi của ứng dụng, mọi lần xem thông tin thành viên. "
        "Không có "
        "bí mật, không có dữ liệu cá nhân.",
        "Who changed or read what, newest first: every change of a client, every reading of members' details. "
        "No secrets, "
        "nothing personal.",
    ),
    response=AuditPage,
    parameters=(
        Parameter("object_kind", "query", {"type": "string"}, Words("Loại đối tượng.", "Kind of object."), "client"),
        Parameter("object_id", "query", {"type": "string"}, Words("id của đối tượng.", "The object's id."), "bank-vcb"),
        Parameter("client_id", "query", {"type": "string"}, Words("Ai đã làm.", "Who did it.")),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter"),
)

OPERATIONS = (CREATE, LIST, READ, ROTATE, SUSPEND, RESUME, CHANGE, AUDIT)
"""All need clients:write."""
