"""The longer texts of the operations on records, the same for visits and for partner reports."""

from libs.contracts.operations.model import Words

__all__ = ["BATCH", "BULK", "CORRECT", "HELD", "READ", "RECEIPTS", "RESOLVE", "VOID"]

BATCH = Words(
    "Mỗi dòng được trả lời riêng: `accepted` (đã lưu), `duplicate` (đã có từ trước, gửi lại là an toàn), `held` (đã "
    "giữ, chưa đếm, chờ điều ghi ở `waiting_for`) hoặc `rejected` (không lưu, xem `errors`). Mã 200 chỉ nói rằng mọi "
    "dòng đều có câu trả lời. Tối đa 500 dòng và 1 MiB. Mất mạng thì gửi lại nguyên vẹn với cùng id. `position` của "
    "câu trả lời dùng làm `at_least` khi hỏi số liệu.",
    "Every row is answered by itself: `accepted` (stored), `duplicate` (already there; a resend is safe), `held` "
    "(kept, not counted yet, waiting for what `waiting_for` names) or `rejected` (not stored, see `errors`). Status "
    "200 says only that every row has an answer. At most 500 rows and 1 MiB. After a lost connection send the same "
    "again with the same ids. Use `position` of the answer as `at_least` when asking for numbers.",
)
BULK = Words(
    "Như `:batch`, cho việc nạp nhiều: tối đa 5.000 dòng và 16 MiB. Chỉ vài lô lớn được nhận cùng lúc; khi hết chỗ trả "
    "lời 503 `bulk_busy` với `Retry-After`. Việc gửi trực tiếp từ ứng dụng dùng `:batch`, không phải chờ các lô này.",
    "As `:batch`, for loading much: at most 5,000 rows and 16 MiB. Only a few are taken at a time; where there is no "
    "place the answer is 503 `bulk_busy` with `Retry-After`. Live work uses `:batch`, which does not wait for these.",
)
CORRECT = Words(
    "Thay toàn bộ nội dung của bản `replaces`. Dòng không gửi lại sẽ mất; `person: {keep: true}` giữ tham chiếu người "
    "mà thiết bị không còn lưu. Bản đã cũ: 409 `stale_revision` kèm trạng thái hiện tại trong `record`. Không đổi "
    "được tổ hay đối tác của bản ghi.",
    "Replaces the whole content of revision `replaces`. Lines not sent again are gone; `person: {keep: true}` keeps a "
    "reference that the device has rightly forgotten. A stale revision answers 409 `stale_revision` with the current "
    "state in `record`. The reporter of a record cannot be changed.",
)
VOID = Words(
    "Rút bản ghi khỏi mọi số liệu; lịch sử vẫn còn. Sau đó gửi lại bản gốc sẽ được trả lời `duplicate` và bản ghi vẫn "
    "bị hủy.",
    "Takes the record out of every number; its history stays. Sending the original again then answers `duplicate`, "
    "and the record stays void.",
)
HELD = Words(
    "Cho cán bộ: những bản ghi trong phạm vi của mình mà đơn vị đã bị chia trước ngày của bản ghi, kèm các đơn vị có "
    "thể chọn. Một trang có thể ít mục hơn `limit`, kể cả không có mục nào; hết khi không còn `next`.",
    "For officers: the records within their subtree whose unit was divided before the record's day, each with the "
    "units it may be. A page may hold fewer than `limit`, even none; the end is where there is no `next`.",
)
RESOLVE = Words(
    "Cho bản ghi `held` mà mã (hoặc đơn vị của tổ) chỉ một lãnh thổ đã bị chia: `waiting_for` có `choice:` hay "
    "`successor:`, `candidates` của biên nhận liệt kê các đơn vị có thể. `unit` là một trong số đó hoặc nằm trong một "
    "đơn vị đó. Bên gửi tự chọn, hoặc cán bộ có quyền `records:settle` trong phạm vi của mình. Gửi lại cùng `id` là an "
    "toàn; người đến sau nhận 409 kèm trạng thái hiện tại trong `record`.",
    "For a `held` record whose code (or whose team's unit) means territory that was divided: `waiting_for` holds "
    "`choice:` or `successor:`, and the receipt's `candidates` are the units it may be. `unit` is one of them or lies "
    "within one. Its sender says so, or an officer with `records:settle` within their subtree. A resend with the same "
    "`id` is safe; who comes later is told 409 with the current state in `record`.",
)
READ = Words(
    "Bản ghi với mọi lần sửa, mới nhất trước. Người được giúp chỉ hiện bằng loại tham chiếu, không bao giờ bằng số.",
    "The record with all its revisions, newest first. People are shown by the kinds of reference only, never by "
    "their numbers.",
)
RECEIPTS = Words(
    "Đọc lại kết quả khi câu trả lời đã bị mất: theo `id` (lặp lại được nhiều lần) hoặc theo `batch`.",
    "Reads outcomes again when an answer was lost: by `id` (may be repeated) or by `batch`.",
)
