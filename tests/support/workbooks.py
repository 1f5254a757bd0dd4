"""Workbooks as provinces make them: a title, merges, headers in their own words and order."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["SON_LA_MEMBERS", "SON_LA_TEAMS", "son_la_members", "son_la_teams", "table", "workbook"]

Row = Sequence[Any]
SON_LA_TEAMS = {"commune": 204, "subcommune": 2886}
SON_LA_MEMBERS = {"commune": 1814, "subcommune": 14088}
"""What Sơn La reported at the end of 2023: teams and members by level."""
FAMILIES = ("Lò", "Quàng", "Cà", "Hà", "Vì", "Lường", "Tòng", "Nguyễn", "Giàng", "Mùa", "Thào", "Sồng")
MIDDLES = ("Văn", "Thị", "A", "Minh", "Đức", "Thanh")
GIVEN = ("An", "Bình", "Chính", "Dung", "Hoa", "Lan", "Mai", "Nhung", "Páo", "Sơn", "Tuấn", "Xuân")
AFFILIATIONS = ("Đoàn Thanh niên", "Trưởng bản", "Công an", "Hội Phụ nữ", "Hội Nông dân", "Trạm y tế")


def workbook(sheets: Mapping[str, Iterable[Row]], merges: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """Make a workbook of sheets, each given by its rows."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet: Worksheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for merge in (merges or {}).get(name, ()):
            sheet.merge_cells(merge)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def table(rows: Iterable[Row]) -> bytes:
    """Make a workbook of one sheet."""
    return workbook({"Danh sách": rows})


def son_la_teams(communes: Sequence[tuple[str, str]]) -> list[Row]:
    """Give Sơn La's teams of 2023, header first, made of its communes (code, name) and the reported counts."""
    luck = random.Random(14)  # noqa: S311
    rows: list[Row] = [
        ["STT", "Mã tổ", "Tên tổ", "Loại tổ", "Cấp", "Mã xã", "Tên xã", "Số quyết định", "Ngày quyết định"],
    ]
    for number in range(sum(SON_LA_TEAMS.values())):
        code, name = communes[number % len(communes)]
        is_commune = number < SON_LA_TEAMS["commune"]
        title = f"Tổ chuyển đổi số cộng đồng {name if is_commune else f'bản {number}'}"
        signed = date(2022, 1, 1) + timedelta(days=luck.randrange(500))
        level = "Cấp xã" if is_commune else "Cấp thôn"
        kind = "Tổ Chuyển đổi số cộng đồng"
        rows.append([number + 1, f"SL-{number:04}", title, kind, level, code, name, f"{number}/QĐ-UBND", signed])
    return rows


def son_la_members() -> list[Row]:
    """Give the members of Sơn La's teams, header first, spread evenly over the teams of each level."""
    luck = random.Random(41)  # noqa: S311
    rows: list[Row] = [["TT", "Họ và tên", "Năm sinh", "Số điện thoại", "Chức danh", "Đơn vị công tác", "Mã tổ"]]
    first, phones = 0, luck.sample(range(10_000_000), sum(SON_LA_MEMBERS.values()))
    for level, count in SON_LA_MEMBERS.items():
        teams = SON_LA_TEAMS[level]
        for number in range(count):
            name = f"{luck.choice(FAMILIES)} {luck.choice(MIDDLES)} {luck.choice(GIVEN)}"
            # Excel keeps some phones as numbers, without their zero.
            phone: Any = f"091{phones[len(rows) - 1]:07}"
            phone = int(phone) if number % 50 == 0 else phone
            role = "Tổ trưởng" if number < teams else "Thành viên"
            code = f"SL-{first + number % teams:04}"
            rows.append([len(rows), name, luck.randrange(1960, 2005), phone, role, luck.choice(AFFILIATIONS), code])
        first += teams
    return rows
