"""Whether it will last: databases, connections, disk, memory, what is stored."""

from deploy.grafana.vocabulary import ACT, ATTENTION, WELL, Mapping, Panel, Row, Step, Target, Words

__all__ = ["LASTING"]

UP = (
    Mapping(0, Words("không trả lời", "does not answer"), ACT),
    Mapping(1, Words("sống", "alive"), WELL),
)
SHARE = (Step(WELL), Step(ATTENTION, 0.7), Step(ACT, 0.85))

LASTING = Row(
    Words("Có trụ được lâu không", "Will it last"),
    (
        Panel(
            16,
            "stat",
            Words("Cơ sở dữ liệu", "Databases"),
            Words("Như watch thấy từ bên ngoài.", "As the watch sees them from outside."),
            Words(
                "bản ghi vẫn nằm trên thiết bị và được gửi lại; đưa máy chủ trở lại, không cần gì thêm.",
                "records stay on devices and are sent again; bring the server back, nothing else.",
            ),
            "none",
            (Target("min by (database) (database_up)", "{{database}}", instant=True),),
            mappings=UP,
            alerts=("DatabaseDown",),
            height=6,
        ),
        Panel(
            13,
            "bargauge",
            Words("Kết nối đã dùng", "Connections used"),
            Words("Phần của giới hạn máy chủ.", "Share of the server's limit."),
            Words(
                "tìm tiến trình giữ nhiều trong pg_stat_activity; bớt bản hoặc hạ cỡ nhóm trước khi nâng giới hạn.",
                "find who holds many in pg_stat_activity; take replicas away or make pools smaller before "
                "raising the limit.",
            ),
            "percentunit",
            (
                Target(
                    'max by (database) (database_connections{state="used"})'
                    ' / max by (database) (database_connections{state="limit"})',
                    "{{database}}",
                    instant=True,
                ),
            ),
            steps=SHARE,
            top=1,
            alerts=("ConnectionsNearLimit",),
            height=6,
        ),
        Panel(
            14,
            "timeseries",
            Words("Nhóm kết nối", "Pools"),
            Words("Phần đang dùng của từng nhóm.", "Share in use of each pool."),
            Words(
                "gần 100 % mà truy vấn không chậm thì thêm bản; truy vấn chậm thì tìm truy vấn.",
                "near 100 % while queries are quick: add a replica; where they are slow, find which.",
            ),
            "percentunit",
            (
                Target(
                    'sum by (job, pool) (database_pool_connections{state="in_use"})'
                    ' / sum by (job, pool) (database_pool_connections{state="limit"})',
                    "{{job}} {{pool}}",
                ),
            ),
            steps=SHARE,
            top=1,
            alerts=("PoolExhausted",),
            height=6,
        ),
        Panel(
            15,
            "timeseries",
            Words("Đĩa còn trống", "Disk free"),
            Words(
                "Chỉ nơi watch thấy được ổ dữ liệu (một máy); trong cụm thì xem giám sát của cụm.",
                "Only where the watch sees the data folder (one machine); in a cluster its own monitoring does.",
            ),
            Words(
                "thêm chỗ; xoá bản sao lưu cũ theo lịch; không bao giờ xoá tệp trong thư mục của PostgreSQL.",
                "make room; drop old backups by their schedule; never delete files in PostgreSQL's folder.",
            ),
            "percentunit",
            (Target("disk_free_bytes / disk_size_bytes", "{{mount}}"),),
            steps=(Step(ACT), Step(ATTENTION, 0.05), Step(WELL, 0.2)),
            top=1,
            alerts=("DiskFilling", "DiskAlmostFull"),
        ),
        Panel(
            11,
            "timeseries",
            Words("Cỡ cơ sở dữ liệu", "Size of databases"),
            Words("Tăng đều theo số bản ghi.", "Grows steadily with the records."),
            Words(
                "tăng vọt: xem bảng nào bằng pg_total_relation_size; docs/capacity.md nói mỗi bản ghi chiếm bao nhiêu.",
                "a leap: see which table by pg_total_relation_size; docs/capacity.md says what a record takes.",
            ),
            "bytes",
            (Target("max by (database) (database_size_bytes)", "{{database}}"),),
        ),
        Panel(
            12,
            "timeseries",
            Words("WAL mỗi giây", "WAL a second"),
            Words("PostgreSQL ghi bao nhiêu.", "How much PostgreSQL writes."),
            Words(
                "cao mà ít bản ghi: một lần dựng lại hay một migration đang chạy.",
                "high with few records: something is made anew, or a migration runs.",
            ),
            "Bps",
            (Target("max by (database) (rate(database_wal_bytes_total[$__rate_interval]))", "{{database}}"),),
        ),
        Panel(
            17,
            "timeseries",
            Words("Có bao nhiêu", "How many"),
            Words("Ô, dữ kiện, người.", "Cells, facts, persons."),
            Words(
                "không tự giảm bao giờ; giảm nghĩa là cơ sở dữ liệu khác, hay đã khôi phục về trước.",
                "they never fall by themselves; a fall means another database, or one restored to an earlier moment.",
            ),
            "short",
            (
                Target("max(cells)", "ô · cells"),
                Target("max(facts)", "dữ kiện · facts"),
                Target("max(persons)", "người · persons"),
            ),
        ),
        Panel(
            19,
            "timeseries",
            Words("Bộ nhớ", "Memory"),
            Words("Của từng tiến trình.", "Of each process."),
            Words(
                "tăng mãi không dừng: khởi động lại lần lượt, giữ một bản để lấy py-spy dump.",
                "rising without end: restart one after the other, and keep one for py-spy dump.",
            ),
            "bytes",
            (Target('max by (job) (process_resident_memory_bytes{job=~".+-.+|watch"})', "{{job}}"),),
        ),
        Panel(
            18,
            "timeseries",
            Words("Vết bị bỏ", "Spans dropped"),
            Words("Vết không gửi được đến bộ thu.", "Spans that did not reach the collector."),
            Words(
                "số liệu không bị ảnh hưởng; xem bộ thu ở OTEL_EXPORTER_OTLP_ENDPOINT.",
                "numbers are not touched; look at the collector of OTEL_EXPORTER_OTLP_ENDPOINT.",
            ),
            "short",
            (Target("sum by (job) (increase(spans_dropped_total[$__rate_interval]))", "{{job}}"),),
            alerts=("SpansDropped",),
        ),
    ),
)
