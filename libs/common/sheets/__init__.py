"""Spreadsheets that somebody else made, XLSX and CSV, read line by line and without trust."""

from libs.common.sheets.container import recognise
from libs.common.sheets.delimited import Csv, neutral, open_csv
from libs.common.sheets.model import BadBook, Book, CellFault, Limits, Line, Sheet, Value, address, column_letters
from libs.common.sheets.xlsx import Xlsx, open_xlsx

__all__ = [
    "BadBook",
    "Book",
    "CellFault",
    "Limits",
    "Line",
    "Sheet",
    "Value",
    "address",
    "column_letters",
    "neutral",
    "open_book",
    "recognise",
]

LIMITS = Limits()


def open_book(content: bytes, limits: Limits = LIMITS) -> Xlsx | Csv:
    """Open a file by what it is; raises BadBook."""
    if recognise(content) == "xlsx":
        return open_xlsx(content, limits)
    return open_csv(content, limits)
