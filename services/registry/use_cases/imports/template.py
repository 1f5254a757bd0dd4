"""A template to fill in: the columns of a kind, drop-downs where words are to be chosen, a page of help."""

from collections.abc import Sequence
from io import BytesIO

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from services.registry.domain.imports import values
from services.registry.domain.imports.fields import Field
from services.registry.use_cases.imports.planner import Kind

__all__ = ["template"]

HEADER_LINE = 3
LAST_LINE = 20_000
HEADING = PatternFill("solid", fgColor="DDEBF7")
REQUIRED = PatternFill("solid", fgColor="FCE4D6")
HELP = (
    "Điền từ dòng ngay dưới tiêu đề; mỗi dòng một mục. Có thể thêm, bớt, đổi chỗ cột; cột lạ sẽ được báo lại, "
    "không đọc.",
    "Cột màu cam là bắt buộc. Ô để trống giữ nguyên những gì hệ thống đã biết, không xóa.",
    "Ngày viết dạng ngày/tháng/năm, ví dụ 31/12/2024. Mã và số điện thoại để ở dạng văn bản để không mất số 0 ở đầu.",
    "Công thức không được tính lại: hệ thống dùng giá trị mà Excel đã lưu; ô công thức chưa có giá trị là lỗi.",
    "Tải tệp lên chưa ghi gì: hãy xem từng dòng sẽ ra sao và các lỗi theo ô, sửa tệp rồi tải lại, sau cùng mới ghi.",
)


def template(kind: Kind) -> bytes:
    """Make the template of a kind."""
    book = Workbook()
    table = book.active
    assert isinstance(table, Worksheet)
    table.title = kind.title
    words = book.create_sheet("Danh mục")
    words.sheet_state = "hidden"
    _fill_table(table, kind)
    for number, field in enumerate((each for each in kind.fields if each.choices), start=1):
        _offer(table, words, number, field, kind.fields.index(field) + 1)
    _fill_help(book.create_sheet("Hướng dẫn"), kind.fields)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def _fill_table(table: Worksheet, kind: Kind) -> None:
    table.cell(1, 1, kind.title.upper()).font = Font(bold=True, size=14)
    table.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(kind.fields))
    for number, field in enumerate(kind.fields, start=1):
        cell = table.cell(HEADER_LINE, number, field.title)
        cell.font = Font(bold=True)
        cell.fill = REQUIRED if field.required else HEADING
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        column = table.column_dimensions[get_column_letter(number)]
        column.width = max(14, min(40, len(field.example) + 4))
        # Of the column as a whole: cells of its own would make a file of a megabyte with nothing in it.
        column.number_format = "dd/mm/yyyy" if field.read is values.day else "@"
    table.freeze_panes = f"A{HEADER_LINE + 1}"


def _offer(table: Worksheet, words: Worksheet, number: int, field: Field, column: int) -> None:
    """Let the cells of a column be chosen from a list, which stands on a hidden sheet."""
    for line, word in enumerate(field.choices, start=1):
        words.cell(line, number, word)
    letter = get_column_letter(number)
    listed = f"'{words.title}'!${letter}$1:${letter}${len(field.choices)}"
    chosen = DataValidation(type="list", formula1=listed, allow_blank=True, showErrorMessage=True)
    chosen.errorTitle, chosen.error = field.title, "Hãy chọn một giá trị trong danh sách."
    chosen.add(f"{get_column_letter(column)}{HEADER_LINE + 1}:{get_column_letter(column)}{LAST_LINE}")
    table.add_data_validation(chosen)


def _fill_help(sheet: Worksheet, fields: Sequence[Field]) -> None:
    for line, text in enumerate(HELP, start=1):
        sheet.cell(line, 1, text)
    begin = len(HELP) + 2
    for place, title in enumerate(
        ("Cột trong tệp", "Bắt buộc", "Ví dụ một dòng", "Giá trị được chọn", "Giải thích"), start=1
    ):
        sheet.cell(begin, place, title).font = Font(bold=True)
    for line, field in enumerate(fields, start=begin + 1):
        told = (field.title, "x" if field.required else "", field.example, " | ".join(field.choices), field.help)
        for place, text in enumerate(told, start=1):
            sheet.cell(line, place, text).number_format = "@"
    for letter, width in zip("ABCDE", (32, 10, 40, 60, 60), strict=True):
        sheet.column_dimensions[letter].width = width
