"""Workbooks as provinces make them: a title, merges, headers in their own words and order."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["SON_LA_TEAMS", "son_la_teams", "table", "workbook"]

Row = Sequence[Any]
SON_LA_TEAMS = {"commune": 204, "subcommune": 2886}
"""What Sơn La reported at the end of 2023."""


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
