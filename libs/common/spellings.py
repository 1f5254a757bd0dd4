"""Codes by the other spellings that people know them by."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Spellings", "spelling"]


def spelling(text: str) -> str:
    """Give what spellings have in common that mean the same: case and the form of Unicode do not matter."""
    return unicodedata.normalize("NFC", text).casefold()


@dataclass(slots=True)
class Spellings:
    """Codes of one kind with their aliases; a code always means itself."""

    _aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _codes: dict[str, str] = field(default_factory=dict)

    def take(self, code: str, aliases: Iterable[str]) -> None:
        """Take a code's aliases in place of those it had."""
        for alias in self._aliases.pop(code, ()):
            self._codes.pop(alias, None)
        told = self._aliases[code] = tuple(spelling(each) for each in (code, *aliases))
        self._codes |= dict.fromkeys(told, code)

    def code_of(self, text: str) -> str:
        """Give the code that a text stands for; the text itself where there is none."""
        return text if text in self._aliases else self._codes.get(spelling(text), text)
