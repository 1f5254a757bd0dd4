"""*Chiến dịch*: what a province's own people want to see each evening."""

from deploy.grafana.variables import PROVINCE, named
from deploy.grafana.vocabulary import ACT, ATTENTION, WELL, Column, Dashboard, Panel, Row, Step, Target, Words

__all__ = ["CAMPAIGN"]

NOT_OF_THE_SYSTEM = Words(
    "nếu các tỉnh khác vẫn có số thì hỏi đội của mình: đã gửi chưa, có mạng không; nếu tỉnh nào cũng trống "
    "thì báo người "
    "vận hành xem *Tổng quan*.",
    "where other provinces have numbers, ask your own teams: have they sent, is there a network; where all are empty, "
    "tell the operators to look at *Overview*.",
)


def _today(number: int, metric: str, title: Words, shows: Words) -> Panel:
    return Panel(
        number,
        "stat",
        title,
        shows,
        NOT_OF_THE_SYSTEM,
        "short",
        (Target(named(f'max by (province) ({metric}{{province=~"$province"}})'), "{{name}}", instant=True),),
        height=6,
    )


def _by_measure(number: int, metric: str, title: Words, shows: Words) -> Panel:
    return Panel(
        number,
        "bargauge",
        title,
        shows,
        NOT_OF_THE_SYSTEM,
        "short",
        (
            Target(
                f'max by (province, measure) ({metric}{{province=~"$province"}})'
                " * on (province) group_left (name) max by (province, name) (province_info)",
                "{{name}} {{measure}}",
                instant=True,
            ),
        ),
        width=12,
        height=10,
    )


CAMPAIGN = Dashboard(
    "tungnha-campaign",
    Words("Chiến dịch", "Campaign"),
    Words(
        "Hôm nay của tỉnh: nhận được bao nhiêu, đếm được bao nhiêu lượt và người, tổ nào đã gửi. Số chính "
        "thức, có phạm vi và "
        "nguồn, ở cổng thông tin; đây là để theo dõi trong ngày.",
        "A province's today: what came in, how many encounters and people were counted, which teams have "
        "sent. Official "
        "numbers, with scope and source, are the portal's; these are to follow the day by.",
    ),
    (
        Row(
            Words("Hôm nay", "Today"),
            (
                _today(
                    1,
                    "campaign_rows_today",
                    Words("Dòng đã nhận", "Rows received"),
                    Words(
                        "Nhận được hôm nay (giờ Việt Nam), việc có thể đã xảy ra từ trước.",
                        "Received today (Vietnam's day); the work may be of earlier days.",
                    ),
                ),
                _today(
                    4,
                    "campaign_teams_today",
                    Words("Tổ đã đồng bộ", "Teams that have synced"),
                    Words(
                        "Bao nhiêu tổ có bản ghi nhận được hôm nay.", "Of how many teams a record was received today."
                    ),
                ),
                Panel(
                    6,
                    "stat",
                    Words("Số liệu đủ đến … trước", "Complete up to … ago"),
                    Words(
                        "Đến lúc đó mọi thiết bị và đối tác đã gửi hết; sau đó có thể còn thiếu.",
                        "Until then every device and partner has sent everything; later some may be missing.",
                    ),
                    Words(
                        "tìm thiết bị chưa gửi; thiết bị mất hẳn giữ mốc này lại mãi, số đã có vẫn đúng.",
                        "find the device that has not sent; a lost one holds this back for good, what is "
                        "there is right.",
                    ),
                    "s",
                    (
                        Target(
                            named('max by (province) (complete_through_age_seconds{province=~"$province"})'),
                            "{{name}}",
                            instant=True,
                        ),
                    ),
                    steps=(Step(WELL), Step(ATTENTION, 86400), Step(ACT, 3 * 86400)),
                    alerts=("CompleteThroughStale",),
                    height=6,
                ),
                _by_measure(
                    2,
                    "campaign_turns_today",
                    Words("Lượt, theo chỉ số", "Encounters, by measure"),
                    Words(
                        "Trong các bản ghi nhận hôm nay; chỉ cộng những chỉ số cùng đơn vị.",
                        "Of records received today; add up only measures of one unit of count.",
                    ),
                ),
                _by_measure(
                    3,
                    "campaign_people_today",
                    Words("Người, theo chỉ số", "People, by measure"),
                    Words(
                        "Mỗi người một lần trong mỗi chỉ số: không cộng các chỉ số với nhau. Quá ít thì không hiện.",
                        "Everybody once in each measure: do not add measures up. Where they are few nothing is shown.",
                    ),
                ),
            ),
        ),
        Row(
            Words("Trong ngày", "Through the day"),
            (
                Panel(
                    5,
                    "timeseries",
                    Words("Dòng đã nhận trong ngày", "Rows received through the day"),
                    Words("Bắt đầu lại từ 0 lúc nửa đêm giờ Việt Nam.", "Begins at 0 again at midnight in Vietnam."),
                    NOT_OF_THE_SYSTEM,
                    "short",
                    (
                        Target(
                            named('max by (province) (campaign_rows_today{province=~"$province"})'),
                            "{{name}}",
                        ),
                    ),
                    width=24,
                ),
                Panel(
                    7,
                    "table",
                    Words("Đang chờ điều gì", "What records wait for"),
                    Words(
                        "Bản ghi đã nhận mà chưa đếm, của cả nước: chờ tổ, đơn vị hay một quyết định.",
                        "Records taken in and not counted yet, of the whole country: for a team, a unit or a decision.",
                    ),
                    Words(
                        "nạp tổ còn thiếu, hay quyết định đơn vị (docs/operating.md, Records that wait for a "
                        "decision).",
                        "load the team that is missing, or decide the unit (docs/operating.md, Records that "
                        "wait for a decision).",
                    ),
                    "none",
                    (
                        Target("sum by (waiting_for) (held_records)", instant=True),
                        Target("max by (waiting_for) (held_oldest_seconds)", instant=True),
                    ),
                    columns=(
                        Column("waiting_for", Words("Chờ", "Waiting for")),
                        Column("Value #A", Words("Bản ghi", "Records"), "short"),
                        Column("Value #B", Words("Lâu nhất", "Longest"), "s"),
                    ),
                    width=24,
                ),
            ),
        ),
    ),
    (PROVINCE,),
    since="now/d",
)
