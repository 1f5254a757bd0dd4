"""The choices that dashboards share."""

from deploy.grafana.vocabulary import Variable, Words

__all__ = ["JOB", "PROVINCE", "named"]

PROVINCE = Variable(
    "province",
    Words("Tỉnh", "Province"),
    "query_result(province_info)",
    # Labels come in the order of the alphabet; the name is shown, the code is meant.
    r'/name="(?<text>[^"]+)".*province="(?<value>[^"]+)"/',
)
JOB = Variable(
    "job", Words("Tiến trình", "Process"), 'label_values(up{job=~"(registry|visits|metrics|gateway)-.+|watch"}, job)'
)


def named(query: str) -> str:
    """Put a province's name beside its code."""
    return f"{query} * on (province) group_left (name) max by (province, name) (province_info)"
