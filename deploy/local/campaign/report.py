"""The campaign's numbers as a table, Vietnamese with English beside, and whether they are right."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TextIO

from deploy.local.campaign.check import differences, rows_by_commune, rows_by_kind, rows_by_measure
from deploy.local.campaign.oracle import KINDS_OF_REFERENCE, Expected
from deploy.local.campaign.replay import Asked, Replayed
from deploy.local.campaign.sends import Json

__all__ = ["write_report"]

MEASURES: Final = {
    "FLD-07": ("cài e-ĐồngTháp", "citizen-app installs"),
    "FLD-08": ("cài app thanh toán", "cashless-app installs"),
    "FLD-10": ("hộ KD lên sàn TMĐT", "shops to marketplaces"),
    "FLD-09": ("DVC trực tuyến", "online services"),
}
WIDTH: Final = 98
KIND_WIDTHS: Final = (22, 19, 7, 7, 6, 9, 7, 7, 6, 8)
KIND_HEADS: Final = (
    ("Chỉ số", "Nguồn", "lượt", "người", "hộ", "không rõ", "CCCD", "ĐT", "mã", "b.nhận"),
    ("Measure", "By", "times", "people", "homes", "unknown", "id no.", "phone", "ref", "receipt"),
)
COMMUNE_WIDTHS: Final = (26, 9, 9, 9, 9, 9, 9, 9, 9)
NOTHING: Final = "\u2013"


def write_report(asked: Asked, expected: Expected, replayed: Replayed, out: TextIO) -> bool:
    """Print the numbers, how long they took and every difference; say whether there is none."""
    found = differences(asked.answers, expected)
    for line in (
        *_kinds(asked.answers),
        *_communes(asked.answers, expected),
        *_contract(asked.answers["by_commune"]["contract"]),
        *_timing(asked, replayed),
        *_verdict(found, expected),
    ):
        out.write(line.rstrip() + "\n")
    out.flush()
    return not found


def _kinds(answers: Mapping[str, Json]) -> Iterator[str]:
    yield from _title("Sa Đéc, tháng 5 năm 2025, theo nguồn · May 2025, by kind of reporter")
    for heads in KIND_HEADS:
        yield _line(KIND_WIDTHS, heads, left=2)
    kinds, unions = rows_by_kind(answers), rows_by_measure(answers)
    for measure, names in MEASURES.items():
        yield "-" * WIDTH
        sides = (measure, *names)
        sources = (
            ("tổ / teams", kinds.get((measure, "team"))),
            ("đối tác / partners", kinds.get((measure, "partner"))),
            ("hợp / union", unions.get((measure,))),
        )
        for side, (source, row) in zip(sides, sources, strict=True):
            yield _line(KIND_WIDTHS, (side, source, *_cells(row)), left=2)
        matched = unions.get((measure,), {}).get("matched") or {}
        teams, partners = _number(matched.get("team_people")), _number(matched.get("partner_people"))
        yield _line(KIND_WIDTHS[:2], ("", "cả hai biết / both"), left=2) + (
            f"  {teams} của tổ / of teams · {partners} của đối tác / of partners"
        )
    yield "-" * WIDTH
    yield "không rõ: lượt không có tham chiếu nào · unknown: times without any reference"
    yield "CCCD, ĐT, mã, b.nhận: người được tính theo · people by the reference they count under"


def _communes(answers: Mapping[str, Json], expected: Expected) -> Iterator[str]:
    yield from _title("Các tổ, theo xã, phường · The teams, by commune")
    yield _line(COMMUNE_WIDTHS[:1], ("",), left=1) + "".join(f"{measure:>18}" for measure in MEASURES)
    yield _line(COMMUNE_WIDTHS, ("Xã, phường", *("lượt", "người") * len(MEASURES)), left=1)
    yield _line(COMMUNE_WIDTHS, ("Commune", *("times", "people") * len(MEASURES)), left=1)
    yield "-" * WIDTH
    rows = rows_by_commune(answers)
    codes = sorted({code for _, code in rows} | {code for _, code in expected.by_commune})
    for code in codes:
        of_commune = [rows.get((measure, code)) for measure in MEASURES]
        name = next((row["unit"]["name"] for row in of_commune if row and row.get("unit")), "?")
        yield _line(COMMUNE_WIDTHS, (f"{code} {name}", *_pairs(of_commune)), left=1)
    yield "-" * WIDTH
    teams = [rows_by_kind(answers).get((measure, "team")) for measure in MEASURES]
    yield _line(COMMUNE_WIDTHS, ("Cả thành phố / whole city", *_pairs(teams)), left=1)
    total = answers["by_commune"]["total"]
    yield "người của cả thành phố là hợp, không phải tổng · people of the city are a union, not a sum"
    yield (
        f"mọi chỉ số · all four measures: {_number(total.get('nguoi'))} người / people, "
        f"{_number(total.get('ho'))} hộ / homes"
    )


def _contract(contract: Json) -> Iterator[str]:
    yield from _title("Con số này là gì · What these numbers are")
    yield f"  ranh giới / boundaries           {contract['boundaries']}"
    yield f"  lần sửa dữ liệu / data revision  {contract['data_revision']}"
    yield f"  tính đến / as of                 {contract['as_of'] or NOTHING}"
    yield f"  đã gửi đủ đến / complete until   {contract['complete_through'] or NOTHING}"


def _timing(asked: Asked, replayed: Replayed) -> Iterator[str]:
    yield from _title("Mất bao lâu · How long it took")
    rows, seconds = replayed.rows, replayed.elapsed_seconds
    visible = NOTHING if asked.visible_seconds is None else _seconds(asked.visible_seconds)
    for name, value in (
        ("gửi / sent", f"{_number(replayed.answered)} trong / in {_seconds(seconds)}"),
        ("hàng / rows", _statuses(rows)),
        ("sửa / corrections", _statuses(replayed.corrections)),
        ("hủy / voids", _statuses(replayed.voids)),
        ("gửi lại khi vắng / tried again", _number(replayed.retries)),
        ("nhận mới / accepted", f"{_rate(rows['accepted'], seconds)} hàng/s · rows/s"),
        ("trả lời / answered", f"{_rate(rows.total(), seconds)} hàng/s · rows/s"),
        ("thấy được / visible", f"{visible} sau hàng cuối được nhận · after the last accepted row"),
        ("hỏi / asking", _seconds(asked.asking_seconds)),
    ):
        yield f"  {name:<32} {value}"


def _statuses(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{_number(counter.get(status, 0))} {status}" for status in ("accepted", "duplicate"))


def _verdict(found: Sequence[str], expected: Expected) -> Iterator[str]:
    yield ""
    if not found:
        people = _number(expected.all_measures.nguoi)
        yield f"Đúng từng số ({people} người) · Every number equals that of plain Python sets"
        return
    yield f"SAI KHÁC {len(found)} số · {len(found)} numbers DIFFER from plain Python sets:"
    yield from (f"  {line}" for line in found)


def _title(text: str) -> tuple[str, str, str]:
    return "", text, "=" * WIDTH


def _line(widths: Iterable[int], cells: Iterable[str], *, left: int) -> str:
    """Align cells: the first `left` to the left, the others to the right."""
    aligned = (
        f"{cell:<{width}}" if index < left else f"{cell:>{width}}"
        for index, (width, cell) in enumerate(zip(widths, cells, strict=True))
    )
    return "".join(aligned)


def _cells(row: Json | None) -> tuple[str, ...]:
    row = row or {}
    known = row.get("known_by") or {}
    return (
        *(_number(row.get(name)) for name in ("luot", "nguoi", "ho", "unknown")),
        *(_number(known.get(kind)) for kind in KINDS_OF_REFERENCE),
    )


def _pairs(rows: Iterable[Json | None]) -> Iterator[str]:
    for row in rows:
        yield _number((row or {}).get("luot"))
        yield _number((row or {}).get("nguoi"))


def _number(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}".replace(",", ".")


def _seconds(value: float) -> str:
    return f"{value:.2f}".replace(".", ",") + " s"


def _rate(count: int, seconds: float) -> str:
    return _number(round(count / seconds)) if seconds > 0 else NOTHING
