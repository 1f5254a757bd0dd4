"""Whether what came through was counted rightly; what waits; what each process knows."""

from deploy.grafana.vocabulary import ACT, ATTENTION, MUST_BE_ZERO, WELL, Mapping, Panel, Row, Step, Target, Words

__all__ = ["RIGHT", "ROLLUPS"]

KNOWS = (
    Mapping(0, Words("chưa", "not yet"), ACT),
    Mapping(1, Words("đủ", "all"), WELL),
)

RIGHT = Row(
    Words("Có đúng không", "Is it right"),
    (
        Panel(
            16,
            "stat",
            Words("Thiếu, và không rõ từ đâu", "Missing, and of unknown origin"),
            Words(
                "Thiếu: có trong nhật ký mà không được đếm. Lạ: được đếm mà nhật ký không biết. Cả hai phải là 0.",
                "Missing: in the log, not counted. Unknown: counted, the log does not know them. Both must be 0.",
            ),
            Words(
                "thiếu: `python -m deploy.ops announce --service visits` gửi lại tất cả; lạ: xem sổ tay trước khi "
                "làm gì.",
                "missing: `python -m deploy.ops announce --service visits` sends everything again; unknown: read the "
                "runbook first.",
            ),
            "short",
            (
                Target("max(conservation_missing_records)", "thiếu · missing", instant=True),
                Target("max(conservation_unknown_records)", "lạ · unknown", instant=True),
            ),
            steps=MUST_BE_ZERO,
            alerts=("RecordsMissing", "RecordsUnknown"),
        ),
        Panel(
            17,
            "timeseries",
            Words("Bản ghi ở đâu", "Where records are"),
            Words(
                "Nhật ký = đã gộp + chưa gộp + để riêng.",
                "Log = folded + waiting + dead.",
            ),
            Words("xem hình bên trái.", "see the picture to the left."),
            "short",
            (Target("max by (place) (conservation_records)", "{{place}}"),),
        ),
        Panel(
            18,
            "timeseries",
            Words("Từ lần đối chiếu trọn vẹn", "Since the last whole comparison"),
            Words(
                "Mọi bản ghi của nhật ký và mọi bản ghi đã gộp; có sau lần đầu trọn vẹn.",
                "All of the log and all that was folded; known after the first whole one.",
            ),
            Words(
                "tăng mãi: watch không đọc được một cơ sở dữ liệu; xem nhật ký của nó.",
                "rising without end: the watch cannot read a database; see its log.",
            ),
            "s",
            (Target("max(conservation_swept_seconds)", "giây · seconds"),),
            steps=(Step(WELL), Step(ATTENTION, 12 * 3600), Step(ACT, 24 * 3600)),
            alerts=("ConservationNotChecked",),
        ),
        Panel(
            19,
            "stat",
            Words("Ô khác với dữ kiện", "Cells that differ from their facts"),
            Words("Một phần các ô được đếm lại liên tục.", "A sample of cells is recounted all the time."),
            Words(
                "`python -m deploy.ops recount` chỉ ra ô nào; rồi `python -m deploy.ops replay`.",
                "`python -m deploy.ops recount` shows which; then `python -m deploy.ops replay`.",
            ),
            "short",
            (
                Target("sum(recount_different_cells)", "ô · cells", instant=True),
                Target("sum(recount_different_rollups)", "tổng hợp · roll-ups", instant=True),
            ),
            steps=MUST_BE_ZERO,
            alerts=("RecountDiffers",),
        ),
        Panel(
            20,
            "timeseries",
            Words("Ô đã đếm lại", "Cells recounted"),
            Words("Mỗi giây, theo kết quả.", "A second, by outcome."),
            Words(
                "bằng 0: tiến trình gộp đang tắt hay đứng.",
                "0: the metrics consumer is down or stands still.",
            ),
            "reqps",
            (Target("sum by (outcome) (rate(recount_cells_total[$__rate_interval]))", "{{outcome}}"),),
            alerts=("RecountNotRunning",),
        ),
        Panel(
            21,
            "timeseries",
            Words("Bản ghi đang chờ", "Records held"),
            Words("Theo điều chúng chờ.", "By what they wait for."),
            Words(
                "nạp tổ hay đơn vị còn thiếu; hoặc quyết định (docs/operating.md).",
                "load the team or unit that is missing; or decide (docs/operating.md).",
            ),
            "short",
            (Target("sum by (waiting_for) (held_records)", "{{waiting_for}}"),),
            stacked=True,
        ),
        Panel(
            22,
            "timeseries",
            Words("Chờ lâu nhất", "Held the longest"),
            Words("Sau 30 ngày bản ghi hết hạn.", "After 30 days a record expires."),
            Words(
                "như trên; còn bao nhiêu ngày thì hình này nói.", "as above; this picture says how many days are left."
            ),
            "s",
            (Target("max by (waiting_for) (held_oldest_seconds)", "{{waiting_for}}"),),
            steps=(Step(WELL), Step(ATTENTION, 7 * 86400), Step(ACT, 21 * 86400)),
            alerts=("HeldTooLong",),
        ),
        Panel(
            23,
            "state-timeline",
            Words("Có biết đủ danh mục không", "Do they know the reference data"),
            Words("Bản sao các chủ đề của registry.", "Each process's picture of the registry's topics."),
            Words(
                "chờ vài phút sau khi khởi động; lâu hơn thì xem relay của registry và Kafka.",
                "wait some minutes after a start; longer: see the registry's relay, and Kafka.",
            ),
            "none",
            (Target('max by (job) (replica_ready{job=~"$job"})', "{{job}}"),),
            mappings=KNOWS,
            alerts=("ReplicaNotReady",),
        ),
        Panel(
            24,
            "timeseries",
            Words("Sự kiện không hiểu", "Events not understood"),
            Words("Phiên bản này không đọc được chúng.", "This version cannot read them."),
            Words("triển khai cùng một phiên bản ở mọi nơi.", "deploy one version everywhere."),
            "short",
            (
                Target(
                    'sum by (job, topic) (replica_events_total{outcome="unprocessable", job=~"$job"})',
                    "{{job}} {{topic}}",
                    empty="nobody has met an event that it cannot read",
                ),
            ),
            alerts=("UnprocessableEvents",),
        ),
    ),
)

ROLLUPS = Row(
    Words("Bảng tổng hợp", "Roll-ups"),
    (
        Panel(
            25,
            "timeseries",
            Words("Thay đổi chưa vào bảng tổng hợp", "Changes not in the roll-ups yet"),
            Words("Nhiều thì câu hỏi chậm, không sai.", "Many make queries slow, not wrong."),
            Words(
                "không giảm: `python -m services.metrics rollups status`, rồi nhật ký của tiến trình gộp.",
                "not falling: `python -m services.metrics rollups status`, then the log of the metrics consumer.",
            ),
            "short",
            (Target("max(rollup_outstanding_entries)", "thay đổi · changes"),),
            steps=(Step(WELL), Step(ATTENTION, 10000), Step(ACT, 50000)),
            alerts=("RollupsBehind",),
            width=12,
        ),
        Panel(
            26,
            "timeseries",
            Words("Đơn vị chưa có bảng tổng hợp", "Units without roll-ups"),
            Words("Câu hỏi về chúng đọc từng ô.", "Queries about them read cells."),
            Words(
                "sau migration thì tự hết; quá một giờ thì xem nhật ký.",
                "after a migration it heals by itself; after an hour see the log.",
            ),
            "short",
            (Target("max(rollup_unready_units)", "đơn vị · units"),),
            alerts=("RollupsUnready",),
            width=12,
        ),
    ),
)
