"""What each scope allows, in words."""

from collections.abc import Mapping

from libs.contracts.operations.model import Words
from libs.contracts.registry import Scope

__all__ = ["SCOPE_WORDS"]

SCOPE_WORDS: Mapping[Scope, Words] = {
    "visits:write": Words("Gửi, sửa, hủy chuyến thăm của các tổ", "Send, correct and void visits of teams"),
    "visits:read": Words("Đọc lại chuyến thăm và biên nhận", "Read visits and receipts again"),
    "partner-reports:write": Words("Gửi, sửa, hủy báo cáo của đối tác", "Send, correct and void a partner's reports"),
    "partner-reports:read": Words(
        "Đọc lại báo cáo và biên nhận của chính đối tác", "Read the partner's own reports and receipts again"
    ),
    "metrics:read": Words("Hỏi số liệu; số nhỏ được che", "Ask for numbers; small ones are suppressed"),
    "metrics:exact": Words("Xem cả số nhỏ, không che", "See small numbers too, unsuppressed"),
    "registry:read": Words(
        "Đọc danh mục, đơn vị hành chính, danh sách tổ", "Read the catalogue, administrative units and teams"
    ),
    "registry:write": Words(
        "Ghi tổ, lịch trực, đợt ra quân, thôn, dân số, chỉ tiêu",
        "Write teams, rosters, waves, thôn, populations, targets",
    ),
    "reforms:write": Words("Lập và ban hành sắp xếp đơn vị hành chính", "Draft and enact administrative reforms"),
    "members:read": Words("Xem tên và số điện thoại thành viên", "See members' names and phone numbers"),
    "clients:write": Words("Quản lý ứng dụng được phép gọi API", "Manage the systems that may call the API"),
    "records:settle": Words("Quyết định đơn vị cho bản ghi đang chờ", "Settle the unit of records that wait"),
}
