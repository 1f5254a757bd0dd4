"""Telephone numbers, and what in a text looks like a person's number."""

import re

__all__ = ["SEPARATORS", "BadPhone", "e164", "tells_identity"]

SEPARATORS = re.compile(r"[\s.\-()]")
MIN_CHARACTERS = 10
_TELLING = re.compile(r"(?<![\w-])(?:[0-9]{12}|(?:(?:\+|00)?84|0)[235789][0-9]{8,9})(?![\w-])")
"""A run of digits of its own that could be a personal identification number or a Vietnamese telephone number."""
_WITHIN_NUMBER = re.compile(r"(?<=[0-9])[\s.\-()]+(?=[0-9])")

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
# The national numbering plan (Circular 22/2014/TT-BTTTT and its ten-digit mobile plan of 2018):
# mobile 3, 5, 7, 8, 9 and eight digits; geographic 2 and nine digits.
_VIETNAMESE = re.compile(r"\+84(?:[35789][0-9]{8}|2[0-9]{9})")


class BadPhone(ValueError):
    """Not a telephone number; the value itself is not repeated."""


def tells_identity(text: str | None) -> bool:
    """Say whether a text that is kept as it is holds what looks like a person's number, however it is spelt."""
    if text is None or len(text) < MIN_CHARACTERS:
        return False
    return _TELLING.search(_WITHIN_NUMBER.sub("", text)) is not None


def e164(text: str) -> str:
    """Give a telephone number as E.164; a national number is taken as Vietnamese. Raises BadPhone."""
    number = SEPARATORS.sub("", text)
    if number.startswith("00"):
        number = "+" + number[2:]
    elif number.startswith("0"):
        number = "+84" + number[1:]
    elif number.startswith("84") and len(number) >= 11:
        number = "+" + number
    if not _E164.fullmatch(number) or (number.startswith("+84") and not _VIETNAMESE.fullmatch(number)):
        raise BadPhone("phone")
    return number
