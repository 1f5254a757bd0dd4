"""The hops: processes, the log and its relay, the fold."""

from deploy.grafana.vocabulary import ACT, ATTENTION, MUST_BE_ZERO, WELL, Mapping, Panel, Row, Step, Target, Words

__all__ = ["FOLD", "LOG", "PROCESSES"]

ANSWERS = (
    Mapping(0, Words("không trả lời", "does not answer"), ACT),
    Mapping(1, Words("sống", "alive"), WELL),
)

PROCESSES = Row(
    Words("Tiến trình", "Processes"),
    (
        Panel(
            1,
            "state-timeline",
            Words("Có trả lời không", "Do they answer"),
            Words(
                "Đỏ là không bản nào trả lời; trống là không ai hỏi nó nữa.",
                "Red: no replica answers; empty: nobody asks it any more.",
            ),
            Words(
                "đọc những dòng nhật ký cuối của nó, rồi khởi động lại.",
                "read the last lines of its log, then restart it.",
            ),
            "none",
            (Target('max by (job) (up{job=~"$job"})', "{{job}}"),),
            mappings=ANSWERS,
            alerts=("JobDown", "TargetDown", "WatchDown"),
            width=16,
            height=9,
        ),
        Panel(
            2,
            "timeseries",
            Words("Khởi động lại trong một giờ", "Restarts within an hour"),
            Words("Mỗi lần triển khai là một.", "Each deployment is one."),
            Words(
                "lặp lại: dòng cuối của nhật ký nói nó không vượt qua được điều gì.",
                "again and again: the last line of its log says what it cannot get past.",
            ),
            "short",
            (Target('max by (job) (changes(process_start_time_seconds{job=~"$job"}[1h]))', "{{job}}"),),
            steps=(Step(WELL), Step(ATTENTION, 2), Step(ACT, 5)),
            alerts=("ProcessRestarting",),
            height=9,
        ),
    ),
)

LOG = Row(
    Words("Nhận, nhật ký, Kafka", "Received, log, Kafka"),
    (
        Panel(
            3,
            "timeseries",
            Words("Dòng đã nhận", "Rows received"),
            Words("Theo kết quả và nguồn.", "By outcome and source."),
            Words(
                "nhiều `rejected`: xem mã lỗi trong trả lời cho khách hàng; nhiều `held`: xem hàng chờ ở dưới.",
                "many `rejected`: see the error codes of the answers; many `held`: see what waits below.",
            ),
            "reqps",
            (
                Target(
                    "sum by (outcome, source) (rate(records_received_total[$__rate_interval]))",
                    "{{outcome}} {{source}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            4,
            "timeseries",
            Words("Nhật ký chưa gửi, lâu nhất", "Oldest row of the log unsent"),
            Words("Dòng cũ nhất mà Kafka chưa nhận.", "The oldest row that Kafka has not acknowledged."),
            Words(
                "Kafka có trả lời không, có giao dịch ghi nào kéo dài không, có relay nào dẫn đầu không.",
                "does Kafka answer, is a writing transaction long, does a relay lead.",
            ),
            "s",
            (Target('max by (job) (log_oldest_unpublished_seconds{job=~"$job"})', "{{job}}"),),
            steps=(Step(WELL), Step(ATTENTION, 30), Step(ACT, 60)),
            alerts=("RelayStuck",),
        ),
        Panel(
            7,
            "timeseries",
            Words("Giao dịch ghi lâu nhất", "Oldest writing transaction"),
            Words("Relay chỉ đọc nhật ký đến trước nó.", "The relay reads the log below it only."),
            Words(
                "tìm trong pg_stat_activity; kết thúc nó bằng pg_terminate_backend nếu là một phiên bị bỏ quên.",
                "find it in pg_stat_activity; end it by pg_terminate_backend where it is a forgotten session.",
            ),
            "s",
            (Target("max by (database) (database_oldest_transaction_seconds)", "{{database}}"),),
            steps=(Step(WELL), Step(ATTENTION, 30), Step(ACT, 120)),
            alerts=("LongWritingTransaction",),
        ),
        Panel(
            5,
            "timeseries",
            Words("Sự kiện đã gửi", "Events published"),
            Words("Kafka đã nhận, theo loại.", "Acknowledged by Kafka, by type."),
            Words(
                "bằng 0 trong khi vẫn nhận dòng: xem hình bên trên.",
                "0 while rows are received: see the picture above.",
            ),
            "reqps",
            (Target('sum by (type) (rate(events_published_total{job=~"$job"}[$__rate_interval]))', "{{type}}"),),
            stacked=True,
        ),
        Panel(
            6,
            "timeseries",
            Words("Relay bắt đầu lại", "Relays beginning again"),
            Words("Mỗi lần nó gửi lại từ vị trí đã lưu.", "Each time it sends again from the stored position."),
            Words(
                "xem nhật ký của relay: Kafka từ chối hay không trả lời.",
                "see the relay's log: Kafka refuses, or is away.",
            ),
            "short",
            (Target('sum by (job) (increase(relay_failures_total{job=~"$job"}[15m]))', "{{job}}"),),
            steps=(Step(WELL), Step(ATTENTION, 1), Step(ACT, 6)),
            alerts=("RelayFailing",),
        ),
        Panel(
            11,
            "stat",
            Words("Sự kiện để riêng", "Dead letters"),
            Words("Không đọc được nên không đếm.", "Unreadable, so not counted."),
            Words(
                "`python -m deploy.ops dead-letters list` nói vì sao; gửi lại sau khi chạy bản đã sửa.",
                "`python -m deploy.ops dead-letters list` says why; redrive once a mended version runs.",
            ),
            "short",
            (Target("sum by (topic) (dead_letters)", "{{topic}}", instant=True),),
            steps=MUST_BE_ZERO,
            alerts=("DeadLetters",),
        ),
    ),
)

FOLD = Row(
    Words("Gộp: từ Kafka đến con số", "Fold: from Kafka to the number"),
    (
        Panel(
            12,
            "timeseries",
            Words("Nhận rồi mà chưa đếm, lâu nhất", "Accepted but not counted, for how long"),
            Words(
                "Watch so hai cơ sở dữ liệu, nên đúng cả khi tiến trình gộp đã tắt.",
                "The watch compares two databases, so it is true also while the consumer is dead.",
            ),
            Words(
                "đi ngược lên: tiến trình gộp, Kafka, relay, giao dịch ghi.",
                "go upwards: the consumer, Kafka, the relay, writing transactions.",
            ),
            "s",
            (Target("max(log_unfolded_seconds)", "giây · seconds"),),
            steps=(Step(WELL), Step(ATTENTION, 60), Step(ACT, 300)),
            alerts=("NumbersLateFast", "NumbersLateSlowly"),
        ),
        Panel(
            13,
            "timeseries",
            Words("Nhận rồi mà chưa đếm, bao nhiêu", "Accepted but not counted, how many"),
            Words("Bản ghi giữa nhật ký và phép gộp.", "Records between the log and the fold."),
            Words("tăng mãi: như hình bên trái.", "rising: as the picture to the left."),
            "short",
            (Target("max(log_unfolded_records)", "bản ghi · records"),),
        ),
        Panel(
            8,
            "timeseries",
            Words("Sự kiện ở phía trước", "Events ahead"),
            Words("Tiến trình chưa đọc đến.", "Not yet read by the consumer."),
            Words(
                "tăng mà không xử lý gì: khởi động lại; xử lý mà vẫn tăng: xem giây mỗi mẻ, thêm bản đến số phân vùng.",
                "rising with nothing handled: restart it; rising while it handles: see seconds a batch, add "
                "replicas up to "
                "the number of partitions.",
            ),
            "short",
            (Target('sum by (job, topic) (consumer_behind_events{job=~"$job"})', "{{job}} {{topic}}"),),
            steps=(Step(WELL), Step(ATTENTION, 1000), Step(ACT, 10000)),
            alerts=("ConsumerStuck", "ConsumerBehind"),
        ),
        Panel(
            9,
            "timeseries",
            Words("Tuổi của sự kiện khi được xử lý", "Age of events when handled"),
            Words("Từ lúc ghi vào Kafka.", "Since they were written to Kafka."),
            Words("cao sau một lần gửi lại tất cả thì tự hết.", "high after an announce heals by itself."),
            "s",
            (Target('max by (topic) (event_age_seconds{job=~"$job"})', "{{topic}}"),),
        ),
        Panel(
            10,
            "timeseries",
            Words("Sự kiện đã xử lý", "Events handled"),
            Words("Theo chủ đề và kết quả.", "By topic and outcome."),
            Words("`dead` tăng: xem Sự kiện để riêng.", "`dead` rising: see Dead letters."),
            "reqps",
            (
                Target(
                    'sum by (topic, outcome) (rate(events_handled_total{job=~"$job"}[$__rate_interval]))',
                    "{{topic}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            14,
            "heatmap",
            Words("Giây mỗi mẻ", "Seconds a batch"),
            Words("Một giao dịch gộp một mẻ.", "One transaction folds one batch."),
            Words(
                "lâu hơn 2 giây: cơ sở dữ liệu metrics bận hay bảng cần VACUUM.",
                "longer than 2 seconds: the metrics database is busy, or a table wants VACUUM.",
            ),
            "s",
            (Target("sum by (le) (increase(fold_batch_seconds_bucket[$__rate_interval]))", "{{le}}"),),
            alerts=("FoldSlow",),
        ),
        Panel(
            15,
            "timeseries",
            Words("Sự kiện mỗi mẻ", "Events a batch"),
            Words("Trung bình; mẻ lớn là đang đuổi kịp.", "On average; large batches mean catching up."),
            Words("mẻ nhỏ mà vẫn chậm: không phải do nhiều việc.", "small batches and still late: it is not the load."),
            "short",
            (
                Target(
                    "sum(increase(fold_batch_events_sum[$__rate_interval]))"
                    " / sum(increase(fold_batch_events_count[$__rate_interval]))",
                    "sự kiện · events",
                ),
            ),
        ),
    ),
)
