"""Cells as people and Excel write them; columns in any order; the same rows however the file is laid out."""

import random
import unicodedata
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.sheets import CellFault, Value
from services.registry.domain.imports import members, teams, values
from services.registry.domain.imports.fields import Repaired, Unreadable
from services.registry.domain.members import Birth
from services.registry.use_cases.imports.kinds import KINDS
from services.registry.use_cases.imports.reading import read, survey
from services.registry.use_cases.imports.template import template
from tests.support.workbooks import table


def bare(found: object) -> object:
    return found.value if isinstance(found, Repaired) else found


@pytest.mark.parametrize(
    "written",
    [
        "13/03/2022",
        "13/3/2022",
        "13-03-2022",
        "13.3.2022",
        "2022-03-13",
        "ngày 13 tháng 3 năm 2022",
        " 13/03/2022\u00a0",
        44633,
        "44633",
        44633.0,
        date(2022, 3, 13),
    ],
)
def test_a_day_is_read_however_it_is_written(written: Value) -> None:
    assert bare(values.day(written)) == date(2022, 3, 13)


@pytest.mark.parametrize(
    "written", ["31/02/2022", "3/13/2022", "13/03/22", "2022", 2022, "hôm qua", True, "13/03/1022"]
)
def test_what_is_no_day_is_not_guessed(written: Value) -> None:
    with pytest.raises(Unreadable):
        values.day(written)


@pytest.mark.parametrize(
    "written",
    ["0912345678", "0912 345 678", "0912.345.678", "+84912345678", "84912345678", 912345678, "912345678", 912345678.0],
)
def test_a_phone_is_read_and_its_lost_zero_put_back(written: Value) -> None:
    assert bare(values.phone(written)) == "0912345678"


@pytest.mark.parametrize("written", ["12345", "0112345678", 12345678, "09123456789", date(2022, 1, 1), "Lò Văn A"])
def test_what_is_no_phone_is_not_guessed_and_not_repeated(written: Value) -> None:
    with pytest.raises(Unreadable) as raised:
        values.phone(written)
    assert raised.value.params == {}


@pytest.mark.parametrize(
    ("written", "number"),
    [("12.345", 12345), ("1.234.567", 1234567), ("97,1", 97.1), (5, 5), ("5", 5), ("-3", -3), (0.5, 0.5)],
)
def test_a_number_is_read_as_it_is_written_in_vietnam(written: Value, number: float) -> None:
    assert values.number(written) == number


def test_a_code_that_excel_made_a_day_is_told() -> None:
    with pytest.raises(Unreadable) as raised:
        values.text()(date(2025, 2, 1))
    assert raised.value.code == "cell_became_a_day"


def test_a_birth_is_a_day_or_a_year() -> None:
    assert members.birth(1985) == members.birth("1985") == Birth(1985)
    assert members.birth("02/03/1985") == Birth(1985, date(1985, 3, 2))


@pytest.mark.parametrize("kind", ["error_value", "formula_without_value", "bad_number", "day_out_of_range"])
def test_a_cell_without_a_value_is_told_by_every_reader(kind: Any) -> None:
    for field in (*teams.FIELDS, *members.FIELDS):
        with pytest.raises(Unreadable) as raised:
            field.read(CellFault(kind, "x"))
        assert raised.value.code == f"cell_{kind}"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_columns_of_a_kind_are_told_apart(kind: Any) -> None:
    meant: dict[str, str] = {}
    for field in kind.fields:
        for header in field.headers():
            assert meant.setdefault(header, field.name) == field.name
    assert {name for group in kind.needed for name in group} <= {field.name for field in kind.fields}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_template_has_every_column_and_its_examples_can_be_read(kind: Any) -> None:
    looked_at = survey(template(kind), kind.fields, kind.needed)
    read_sheets = [sheet for sheet in looked_at.sheets if not sheet.why_not]
    assert [set(sheet.header.columns) for sheet in read_sheets if sheet.header] == [{each.name for each in kind.fields}]
    assert [sheet.why_not for sheet in looked_at.sheets[1:]] == ["import_sheet_hidden", "import_sheet_without_header"]
    for field in kind.fields:
        if field.example:
            bare(field.read(field.example))
        for choice in field.choices:
            bare(field.read(choice))


NAMES = st.lists(st.sampled_from(["Tổ bản Mòn", "Tổ khóm 1", "Tổ Đoàn Kết"]), min_size=1, max_size=6)


def shown(header: str, luck: random.Random) -> str:
    """Give a header as somebody may have typed it."""
    text = unicodedata.normalize(luck.choice(["NFC", "NFD"]), header)
    text = luck.choice([text, text.upper(), text.lower(), f"  {text}\u00a0", "".join(c for c in text if c not in ":")])
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return luck.choice([text, "".join(c for c in plain if not unicodedata.combining(c))])


@given(NAMES, st.randoms(use_true_random=False))
def test_columns_and_rows_in_any_order_mean_the_same(names: list[str], luck: random.Random) -> None:
    columns = ["Tên tổ", "Xã/phường", "Ngày thành lập", "Số quyết định", "Mã tổ"]
    rows = [[name, "Xã A", f"{1 + n % 28}/3/2022", f"{n}/QĐ", f"T-{n}"] for n, name in enumerate(names)]
    order, lines = luck.sample(range(len(columns)), len(columns)), luck.sample(rows, len(rows))
    laid_out = [["Danh sách"], [], [shown(columns[each], luck) for each in order]]
    laid_out += [[line[each] for each in order] for line in lines]

    def told(content: bytes) -> list[Any]:
        kind = KINDS["teams"]
        looked_at = survey(content, kind.fields, kind.needed)
        assert looked_at.problems == []
        found = list(read(content, kind.fields, looked_at, kind.needed))
        assert len(found) == looked_at.rows_total
        return sorted((row.values["code"], sorted(row.values.items(), key=str)) for row in found)

    assert told(table(laid_out)) == told(table([columns, *rows]))
