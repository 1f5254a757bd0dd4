"""Teams and members of three provinces, made from the counts that articles give; the same on every run.

The counts are those of `data/seed_statements.csv`. Which commune a team works in, who is in it, and where an article
gives no such figure (Bắc Kạn by level, Điện Biên's members) how many, is made up for the demonstration.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

__all__ = ["BAC_KAN", "DIEN_BIEN", "NETWORKS", "SON_LA", "Network", "Size", "members_file", "teams_file"]

TEAM_COLUMNS = ("STT", "Mã tổ", "Tên tổ", "Loại tổ", "Cấp", "Mã xã", "Ngày thành lập")
MEMBER_COLUMNS = ("STT", "Mã thành viên", "Họ và tên", "Mã tổ", "Vai trò", "Chức vụ", "Ngày tham gia")
LEVELS = {"commune": "cấp xã", "subcommune": "cấp thôn"}
POSTS = ("bí thư đoàn", "phó bí thư đoàn")


@dataclass(frozen=True, slots=True)
class Size:
    """How many teams of a level, and how many members they have together."""

    teams: int
    members: int


@dataclass(frozen=True, slots=True)
class Network:
    """A province's network on a day; `officers` of the members are officers of the Youth Union."""

    prefix: str
    province: str
    name: str
    on: date
    commune: Size
    subcommune: Size
    officers: int = 0

    @property
    def teams(self) -> int:
        """All teams."""
        return self.commune.teams + self.subcommune.teams

    @property
    def members(self) -> int:
        """All members."""
        return self.commune.members + self.subcommune.members


SON_LA = Network("SL", "14", "Sơn La", date(2023, 12, 31), Size(204, 1_814), Size(2_886, 14_088))
BAC_KAN = Network("BK", "06", "Bắc Kạn", date(2024, 12, 25), Size(108, 972), Size(1_139, 5_235))
DIEN_BIEN = Network("DB", "11", "Điện Biên", date(2024, 1, 30), Size(129, 645), Size(0, 0), officers=159)
NETWORKS = (SON_LA, BAC_KAN, DIEN_BIEN)


@dataclass(frozen=True, slots=True)
class _Team:
    code: str
    name: str
    level: str
    commune: str
    members: int


def teams_file(network: Network, communes: Sequence[tuple[str, str]]) -> bytes:
    """Write the province's list of teams as its office would: CSV for Excel; `communes` are codes and names."""
    rows = (
        (str(number), team.code, team.name, "Tổ công nghệ số cộng đồng", LEVELS[team.level], team.commune, "15/06/2022")
        for number, team in enumerate(_teams(network, communes), start=1)
    )
    return _sheet(f"DANH SÁCH TỔ CÔNG NGHỆ SỐ CỘNG ĐỒNG TỈNH {network.name.upper()}", TEAM_COLUMNS, rows)


def members_file(network: Network, communes: Sequence[tuple[str, str]]) -> bytes:
    """Write the province's list of members; nobody in it exists."""
    return _sheet(
        f"DANH SÁCH THÀNH VIÊN TỔ CÔNG NGHỆ SỐ CỘNG ĐỒNG TỈNH {network.name.upper()}",
        MEMBER_COLUMNS,
        _members(network, _teams(network, communes)),
    )


def _teams(network: Network, communes: Sequence[tuple[str, str]]) -> list[_Team]:
    return [
        _Team(f"{network.prefix}-{number:04}", f"{name} {commune}", level, code, size)
        for number, (level, name, (code, commune), size) in enumerate(
            chain(
                _spread("commune", "Tổ công nghệ số cộng đồng", network.commune, communes),
                _spread("subcommune", "Tổ công nghệ số cộng đồng thôn,", network.subcommune, communes),
            ),
            start=1,
        )
    ]


def _spread(
    level: str, name: str, size: Size, communes: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, tuple[str, str], int]]:
    """Deal teams out to communes in turn, and members to teams as evenly as they go."""
    for number in range(size.teams):
        least, more = divmod(size.members, size.teams)
        yield level, name, communes[number % len(communes)], least + (number < more)


def _members(network: Network, teams: Iterable[_Team]) -> Iterator[tuple[str, ...]]:
    number = 0
    for team in teams:
        for place in range(team.members):
            number += 1
            code = f"{network.prefix}-TV-{number:05}"
            role = "Tổ trưởng" if place == 0 else "Tổ phó" if place == 1 else "Thành viên"
            post = POSTS[place] if place < len(POSTS) and _is_officer(network, team, place) else ""
            yield str(number), code, f"Thành viên {_letters(number)}", team.code, role, post, "15/06/2022"


def _letters(number: int) -> str:
    """Give a number as letters, so that nobody takes it for somebody's name: A, B … Z, AA …"""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _is_officer(network: Network, team: _Team, place: int) -> bool:
    """Say whether a leader or deputy is an officer: every leader first, then deputies, until the count is reached."""
    return int(team.code.rpartition("-")[2]) <= network.officers - place * network.teams


def _sheet(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([title, *[""] * (len(columns) - 1)])
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")
