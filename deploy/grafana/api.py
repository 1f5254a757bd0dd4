"""*API & đối tác*: each class of routes and kind of client; what is slow, what fails, who is refused."""

from deploy.grafana.variables import JOB
from deploy.grafana.vocabulary import ACT, ATTENTION, WELL, Column, Dashboard, Panel, Row, Step, Target, Words

__all__ = ["API"]

OF_JOB = 'job=~"$job"'
GATEWAY = 'job="gateway-api"'


def _quantile(share: float) -> str:
    rate = f"sum by (le, route_class) (rate(http_request_seconds_bucket{{{GATEWAY}}}[$__rate_interval]))"
    return f"histogram_quantile({share}, {rate})"


TRAFFIC = Row(
    Words("Lưu lượng và tốc độ", "Traffic and speed"),
    (
        Panel(
            1,
            "timeseries",
            Words("Yêu cầu ở cửa vào", "Requests at the gateway"),
            Words("Mỗi giây, theo lớp đường.", "A second, by class of routes."),
            Words(
                "bằng 0 vào giờ làm việc: cửa vào hay đường mạng trước nó; tăng vọt: xem loại khách hàng.",
                "0 in working hours: the gateway, or the network before it; a leap: see kinds of clients.",
            ),
            "reqps",
            (
                Target(
                    f"sum by (route_class) (rate(http_request_seconds_count{{{GATEWAY}}}[$__rate_interval]))",
                    "{{route_class}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            2,
            "timeseries",
            Words("Tỷ lệ hỏng (5xx)", "Share of failures (5xx)"),
            Words(
                "Của ghi và đọc, trong 5 phút; không ai hỏi thì trống.",
                "Of writes and reads over 5 minutes; empty where nobody asks.",
            ),
            Words(
                "503: cơ sở dữ liệu hay một dịch vụ không trả lời; 500: lỗi của ta, nhật ký có `request.failed`.",
                "503: a database or a service is away; 500: a fault of ours, the log has `request.failed`.",
            ),
            "percentunit",
            (Target('slo:failures_per_request:ratio5m{slo=~"writes|reads"}', "{{slo}}"),),
            steps=(Step(WELL), Step(ATTENTION, 0.001), Step(ACT, 0.0144)),
            alerts=("WritesFailingFast", "WritesFailingSlowly", "ReadsFailingFast", "ReadsFailingSlowly"),
        ),
        Panel(
            3,
            "timeseries",
            Words("Chậm nhất 1 %", "The slowest 1 %"),
            Words(
                "Phân vị 99 ở cửa vào; chấm là ví dụ, bấm để mở vết.",
                "The 99th percentile at the gateway; a dot is an example, a click opens its trace.",
            ),
            Words(
                "một lớp chậm: mở một ví dụ; mọi lớp chậm: bộ xử lý, nhóm kết nối, cơ sở dữ liệu.",
                "one class is slow: open an example; all are: processors, pools, databases.",
            ),
            "s",
            (Target(_quantile(0.99), "{{route_class}}", exemplars=True),),
            steps=(Step(WELL), Step(ATTENTION, 1), Step(ACT, 3)),
            alerts=("WritesSlow", "QueriesSlow"),
        ),
        Panel(
            4,
            "timeseries",
            Words("Thường gặp", "The usual"),
            Words("Phân vị 50 ở cửa vào.", "The median at the gateway."),
            Words(
                "tăng đều theo tuần: xem docs/performance.md và số bản.",
                "rising by the week: see docs/performance.md, replicas.",
            ),
            "s",
            (Target(_quantile(0.5), "{{route_class}}"),),
        ),
        Panel(
            5,
            "heatmap",
            Words("Mọi yêu cầu, theo thời gian trả lời", "All requests, by time of answer"),
            Words("Của các tiến trình đã chọn.", "Of the processes chosen."),
            Words(
                "hai dải tách rời: một phần yêu cầu chờ điều gì đó, thường là một nhóm kết nối.",
                "two bands apart: some requests wait for something, often a pool.",
            ),
            "s",
            (
                Target(
                    f"sum by (le) (increase(http_request_seconds_bucket{{{OF_JOB}}}[$__rate_interval]))",
                    "{{le}}",
                    exemplars=True,
                ),
            ),
        ),
        Panel(
            10,
            "timeseries",
            Words("Giây mỗi câu hỏi", "Seconds a query"),
            Words("Phân vị 95 trong metrics, theo loại.", "The 95th percentile within metrics, by kind."),
            Words(
                "`metrics` chậm: bảng tổng hợp có kịp không (*Dòng sự kiện*).",
                "`metrics` is slow: do roll-ups keep up (*Event flow*).",
            ),
            "s",
            (
                Target(
                    "histogram_quantile(0.95, sum by (le, kind) (rate(query_seconds_bucket[$__rate_interval])))",
                    "{{kind}}",
                ),
            ),
        ),
    ),
)

PARTNERS = Row(
    Words("Khách hàng và đối tác", "Clients and partners"),
    (
        Panel(
            6,
            "timeseries",
            Words("Theo loại khách hàng", "By kind of client"),
            Words("Mỗi giây ở cửa vào.", "A second at the gateway."),
            Words(
                "một loại biến mất: khoá hết hạn, hay đối tác dừng gửi; gọi họ.",
                "a kind disappears: its secrets ended, or a partner stopped; call them.",
            ),
            "reqps",
            (
                Target(
                    f"sum by (client_kind) (rate(http_requests_total{{{GATEWAY}}}[$__rate_interval]))",
                    "{{client_kind}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            8,
            "timeseries",
            Words("Bị hạn chế (429)", "Limited (429)"),
            Words("Quá hạn mức, theo loại khách hàng.", "Over their quota, by kind of client."),
            Words(
                "họ gửi lại sau Retry-After; lâu dài thì bàn lại hạn mức hay cách gửi.",
                "they send again after Retry-After; for long: talk about the quota, or how they send.",
            ),
            "reqps",
            (
                Target(
                    f'sum by (client_kind) (rate(http_requests_total{{{GATEWAY}, status="429"}}[$__rate_interval]))',
                    "{{client_kind}}",
                    empty="nobody is over a quota",
                ),
            ),
            alerts=("ManyLimited",),
        ),
        Panel(
            9,
            "table",
            Words("Thao tác, một giờ qua", "Operations, the last hour"),
            Words("Bao nhiêu, và bao nhiêu hỏng.", "How many, and how many failed."),
            Words("thao tác hỏng nhiều nhất: tìm nó trong nhật ký.", "the one that fails most: find it in the log."),
            "none",
            (
                Target(f"sum by (operation) (increase(http_requests_total{{{GATEWAY}}}[1h]))", instant=True),
                Target(
                    f'sum by (operation) (increase(http_requests_total{{{GATEWAY}, status=~"5.."}}[1h]))',
                    instant=True,
                    empty="nothing failed",
                ),
            ),
            columns=(
                Column("operation", Words("Thao tác", "Operation")),
                Column("Value #A", Words("Yêu cầu", "Requests"), "short"),
                Column("Value #B", Words("Hỏng", "Failed"), "short"),
            ),
        ),
    ),
)

SAFE = Row(
    Words("An toàn", "Safe"),
    (
        Panel(
            7,
            "timeseries",
            Words("Bị từ chối (401, 403)", "Refused (401, 403)"),
            Words("Mỗi giây, theo thao tác.", "A second, by operation."),
            Words(
                "401 nhiều ở cấp thẻ: có người dò, hạn chế ở ingress; 403: khách hàng nào hỏi điều không "
                "phải của mình.",
                "many 401 at tokens: somebody tries, limit at the ingress; 403: who asks for what is not its own.",
            ),
            "reqps",
            (
                Target(
                    "sum by (status, operation) "
                    f'(rate(http_requests_total{{{GATEWAY}, status=~"401|403"}}[$__rate_interval]))',
                    "{{status}} {{operation}}",
                    empty="nobody was refused",
                ),
            ),
            alerts=("ManyUnauthorized", "ManyForbidden"),
            width=12,
        ),
        Panel(
            11,
            "timeseries",
            Words("Nhật ký kiểm toán", "Audit log"),
            Words(
                "Dòng mới trong một giờ, theo việc; mỗi bản đếm cả bảng.",
                "New rows within an hour, by action; every replica counts the whole table.",
            ),
            Words(
                "nhiều `member.read`: `GET /v1/audit` nói ai đọc tên; hỏi họ, khoá nếu cần.",
                "many `member.read`: `GET /v1/audit` says who reads names; ask them, suspend where needed.",
            ),
            "short",
            (Target("max by (action) (increase(audit_rows_total[1h]))", "{{action}}"),),
            alerts=("MembersReadOften",),
            width=12,
        ),
    ),
)

API = Dashboard(
    "tungnha-api",
    Words("API & đối tác", "API & partners"),
    Words(
        "Cửa vào theo lớp đường và loại khách hàng: nhanh không, hỏng không, ai bị từ chối hay hạn chế.",
        "The gateway by class of routes and kind of client: is it quick, does it fail, who is refused or limited.",
    ),
    (TRAFFIC, PARTNERS, SAFE),
    (JOB,),
)
