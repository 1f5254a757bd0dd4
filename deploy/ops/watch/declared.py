"""Every metric of the watch."""

from libs.common.meters import CounterOf, GaugeOf

__all__ = [
    "CELLS",
    "CHECKED",
    "CONNECTIONS",
    "DEAD_LETTERS",
    "DISK_FREE",
    "DISK_SIZE",
    "FACTS",
    "GAUGES",
    "HELD",
    "HELD_OLDEST",
    "MISSING",
    "OLDEST_TRANSACTION",
    "PERSONS",
    "PROVINCE",
    "RECORDS_BY_PLACE",
    "SIZE",
    "SWEPT",
    "UNFOLDED_RECORDS",
    "UNFOLDED_SECONDS",
    "UNKNOWN",
    "UP",
    "WAL",
]

BY = "watch"

MISSING = GaugeOf(
    "conservation_missing_records",
    "right",
    BY,
    "Bản ghi trong nhật ký của visits, ở trước vị trí mà metrics đã đạt tới, nhưng không được đếm ở bản sửa đó và cũng"
    " không nằm trong dead_letters. Phải là 0; từ 10 000 trở lên nghĩa là ít nhất chừng đó.",
    "Records of visits' log before the position that metrics has reached, yet neither folded at that revision nor among"
    " the dead letters; must be 0. 10,000 means at least so many.",
)
UNKNOWN = GaugeOf(
    "conservation_unknown_records",
    "right",
    BY,
    "Bản ghi mà metrics đã đếm nhưng nhật ký của visits không biết, hoặc không biết ở bản sửa đó. Phải là 0; khác 0 khi"
    " cơ sở dữ liệu visits được khôi phục từ một thời điểm cũ.",
    "Records that metrics has folded but visits' log does not know, or not at that revision; must be 0. It is not where"
    " visits' database was restored to an earlier moment.",
)
RECORDS_BY_PLACE = GaugeOf(
    "conservation_records",
    "right",
    BY,
    "Bản ghi mới nhất theo nơi đang nằm: log = folded + waiting + dead (+ thiếu). Có sau lượt quét trọn đầu tiên.",
    "Records, each at its newest state, by place: log = folded + waiting + dead (+ missing). Known after the first"
    " whole sweep; a device's progress is a record, too.",
    ("place",),
)
CHECKED = CounterOf(
    "conservation_checked_records_total",
    "right",
    BY,
    "Số lần một bản ghi được đối chiếu, cả hai chiều.",
    "Times that a record was compared, in either direction.",
)
SWEPT = GaugeOf(
    "conservation_swept_seconds",
    "right",
    BY,
    "Lượt đối chiếu trọn vẹn gần nhất đã xong bao lâu.",
    "Age of the last whole comparison of the log with what is folded.",
)
UNFOLDED_SECONDS = GaugeOf(
    "log_unfolded_seconds",
    "flowing",
    BY,
    "Tuổi của dòng cũ nhất trong nhật ký visits mà metrics chưa đếm; 0 nếu không có. Đúng cả khi consumer đã chết.",
    "Age of the oldest row of visits' log that metrics has not folded; 0 without one. True also while the consumer is"
    " dead.",
)
UNFOLDED_RECORDS = GaugeOf(
    "log_unfolded_records",
    "flowing",
    BY,
    "Số bản ghi trong nhật ký visits mà metrics chưa đếm; trên 20 000 thì là số dòng, gần đúng.",
    "Records of visits' log that metrics has not folded yet; above 20,000 it is rows, nearly.",
)
HELD = GaugeOf(
    "held_records",
    "right",
    BY,
    "Bản ghi đang bị giữ, theo điều đầu tiên mà nó chờ (team, unit, choice, successor, wave, model).",
    "Records that are held, by the first thing that they wait for (team, unit, choice, successor, wave, model).",
    ("waiting_for",),
)
HELD_OLDEST = GaugeOf(
    "held_oldest_seconds",
    "right",
    BY,
    "Bản ghi bị giữ lâu nhất đã được nhận bao lâu; sau 30 ngày nó hết hạn.",
    "How long ago the record that has been held longest was received; it expires after 30 days.",
    ("waiting_for",),
)
DEAD_LETTERS = GaugeOf(
    "dead_letters",
    "flowing",
    BY,
    "Sự kiện mà metrics không xử lý được, đang nằm trong dead_letters.",
    "Events that metrics could not process and has put aside.",
    ("topic",),
)
OLDEST_TRANSACTION = GaugeOf(
    "database_oldest_transaction_seconds",
    "flowing",
    BY,
    "Giao dịch ghi đang mở lâu nhất, kể cả giao dịch đã chuẩn bị (prepared): nó giữ relay lại. Cần quyền pg_monitor.",
    "Age of the oldest open transaction that writes, a prepared one too: it holds the relays back. Needs pg_monitor.",
    ("database",),
)
UP = GaugeOf(
    "database_up",
    "flowing",
    BY,
    "1 nếu cơ sở dữ liệu trả lời watch, 0 nếu không.",
    "1 where the database answers the watch, else 0.",
    ("database",),
)
CONNECTIONS = GaugeOf(
    "database_connections",
    "lasting",
    BY,
    "Kết nối đang dùng và giới hạn, của cả máy chủ chứa cơ sở dữ liệu.",
    "Connections in use and their limit, of the whole server that holds the database.",
    ("database", "state"),
)
SIZE = GaugeOf(
    "database_size_bytes",
    "lasting",
    BY,
    "Dung lượng của cơ sở dữ liệu.",
    "Size of the database.",
    ("database",),
)
WAL = CounterOf(
    "database_wal_bytes_total",
    "lasting",
    BY,
    "WAL mà máy chủ đã ghi từ khi watch bắt đầu nhìn.",
    "WAL written by the server that holds the database, since the watch began to look.",
    ("database",),
)
CELLS = GaugeOf(
    "cells",
    "lasting",
    BY,
    "Số ô đếm, theo ước lượng của PostgreSQL (ANALYZE gần nhất).",
    "Cells, as PostgreSQL estimates (at its last ANALYZE).",
)
FACTS = GaugeOf(
    "facts",
    "lasting",
    BY,
    "Số dữ kiện, kể cả đã bị thay, theo ước lượng của PostgreSQL.",
    "Facts, also those replaced since, as PostgreSQL estimates.",
)
PERSONS = GaugeOf(
    "persons",
    "lasting",
    BY,
    "Số bí danh của người, theo ước lượng của PostgreSQL.",
    "Pseudonyms of people, as PostgreSQL estimates.",
)
PROVINCE = GaugeOf(
    "province_info",
    "flowing",
    BY,
    "Luôn là 1: mã và tên của tỉnh, thành hôm nay.",
    "Always 1: code and name of a province of today.",
    ("province", "name"),
)
DISK_FREE = GaugeOf(
    "disk_free_bytes",
    "lasting",
    BY,
    "Chỗ trống trên đĩa chứa dữ liệu; chỉ khi watch nhìn thấy đĩa đó.",
    "Room left on the disk that holds the data; only where the watch can see it.",
    ("mount",),
)
DISK_SIZE = GaugeOf(
    "disk_size_bytes",
    "lasting",
    BY,
    "Dung lượng của đĩa chứa dữ liệu; chỉ khi watch nhìn thấy đĩa đó.",
    "Size of the disk that holds the data; only where the watch can see it.",
    ("mount",),
)

GAUGES = (
    MISSING,
    UNKNOWN,
    RECORDS_BY_PLACE,
    SWEPT,
    UNFOLDED_SECONDS,
    UNFOLDED_RECORDS,
    HELD,
    HELD_OLDEST,
    DEAD_LETTERS,
    OLDEST_TRANSACTION,
    UP,
    CONNECTIONS,
    SIZE,
    CELLS,
    FACTS,
    PERSONS,
    PROVINCE,
    DISK_FREE,
    DISK_SIZE,
)
