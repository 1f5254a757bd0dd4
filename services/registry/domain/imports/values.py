"""Cells as people and Excel write them, read as values: days, numbers, phones, words of a list."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

from libs.common.sheets import CellFault, Value
from services.registry.domain.atlas import fold
from services.registry.domain.imports.fields import Read, Repaired, Unreadable, clean

__all__ = ["choice", "day", "number", "phone", "text", "whole_number"]

MAX_TEXT = 200
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
VIETNAMESE_DAY = re.compile(
    r"(?:ngày )?(\d{1,2})\s*(?:[/.-]|tháng)\s*(\d{1,2})\s*(?:[/.-]|năm)\s*(\d{4})", re.IGNORECASE
)
ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00)?)?")
# From 1954 to 2064: no year, no code and no count of people is written so by mistake often enough to doubt it.
FIRST_SERIAL, LAST_SERIAL = 20_000, 60_000
SERIAL_ZERO = date(1899, 12, 30)
GROUPED = re.compile(r"\d{1,3}(?:[ .,]\d{3})+")
PHONE_SEPARATORS = re.compile(r"[\s.\-()]")
MOBILE_WITHOUT_ZERO = re.compile(r"[35789]\d{8}")
LANDLINE_WITHOUT_ZERO = re.compile(r"2\d{9}")
PHONE = re.compile(r"0(?:[35789]\d{8}|2\d{9})")


def told(value: Value) -> str | int | float | bool | date:
    """Give what a cell holds; raises Unreadable where its value is not known."""
    if isinstance(value, CellFault):
        raise Unreadable(f"cell_{value.kind}", value=value.text or "…")
    assert value is not None
    return value


def text(most: int = MAX_TEXT) -> Read:
    """Read a text of at most so many characters; a number is written as it is shown."""

    def read(value: Value) -> str:
        found = told(value)
        if isinstance(found, date):
            # "1-2" and "3/4" become days by themselves when one types them into Excel.
            raise Unreadable("cell_became_a_day", value=f"{found:%d/%m/%Y}")
        written = clean(_plain(found))
        if len(written) > most:
            raise Unreadable("cell_too_long", limit=most)
        if CONTROL.search(written):
            raise Unreadable("cell_control_character")
        return written

    return read


def _plain(found: str | int | float | bool) -> str:
    if isinstance(found, bool):
        return "TRUE" if found else "FALSE"
    return found if isinstance(found, str) else f"{found:.15g}"


def day(value: Value) -> date | Repaired:
    """Read a day: dd/mm/yyyy, a cell formatted as a day, 2024-12-31, or a day's number of Excel's own."""
    found = told(value)
    if isinstance(found, date):
        return _in_reason(found, f"{found:%d/%m/%Y}")
    if isinstance(found, int | float) and not isinstance(found, bool):
        return _serial(found)
    written = clean(str(found))
    for pattern, order in ((VIETNAMESE_DAY, (3, 2, 1)), (ISO_DAY, (1, 2, 3))):
        if matched := pattern.fullmatch(written):
            try:
                return _in_reason(date(*(int(matched[group]) for group in order)), written)
            except ValueError:
                break
    if written.isdecimal():
        return _serial(int(written))
    raise Unreadable("cell_not_a_day", value=written[:50])


def _serial(found: float) -> Repaired:
    if not FIRST_SERIAL <= found < LAST_SERIAL:
        raise Unreadable("cell_not_a_day", value=f"{found:g}")
    meant = SERIAL_ZERO + timedelta(days=int(found))
    return Repaired(meant, "cell_serial_day", {"value": f"{int(found)}", "day": f"{meant:%d/%m/%Y}"})


def _in_reason(found: date, written: str) -> date:
    if not date(1900, 1, 1) <= found <= date(2100, 12, 31):
        raise Unreadable("cell_not_a_day", value=written[:50])
    return found


def number(value: Value) -> float:
    """Read a number; dots or spaces between thousands, a comma before the fraction, as written in Vietnam."""
    found = told(value)
    if isinstance(found, bool | date):
        raise Unreadable("cell_not_a_number", value=str(found)[:50])
    if isinstance(found, int | float):
        return found
    written = clean(found)
    if GROUPED.fullmatch(written):
        return int(re.sub("[ .,]", "", written))
    try:
        return float(written.replace(",", ".")) if re.fullmatch(r"-?\d+(?:[.,]\d+)?", written) else int(written)
    except ValueError:
        raise Unreadable("cell_not_a_number", value=written[:50]) from None


def whole_number(value: Value) -> int:
    """Read a whole number that is not negative."""
    found = number(value)
    if found != int(found) or found < 0:
        raise Unreadable("cell_not_a_whole_number", value=f"{found:g}")
    return int(found)


def phone(value: Value) -> str | Repaired:
    """Read a Vietnamese phone number as 0 and nine or ten digits; the zero that Excel takes away is put back."""
    found = told(value)
    if isinstance(found, date | bool):
        raise Unreadable("cell_not_a_phone")
    written = PHONE_SEPARATORS.sub("", clean(f"{found:.15g}" if isinstance(found, float) else str(found)))
    written = re.sub(r"^(?:\+84|0084|84(?=\d{9,10}$))0?", "0", written)
    if PHONE.fullmatch(written):
        return written
    if MOBILE_WITHOUT_ZERO.fullmatch(written) or LANDLINE_WITHOUT_ZERO.fullmatch(written):
        return Repaired(f"0{written}", "cell_phone_zero", {})
    raise Unreadable("cell_not_a_phone")


def choice(words: Mapping[str, tuple[str, ...]]) -> Read:
    """Read one of some words by any of its names, in any case, with or without diacritics."""
    by_name = {fold(name): word for word, names in words.items() for name in (word, *names)}
    shown = " | ".join(names[0] for names in words.values())

    def read(value: Value) -> str:
        written = clean(str(told(value)))
        word = by_name.get(fold(written))
        if word is None:
            raise Unreadable("cell_not_a_choice", value=written[:50], expected=shown)
        return word

    return read
