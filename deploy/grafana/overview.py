"""*Tổng quan*: a light for each of the five questions, a line for each province, and whether it will last."""

from deploy.grafana.lasting import LASTING
from deploy.grafana.variables import PROVINCE, named
from deploy.grafana.vocabulary import (
    ACT,
    ATTENTION,
    UNKNOWN,
    WELL,
    Column,
    Dashboard,
    Mapping,
    Panel,
    Row,
    Step,
    Target,
    Words,
)
from libs.common.meters import QUESTIONS, Question

__all__ = ["OVERVIEW"]

LIGHTS = (
    Mapping(0, Words("tốt", "well"), WELL),
    Mapping(1, Words("nên xem", "look at it"), ATTENTION),
    Mapping(2, Words("không rõ", "unknown"), UNKNOWN),
    Mapping(3, Words("xử lý", "act"), ACT),
)
WRONG: dict[Question, Words] = {
    "flowing": Words(
        "mở *Dòng sự kiện*: chặng đầu tiên đỏ là chỗ tắc; tiến trình nào tắt thì xem nhật ký của nó rồi khởi động lại.",
        "open *Event flow*: the first hop that is red is where it stops; read the log of a process that is "
        "down, restart it.",
    ),
    "right": Words(
        "đừng sửa số bằng tay; sổ tay RecordsMissing, RecordsUnknown, RecountDiffers nói cách tìm và đếm lại.",
        "never mend a number by hand; the runbooks RecordsMissing, RecordsUnknown and RecountDiffers say how "
        "to find and recount.",
    ),
    "fast": Words(
        "mở *API & đối tác*: lớp đường nào chậm hay hỏng; rồi xem cơ sở dữ liệu và số bản đang chạy.",
        "open *API & partners*: which class of routes is slow or fails; then look at databases and the "
        "number of replicas.",
    ),
    "safe": Words(
        "mở *API & đối tác*, hàng An toàn: ai bị từ chối và ở đâu; khoá một khách hàng bằng `python -m "
        "deploy.ops client suspend`.",
        "open *API & partners*, row Safe: who is refused and where; suspend a client by `python -m "
        "deploy.ops client suspend`.",
    ),
    "lasting": Words(
        "xem các hình ở cuối trang này: cơ sở dữ liệu, kết nối, đĩa; thêm chỗ trước khi hết.",
        "look at the pictures at the end of this page: databases, connections, disk; make room before it runs out.",
    ),
}


def _light(number: int, question: Question) -> Panel:
    vi, en = QUESTIONS[question]
    return Panel(
        number,
        "stat",
        Words(vi, en),
        Words(
            "Mức xấu nhất trong các phép kiểm của câu hỏi này. Tím là không ai nói gì, không phải là tốt.",
            "The worst of this question's checks. Purple means that nobody tells, which is not well.",
        ),
        WRONG[question],
        "none",
        (Target(f'max(tungnha:light{{question="{question}"}})', instant=True),),
        width=(5, 5, 5, 5, 4)[number - 1],
        height=4,
        mappings=LIGHTS,
    )


LIGHT_ROW = Row(
    Words("Năm câu hỏi", "The five questions"),
    (
        *(_light(number, question) for number, question in enumerate(QUESTIONS, 1)),
        Panel(
            7,
            "state-timeline",
            Words("Từng phép kiểm", "Each check"),
            Words("Mỗi dòng một phép kiểm, theo thời gian.", "A line for each check, over time."),
            Words(
                "dòng đỏ sớm nhất thường là nguyên nhân; tím nghĩa là tiến trình nói ra số ấy đã tắt.",
                "the line that turned red first is usually the cause; purple means that the process that "
                "tells it is down.",
            ),
            "none",
            (Target("max by (question, check) (tungnha:check)", "{{question}} / {{check}}"),),
            width=14,
            height=12,
            mappings=LIGHTS,
        ),
        Panel(
            6,
            "table",
            Words("Báo động đang kêu", "Alerts firing"),
            Words("Bấm vào tên để mở sổ tay.", "A click on a name opens its runbook."),
            Words(
                "`page` trước, `ticket` trong giờ làm việc; sổ tay nói nhìn đâu, làm gì.",
                "`page` first, `ticket` in working hours; the runbook says where to look and what to do.",
            ),
            "none",
            (
                Target(
                    'max by (severity, question, alertname, job, province) (ALERTS{alertstate="firing"})',
                    instant=True,
                    empty="no alert fires while all is well",
                ),
            ),
            width=10,
            height=12,
            columns=(
                Column("severity", Words("Mức", "Severity")),
                Column(
                    "alertname",
                    Words("Báo động", "Alert"),
                    link="${runbooks}/${__value.text}.md",
                ),
                Column("question", Words("Câu hỏi", "Question")),
                Column("job", Words("Tiến trình", "Process")),
                Column("province", Words("Tỉnh", "Province")),
            ),
        ),
    ),
)

PROMISE_ROW = Row(
    Words("Lời hứa", "Promises"),
    (
        Panel(
            9,
            "bargauge",
            Words("Tỷ lệ hỏng trong ba ngày", "Share of failures over three days"),
            Words(
                "Hứa: ghi 0,1 %, đọc 0,5 %, số liệu đến muộn 0,5 % thời gian.",
                "Promised: writes 0.1 %, reads 0.5 %, numbers late for 0.5 % of the time.",
            ),
            Words(
                "vượt thì ngừng triển khai cái mới cho đến khi sửa xong nguyên nhân.",
                "when it is above, deploy nothing new until the cause is mended.",
            ),
            "percentunit",
            (Target("slo:failures_per_request:ratio3d", "{{slo}}", instant=True),),
            steps=(Step(WELL), Step(ATTENTION, 0.001), Step(ACT, 0.005)),
            width=8,
            top=0.01,
        ),
        Panel(
            10,
            "timeseries",
            Words("Tỷ lệ hỏng trong một giờ", "Share of failures over an hour"),
            Words("Ghi, đọc, và số liệu đến muộn quá một phút.", "Writes, reads, and numbers more than a minute late."),
            Words(
                "trên 1,44 % (ghi) hay 7,2 % (đọc, số liệu) thì có người bị gọi; xem *API & đối tác* và "
                "*Dòng sự kiện*.",
                "above 1.44 % (writes) or 7.2 % (reads, numbers) somebody is paged; see *API & partners*, "
                "*Event flow*.",
            ),
            "percentunit",
            (Target("slo:failures_per_request:ratio1h", "{{slo}}"),),
            width=16,
        ),
    ),
)

PROVINCE_ROW = Row(
    Words("Theo tỉnh", "By province"),
    (
        Panel(
            8,
            "table",
            Words("Các tỉnh", "Provinces"),
            Words(
                "Hôm nay của từng tỉnh, và số liệu đã đủ đến đâu.",
                "Today in each province, and how far its numbers are complete.",
            ),
            Words(
                "tỉnh có chiến dịch mà không có dòng nào, hay số liệu đủ đã quá ba ngày: hỏi đầu mối của "
                "tỉnh xem thiết bị "
                "nào chưa gửi; trang *Chiến dịch* có chi tiết.",
                "a province on campaign without a row, or complete only up to over three days ago: ask its "
                "officer which "
                "device has not sent; the page *Campaign* has the details.",
            ),
            "none",
            (
                Target(
                    named('max by (province) (campaign_rows_today{province=~"$province"})'),
                    instant=True,
                ),
                Target(named('max by (province) (campaign_people_today{province=~"$province"})'), instant=True),
                Target(named('max by (province) (campaign_teams_today{province=~"$province"})'), instant=True),
                Target(named('max by (province) (complete_through_age_seconds{province=~"$province"})'), instant=True),
            ),
            width=24,
            height=10,
            columns=(
                Column("name", Words("Tỉnh", "Province")),
                Column("province", Words("Mã", "Code")),
                Column("Value #A", Words("Dòng hôm nay", "Rows today"), "short"),
                Column("Value #B", Words("Người, chỉ số nhiều nhất", "People, by the greatest measure"), "short"),
                Column("Value #C", Words("Tổ đã đồng bộ", "Teams that have synced"), "short"),
                Column(
                    "Value #D",
                    Words("Đủ đến … trước", "Complete up to … ago"),
                    "s",
                    (Step(WELL), Step(ATTENTION, 86400), Step(ACT, 3 * 86400)),
                ),
            ),
        ),
    ),
)

OVERVIEW = Dashboard(
    "tungnha-overview",
    Words("Tổng quan", "Overview"),
    Words(
        "Số liệu trên cổng thông tin có tươi, đủ, đúng không: năm đèn, rồi từng tỉnh, rồi chỗ còn lại.",
        "Whether the numbers on the portal are fresh, complete and right: five lights, then provinces, then "
        "what is left.",
    ),
    (LIGHT_ROW, PROVINCE_ROW, PROMISE_ROW, LASTING),
    (PROVINCE,),
)
