"""Spreadsheets of strangers: what is read of honest ones, and that every other is refused for what is wrong with it."""

import os
import tracemalloc
import zipfile
from collections.abc import Mapping
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from libs.common.sheets import BadBook, CellFault, Limits, address, neutral, open_book
from tests.support.workbooks import table, workbook


def lines(content: bytes, sheet: int = 0) -> list[tuple[int, list[Any]]]:
    return [(line.number, list(line.values)) for line in open_book(content).lines(sheet)]


def refused(content: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(BadBook) as raised:
        for _ in open_book(content, limits or Limits()).lines(0):
            pass
    return raised.value.code


def with_parts(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Give a workbook with parts put in place of its own, or beside them."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part)
    return made.getvalue()


def with_sheet(xml: str) -> bytes:
    return with_parts(table([["a"]]), {"xl/worksheets/sheet1.xml": xml.encode()})


RELATIONS = "xl/_rels/workbook.xml.rels"
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def cells(xml: str) -> bytes:
    return with_sheet(f"<worksheet {NAMESPACE}><sheetData>{xml}</sheetData></worksheet>")


def with_texts(xml: str, texts: str) -> bytes:
    """Give a workbook that keeps its texts in a table, as Excel does."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    with zipfile.ZipFile(BytesIO(table([["a"]]))) as opened:
        relations = opened.read(RELATIONS).decode()
    more = f'<Relationship Type="{kind}" Target="sharedStrings.xml" Id="rId9"/></Relationships>'
    return with_parts(
        cells(xml),
        {RELATIONS: relations.replace("</Relationships>", more).encode(), "xl/sharedStrings.xml": texts.encode()},
    )


def test_texts_of_the_table_are_read_whole_without_how_they_are_pronounced() -> None:
    texts = (
        f"<sst {NAMESPACE}><si><t>Tổ</t></si><si><r><t>Lò </t></r><r><rPr><b/></rPr><t>Văn A</t></r></si>"
        "<si><t>a_x000D_b</t><rPh><t>đọc</t></rPh></si><si/></sst>"
    )
    xml = '<row r="1">' + "".join(f'<c r="{"ABCD"[n]}1" t="s"><v>{n}</v></c>' for n in range(4)) + "</row>"
    assert lines(with_texts(xml, texts)) == [(1, ["Tổ", "Lò Văn A", "ab"])]


def test_values_come_as_what_they_are() -> None:
    rows: list[list[Any]] = [["Tổ", 12, 1.5, date(2022, 3, 13), True], [], [None, None, "cuối"]]
    assert lines(table(rows)) == [
        (1, ["Tổ", 12, 1.5, date(2022, 3, 13), True]),
        (3, [None, None, "cuối"]),
    ]


def test_merges_are_filled_down_and_tell_how_far_they_reach() -> None:
    rows: list[list[Any]] = [
        ["Tiêu đề", None, None],
        ["Xã A", 1, "x"],
        [None, 2, "y"],
        [None, 3, "z"],
        ["Xã B", 4, "t"],
    ]
    book = open_book(workbook({"S": rows}, {"S": ["A1:C1", "A2:A4"]}))
    read = list(book.lines(0))
    assert [line.values[0] for line in read] == ["Tiêu đề", "Xã A", "Xã A", "Xã A", "Xã B"]
    assert dict(read[0].spans) == {0: 2}


def test_a_formula_is_never_computed_but_its_stored_value_read() -> None:
    stored = '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f>WEBSERVICE("http://x")</f></c></row>'
    assert lines(cells(stored)) == [(1, [2, CellFault("formula_without_value", "")])]


def test_what_excel_could_not_compute_is_told() -> None:
    assert lines(cells('<row r="1"><c r="A1" t="e"><v>#REF!</v></c></row>')) == [
        (1, [CellFault("error_value", "#REF!")])
    ]


def test_days_are_counted_from_1904_where_the_book_says_so() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = date(2024, 2, 29)
    book.epoch = CALENDAR_MAC_1904
    made = BytesIO()
    book.save(made)
    assert lines(made.getvalue()) == [(1, [date(2024, 2, 29)])]


def test_several_sheets_are_read_and_hidden_ones_known() -> None:
    made = BytesIO()
    book = load_workbook(BytesIO(workbook({"Một": [["a"]], "Hai": [["b"]]})))
    book["Hai"].sheet_state = "veryHidden"
    book.save(made)
    assert [(sheet.name, sheet.hidden) for sheet in open_book(made.getvalue()).sheets] == [
        ("Một", False),
        ("Hai", True),
    ]
    assert lines(made.getvalue(), 1) == [(1, ["b"])]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_csv_of_any_separator_is_read(mark: str, separator: str) -> None:
    text = f'{mark}Tên{separator}Số\r\n"a{separator}b"{separator}"dòng\nhai"\r\n{separator}\r\ncuối\r\n'
    assert lines(text.encode()) == [(1, ["Tên", "Số"]), (2, [f"a{separator}b", "dòng\nhai"]), (4, ["cuối"])]


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n", "file_empty"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "file_encrypted"),
        (OLE + "Workbook".encode("utf-16-le"), "file_old_excel"),
        (OLE, "file_not_a_table"),
        (b"%PDF-1.7", "file_not_a_table"),
        (b"<html><table><tr><td>1</td></tr></table>", "file_not_a_table"),
        ("Tên;Xã\n".encode("utf-16"), "file_not_utf8"),
        ("Tên;Xã\n".encode("cp1258", errors="replace") + b"\xff\xfe\xfa", "file_not_utf8"),
        (b"PK\x03\x04" + os.urandom(1000), "file_broken"),
        (b'a;b\n"x"y;z\n', "file_not_csv"),
        (b"a\x00b", "file_not_a_table"),
    ],
)
def test_what_is_no_table_is_refused_for_what_it_is(content: bytes, code: str) -> None:
    assert refused(content) == code


def test_ten_megabytes_of_garbage_are_refused() -> None:
    assert refused(os.urandom(10 * 1024 * 1024)) in ("file_not_a_table", "file_not_utf8")


def test_another_zip_is_no_workbook() -> None:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("word/document.xml", "<x/>")
    assert refused(made.getvalue()) == "file_not_a_table"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = with_parts(table([["a"]]), {"xl/media/image1.png": bytes(50 * 1024 * 1024)})
    tracemalloc.start()
    assert refused(bomb) == "file_bomb"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 1024 * 1024


def test_parts_that_are_together_too_large_are_refused() -> None:
    assert refused(table([["a"]]), Limits(inflated_bytes=1000)) == "file_bomb"


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", RELATIONS]
)
def test_entities_are_refused_wherever_they_stand(part: str) -> None:
    lol = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    texts = with_texts("", f"<sst {NAMESPACE}/>")
    assert refused(with_parts(texts, {part: lol.encode()})) == "file_entities"


def test_an_external_entity_is_not_fetched() -> None:
    xml = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    assert refused(with_sheet(f"{xml}<worksheet {NAMESPACE}><sheetData>&a;</sheetData></worksheet>")) == "file_entities"


def test_a_file_within_the_file_is_refused() -> None:
    assert refused(with_parts(table([["a"]]), {"xl/embeddings/book.xlsx": table([["b"]])})) == "file_nested"


def test_links_to_other_files_are_told_and_not_opened() -> None:
    assert open_book(with_parts(table([["a"]]), {"xl/externalLinks/externalLink1.xml": b"<x/>"})).has_links


def test_five_hundred_columns_are_refused() -> None:
    assert refused(table([["x"] * 500])) == "file_columns"
    assert refused(";".join(["x"] * 500).encode()) == "file_columns"


def with_blank_lines(number: int) -> bytes:
    blank = "".join(f'<row r="{line}" spans="1:9" s="3"/>' for line in range(2, number))
    last = number + 1
    return cells(f'<row r="1"><c r="A1"><v>7</v></c></row>{blank}<row r="{last}"><c r="A{last}"><v>8</v></c></row>')


def test_a_million_blank_lines_are_passed_over() -> None:
    assert lines(with_blank_lines(1_000_000)) == [(1, [7]), (1_000_001, [8])]


def test_blank_lines_take_the_same_little_memory_however_many_they_are() -> None:
    def most(content: bytes) -> int:
        tracemalloc.start()
        try:
            lines(content)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = with_blank_lines(10_000), with_blank_lines(100_000)
    assert most(few) < 5 * 1024 * 1024
    assert most(many) - most(few) < 512 * 1024


@pytest.mark.parametrize(
    "xml",
    [
        '<row r="2"/><row r="1"/>',
        '<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>',
        '<row r="1"><c r="A9"><v>1</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>99</v></c></row>',
        '<row r="x"/>',
        "<row",
    ],
)
def test_a_damaged_sheet_is_refused_as_such(xml: str) -> None:
    assert refused(cells(xml)) == "file_broken"


def test_a_cut_file_is_refused() -> None:
    content = table([["x", number] for number in range(1000)])
    for end in range(100, len(content), len(content) // 20):
        assert refused(content[:end]) == "file_broken"


def test_a_cell_longer_than_excel_has_them_is_refused() -> None:
    assert (
        refused(cells(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{"x" * 40_000}</t></is></c></row>'))
        == "file_cell_too_long"
    )


def test_signs_of_formulas_are_neutralised_for_a_csv() -> None:
    assert [neutral(text) for text in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "Tổ")] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "'\tx",
        "'\rx",
        "Tổ",
    ]


def test_addresses_are_those_that_people_see() -> None:
    assert [address(0, 7), address(25, 1), address(26, 1), address(701, 3)] == ["A7", "Z1", "AA1", "ZZ3"]
