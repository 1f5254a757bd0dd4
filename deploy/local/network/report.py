"""The map in time and the network as tables, Vietnamese with English beside, and whether the numbers are right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from deploy.local.campaign.caller import Caller
from deploy.local.campaign.sends import Json, Role
from deploy.local.network.bring import Brought
from deploy.local.network.made import BAC_KAN, DIEN_BIEN, NETWORKS, Network

__all__ = ["Told", "ask_all", "write"]

PORTAL: Final[Role] = "portal"
COUNTRY: Final[Role] = "operator"
BEFORE: Final = "2025-06-30"
MAY: Final[Json] = {
    "measures": ["FLD-07", "FLD-08"],
    "from": "2025-05-01",
    "to": "2025-05-31",
    "filters": {"reporter_kind": "team"},
    "answers": ["luot", "nguoi"],
}
MAPS: Final = {
    BEFORE: "Địa giới ngày 30/6/2025 · Boundaries of 30 June 2025",
    "current": "Địa giới hôm nay · Boundaries of today",
}
LEVELS: Final = {"commune": "cấp xã / commune", "subcommune": "cấp thôn / sub-commune"}
COUNTED: Final = "NET-01,NET-02,NET-07"
THAI_NGUYEN_TODAY: Final = "19"
WIDTH: Final = 98


@dataclass(slots=True)
class Told:
    """Answers by the name of their question, and every number that is not what it must be."""

    answers: Mapping[str, Json]
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, right: object) -> None:
        """Note a number that is wrong."""
        if found != right:
            self.wrong.append(f"{what}: hệ thống {found}, đúng là {right}")


async def ask_all(caller: Caller) -> Told:
    """Ask as portals do."""
    answers: dict[str, Json] = {}
    for day in MAPS:
        for level in ("commune", "district") if day == BEFORE else ("commune",):
            question = MAY | {"group_by": ["measure", f"unit:{level}"], "boundaries": day}
            answers[f"sa_dec/{day}/{level}"] = await caller.post(PORTAL, "/v1/metrics:query", question.copy)
    for network in NETWORKS:
        answers[network.prefix] = await _network(caller, network, unit=network.province, group_by="level")
    today = {"unit": THAI_NGUYEN_TODAY, "boundaries": "current"}
    answers["thai_nguyen"] = await _network(caller, BAC_KAN, **today)
    answers["dien_bien/today"] = await _network(
        caller, DIEN_BIEN, unit=DIEN_BIEN.province, group_by="unit:commune", boundaries="current"
    )
    answers["said"] = await caller.get(COUNTRY, "/v1/statements", indicator="NET-01", limit="100")
    return Told(answers)


async def _network(caller: Caller, network: Network, **asked: str) -> Json:
    return await caller.get(COUNTRY, "/v1/network", on=network.on.isoformat(), indicators=COUNTED, **asked)


def write(told: Told, brought: Mapping[str, Brought], out: TextIO) -> bool:
    """Print the tables and every number that is wrong; say whether there is none."""
    for line in (*_sa_dec(told), *_networks(told), *_old_and_new(told), *_timing(brought), *_verdict(told)):
        out.write(line.rstrip() + "\n")
    out.flush()
    return not told.wrong


def _sa_dec(told: Told) -> Iterator[str]:
    yield from _title("Sa Đéc, tháng 5/2025, theo địa giới từng thời kỳ · one campaign, two maps (lượt / người)")
    totals = {}
    for day, title in MAPS.items():
        answer = told.answers[f"sa_dec/{day}/commune"]
        totals[day] = answer["total"]["luot"], answer["total"]["nguoi"]
        units: dict[str, dict[str, str]] = {}
        for row in answer["rows"]:
            name = row["unit"]["name"] if row["unit"] else "?"
            name += " (chưa phân bổ · unallocated)" if row["unallocated"] else ""
            units.setdefault(name, {})[row["group"]["measure"]] = f"{_number(row['luot'])} / {_number(row['nguoi'])}"
        yield f"{title:<60}{'FLD-07':>18}{'FLD-08':>18}"
        for name, numbers in units.items():
            yield f"  {name:<58}{numbers.get('FLD-07', '–'):>18}{numbers.get('FLD-08', '–'):>18}"
    told.expect("Sa Đéc: tổng theo hai bản đồ", totals["current"], totals[BEFORE])
    district = told.answers[f"sa_dec/{BEFORE}/district"]
    names = sorted({row["unit"]["name"] for row in district["rows"] if row["unit"]})
    told.expect("Sa Đéc: huyện ngày 30/6/2025", names, ["Thành phố Sa Đéc"])
    luot, nguoi = totals[BEFORE]
    yield f"Tổng không đổi · the total is the same: {_number(luot)} lượt, {_number(nguoi)} người"


def _networks(told: Told) -> Iterator[str]:
    yield from _title("Mạng lưới theo cấp, như báo chí đã đưa · networks by level, as the press counted them")
    for network in NETWORKS:
        answer = told.answers[network.prefix]
        yield f"{f'{network.name}, {network.on:%d/%m/%Y}':<64}{'tổ · teams':>14}{'t.viên · members':>20}"
        for row in answer["rows"]:
            yield _counts(LEVELS.get(row["group"]["level"] or "", "?"), row)
        yield _counts("tất cả / all", answer["total"])
        for level, size in (("commune", network.commune), ("subcommune", network.subcommune)):
            if size.teams:
                row = next((row for row in answer["rows"] if row["group"]["level"] == level), None)
                told.expect(f"{network.name} {level}", _both(row), (size.teams, size.members))
        told.expect(f"{network.name}", _both(answer["total"]), (network.teams, network.members))
    said = [item for item in told.answers["said"]["statements"] if item["id"] in ("3.01", "4.01", "1.04")]
    for item in sorted(said, key=lambda each: each["id"]):
        place = item["said_of"][0]["name"]
        yield f"  báo đưa · the press said of {place}: {item['text']['vi']} {item['unit_names']['vi']} ({item['id']})"
    told.expect("số liệu báo chí", len(said), 3)


def _old_and_new(told: Told) -> Iterator[str]:
    yield from _title("Sau sắp xếp 1/7/2025 · after the reform of 1 July 2025")
    total = told.answers["thai_nguyen"]["total"]
    yield f"{'':<64}{'tổ · teams':>14}{'t.viên · members':>20}"
    yield _counts("Bắc Kạn 25/12/2024, trong Thái Nguyên hôm nay · in today's", total)
    told.expect("Bắc Kạn trong Thái Nguyên", _both(total), (BAC_KAN.teams, BAC_KAN.members))
    rows = told.answers["dien_bien/today"]["rows"]
    placed = [row for row in rows if not row["unallocated"]]
    teams = [row["figures"]["NET-01"]["value"] for row in placed]
    told.expect("Điện Biên: xã, phường hôm nay", len(placed), 45)
    told.expect("Điện Biên: tổ trong các xã, phường hôm nay", sum(teams), DIEN_BIEN.teams)
    officers = told.answers[DIEN_BIEN.prefix]["total"]["figures"]["NET-07"]["value"]
    told.expect("Điện Biên: cán bộ Đoàn", officers, DIEN_BIEN.officers)
    yield (
        f"  Điện Biên: {sum(teams)} tổ của 129 xã cũ nằm trong {len(placed)} xã, phường hôm nay, mỗi nơi {min(teams)}–"
        f"{max(teams)} tổ; {officers} cán bộ Đoàn"
    )
    yield (
        f"             {sum(teams)} teams of 129 old communes are in {len(placed)} of today, {min(teams)} to "
        f"{max(teams)} in each; {officers} Youth-Union officers"
    )


def _timing(brought: Mapping[str, Brought]) -> Iterator[str]:
    rows, seconds = sum(each.rows for each in brought.values()), sum(each.seconds for each in brought.values())
    new, same = sum(each.new for each in brought.values()), sum(each.same for each in brought.values())
    yield ""
    yield (
        f"{_number(rows)} dòng bảng tính trong {seconds:.0f} giây · {rows:,} rows of spreadsheets in {seconds:.0f} s: "
        f"{new:,} new, {same:,} the same"
    )


def _verdict(told: Told) -> Iterator[str]:
    if not told.wrong:
        yield "Đúng từng số · Every number is right"
        return
    yield f"SAI KHÁC {len(told.wrong)} số · {len(told.wrong)} numbers DIFFER:"
    yield from (f"  {line}" for line in told.wrong)


def _title(text: str) -> Sequence[str]:
    return "", text, "=" * WIDTH


def _both(row: Json | None) -> tuple[int | None, int | None]:
    figures = (row or {}).get("figures", {})
    return figures.get("NET-01", {}).get("value"), figures.get("NET-02", {}).get("value")


def _counts(name: str, row: Json) -> str:
    teams, members = _both(row)
    return f"  {name:<62}{_number(teams):>14}{_number(members):>20}"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}".replace(",", ".")
