"""The five questions, answered from what was seen: each by a few checks, with what to do where one is not well.

Checks and limits are those of deploy/prometheus/rules/checks.yml, where they are asked of a span of time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from deploy.ops.status.seen import Database, Seen, quantile
from libs.common.meters import QUESTIONS, Question

__all__ = ["LIMITS", "Answer", "Check", "Light", "answer"]

NEVER = float("inf")
LIMITS = {
    "unpublished": (30, 60),
    "transactions": (30, 120),
    "uncounted": (60, 300),
    "dead_letters": (0, 100),
    "held": (7 * 86400, 21 * 86400),
    "writes": (1, 5),
    "queries": (2, 10),
    "failures": (0.01, 0.1),
    "unauthorized": (1, 20),
    "forbidden": (1, 20),
    "limited": (1, NEVER),
    "members_read": (1000, NEVER),
    "connections": (0.85, 0.95),
    "rollups": (50_000, NEVER),
    "disk": (0.8, 0.95),
    "answers": (0.5, 2),
}
"""Above what a check is yellow, and red: seconds, numbers, shares, requests a second."""
FEW_REQUESTS = 100


class Light(IntEnum):
    """From well to worst; the light of a question is its worst check's."""

    GREEN = 0
    YELLOW = 1
    UNKNOWN = 2
    RED = 3


@dataclass(frozen=True)
class Check:
    """One thing looked at: its light, the numbers in both languages, and the page that says what to do."""

    name: str
    light: Light
    vi: str
    en: str
    runbook: str = ""


@dataclass(frozen=True)
class Answer:
    """A question with its checks."""

    question: Question
    checks: Sequence[Check]

    @property
    def light(self) -> Light:
        """The worst of its checks; unknown where there is none."""
        return max((check.light for check in self.checks), default=Light.UNKNOWN)


def answer(seen: Seen) -> list[Answer]:
    """Answer all five."""
    asked: dict[Question, Callable[[Seen], Iterator[Check]]] = {
        "flowing": _flowing,
        "right": _right,
        "fast": _fast,
        "safe": _safe,
        "lasting": _lasting,
    }
    return [Answer(question, list(asked[question](seen))) for question in QUESTIONS]


def _light(check: str, value: float) -> Light:
    yellow, red = LIMITS[check]
    if value > red:
        return Light.RED
    return Light.YELLOW if value > yellow else Light.GREEN


_WORDS = {
    "uncounted": ("bản ghi chưa đếm", "records not counted"),
    "dead_letters": ("thư chết", "dead letters"),
    "missing": ("bản ghi thiếu", "records missing"),
    "unknown": ("bản ghi không rõ nguồn", "records unknown to the log"),
    "held": ("bản ghi đang giữ", "records held"),
    "members_read": ("lần đọc thành viên", "reads of members"),
}


def _unknown(name: str) -> Check:
    vi, en = _WORDS[name]
    return Check(name, Light.UNKNOWN, f"{vi}: không xem được", f"{en}: could not be looked at", "DatabaseDown")


def _flowing(seen: Seen) -> Iterator[Check]:
    if seen.processes:
        yield _processes(seen)
    if seen.unfolded_seconds is None:
        yield _unknown("uncounted")
    else:
        records, seconds = seen.unfolded_records, seen.unfolded_seconds
        vi = f"{records:,} bản ghi chưa đếm, cũ nhất {_age(seconds)}"
        en = f"{records:,} records not counted yet, the oldest {_age(seconds)} old"
        yield Check("uncounted", _light("uncounted", seconds), vi, en, "ConsumerStuck")
    for name, database in seen.databases.items():
        yield from _waiting(name, database)
    if seen.dead_letters is None:
        yield _unknown("dead_letters")
    else:
        letters = seen.dead_letters
        vi, en = f"{letters:,} thư chết", f"{letters:,} dead letters"
        yield Check("dead_letters", _light("dead_letters", letters), vi, en, "DeadLetters")


def _processes(seen: Seen) -> Check:
    away = [f"{each.name} ({each.why_not})" if each.why_not else each.name for each in seen.processes if not each.ready]
    ready, every = len(seen.processes) - len(away), len(seen.processes)
    names = f": {', '.join(away)}"
    vi = f"{ready}/{every} tiến trình sẵn sàng" + (f"; không{names}" if away else "")
    en = f"{ready} of {every} processes ready" + (f"; not{names}" if away else "")
    return Check("processes", Light.RED if away else Light.GREEN, vi, en, "JobDown")


def _waiting(name: str, database: Database) -> Iterator[Check]:
    if waiting := database.unpublished_seconds:
        vi, en = f"{name}: chưa gửi {_age(waiting)}", f"{name}: not sent for {_age(waiting)}"
        yield Check("unpublished", _light("unpublished", waiting), vi, en, "RelayStuck")
    server = database.server
    if server and server.oldest_transaction_seconds and server.oldest_transaction_seconds > 1:
        open_for = server.oldest_transaction_seconds
        vi = f"{name}: giao dịch ghi mở {_age(open_for)}"
        en = f"{name}: a writing transaction open for {_age(open_for)}"
        yield Check("transactions", _light("transactions", open_for), vi, en, "LongWritingTransaction")


def _right(seen: Seen) -> Iterator[Check]:
    if (compared := seen.compared) is None:
        yield _unknown("missing")
        yield _unknown("unknown")
    else:
        part_vi, part_en = ("toàn bộ", "all") if compared.whole else ("phần gần đây", "what is recent")
        vi = f"thiếu {compared.missing:,}; đã đối chiếu {compared.rows:,} dòng nhật ký ({part_vi})"
        en = f"{compared.missing:,} missing; {compared.rows:,} rows of the log compared ({part_en})"
        yield Check("missing", Light.RED if compared.missing else Light.GREEN, vi, en, "RecordsMissing")
        vi = f"{compared.unknown:,} không rõ nguồn; đã đối chiếu {compared.heads:,} bản ghi đã đếm"
        en = f"{compared.unknown:,} unknown to the log; {compared.heads:,} counted records compared"
        yield Check("unknown", Light.RED if compared.unknown else Light.GREEN, vi, en, "RecordsUnknown")
    different = seen.every("recount_different_cells") + seen.every("recount_different_rollups")
    if different:
        wrong = int(sum(sample.value for sample in different))
        vi, en = f"đếm lại: {wrong:,} ô khác", f"recounted: {wrong:,} differ"
        yield Check("recounted", Light.RED if wrong else Light.GREEN, vi, en, "RecountDiffers")
    if seen.held is None:
        yield _unknown("held")
    else:
        held, seconds = sum(seen.held.records.values()), max(seen.held.ages().values())
        days = seconds / 86400
        vi, en = f"{held:,} đang giữ, lâu nhất {days:.0f} ngày", f"{held:,} held, the oldest for {days:.0f} days"
        yield Check("held", _light("held", seconds), vi, en, "HeldTooLong")


def _fast(seen: Seen) -> Iterator[Check]:
    for name, database in seen.databases.items():
        if database.error:
            yield Check("answers", Light.UNKNOWN, f"{name}: không đo được", f"{name}: not measured", "DatabaseDown")
        else:
            took = database.answer_seconds
            vi, en = f"{name} trả lời trong {took * 1000:.0f} ms", f"{name} answers within {took * 1000:.0f} ms"
            yield Check("answers", _light("answers", took), vi, en, "QueriesSlow")
    if (gateway := seen.process("gateway-api")) is None:
        if any(each.name == "gateway-api" for each in seen.processes):
            yield Check("gateway", Light.UNKNOWN, "cổng không trả lời", "the gateway does not answer", "JobDown")
        return
    for name, classes, runbook in (
        ("writes", ("write", "bulk"), "WritesSlow"),
        ("queries", ("read", "query"), "QueriesSlow"),
    ):
        found = quantile(0.99, list(gateway.values("http_request_seconds_bucket", route_class=classes)))
        words = {"writes": "ghi", "queries": "hỏi"}
        if found is None:
            yield Check(name, Light.GREEN, f"{words[name]}: chưa có", f"{name}: none yet")
            continue
        seconds, count = found
        vi = f"{words[name]}: 99 % trong {seconds:g} s, {count:,} yêu cầu từ khi khởi động"
        en = f"{name}: 99 % within {seconds:g} s, {count:,} requests since its start"
        yield Check(name, _light(name, seconds), vi, en, runbook)
    answered = list(gateway.values("http_requests_total"))
    if total := sum(sample.value for sample in answered):
        failed = sum(sample.value for sample in answered if sample.labels["status"].startswith("5"))
        vi, en = f"{failed:,.0f}/{total:,.0f} yêu cầu lỗi 5xx", f"{failed:,.0f} of {total:,.0f} requests failed (5xx)"
        # One of a few says little, all of a few much.
        yield Check("failures", _light("failures", failed / max(total, FEW_REQUESTS)), vi, en, "ReadsFailingFast")


def _safe(seen: Seen) -> Iterator[Check]:
    if seen.members_read is None:
        yield _unknown("members_read")
    else:
        count = seen.members_read
        vi, en = f"{count:,} lần đọc thành viên trong 1 giờ", f"members read {count:,} times within an hour"
        yield Check("members_read", _light("members_read", count), vi, en, "MembersReadOften")
    gateway = seen.process("gateway-api")
    if gateway is None:
        return
    seconds = _running_seconds(seen)
    for name, status, vi_what, en_what, runbook in (
        ("unauthorized", "401", "chưa xác thực", "not authenticated", "ManyUnauthorized"),
        ("forbidden", "403", "bị từ chối", "forbidden", "ManyForbidden"),
        ("limited", "429", "quá hạn mức", "over a quota", "ManyLimited"),
    ):
        count = int(sum(sample.value for sample in gateway.values("http_requests_total", status=(status,))))
        vi, en = f"{count:,} yêu cầu {vi_what} ({status})", f"{count:,} requests {en_what} ({status})"
        yield Check(name, _light(name, count / seconds), vi, en, runbook)


def _running_seconds(seen: Seen) -> float:
    """How long the gateway has run, as its own clock and metrics say; 1 at least."""
    gateway = seen.process("gateway-api")
    started = next(gateway.values("process_start_time_seconds"), None) if gateway else None
    return max(1.0, seen.at - started.value) if started else 1.0


def _lasting(seen: Seen) -> Iterator[Check]:
    for name, database in seen.databases.items():
        if database.server is None or database.size_bytes is None:
            vi, en = f"{name}: không trả lời ({database.error})", f"{name}: does not answer ({database.error})"
            yield Check("databases", Light.RED, vi, en, "DatabaseDown")
            continue
        used, limit, size = database.server.connections, database.server.limit, _bytes(database.size_bytes)
        vi, en = f"{name}: {size}, {used}/{limit} kết nối", f"{name}: {size}, {used} of {limit} connections"
        yield Check("connections", _light("connections", used / limit), vi, en, "ConnectionsNearLimit")
    if seen.disk is not None:
        free, size_bytes = seen.disk
        vi, en = f"đĩa còn {_bytes(free)}/{_bytes(size_bytes)}", f"disk: {_bytes(free)} of {_bytes(size_bytes)} free"
        yield Check("disk", _light("disk", 1 - free / size_bytes), vi, en, "DiskFilling")
    if outstanding := seen.every("rollup_outstanding_entries"):
        entries = max(sample.value for sample in outstanding)
        vi, en = f"{entries:,.0f} thay đổi chưa gộp", f"{entries:,.0f} changes not rolled up"
        yield Check("rollups", _light("rollups", entries), vi, en, "RollupsBehind")


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
