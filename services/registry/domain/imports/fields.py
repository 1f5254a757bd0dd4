"""Fields that a column may hold: what its header may be called, how its cells are read, what a template shows."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from libs.common.sheets import Value, address
from services.registry.domain.atlas import fold

__all__ = ["Field", "Finding", "Read", "Repaired", "RowRead", "Source", "Unreadable", "clean"]

INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def clean(text: str) -> str:
    """Give a text in NFC, without what cannot be seen, white space of any kind as one space."""
    return " ".join(unicodedata.normalize("NFC", text.translate(INVISIBLE)).split())


class Unreadable(Exception):
    """A cell that cannot be read as its field, with a code and what its sentence needs."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True)
class Repaired:
    """A value that was not written as it should be, but could mean only this; `code` says what was done."""

    value: object
    code: str
    params: Mapping[str, Any]


Read: TypeAlias = Callable[[Value], object]
"""Reads a cell that is not empty: gives a value, or Repaired; raises Unreadable."""


@dataclass(frozen=True)
class Field:
    """A field of a kind of import.

    `aliases` are further headers, written as one likes. `personal` values are never shown in a sentence.
    """

    name: str
    title: str
    read: Read
    example: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    personal: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""

    def headers(self) -> frozenset[str]:
        """Give every header that means this field, folded."""
        return frozenset(fold(each) for each in (self.name, self.title, *self.aliases))


class Source(NamedTuple):
    """Where a row stands."""

    sheet: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a row, or worth telling; `column` is a field's name, `cell` an address such as B7."""

    code: str
    column: str = ""
    cell: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    warning: bool = False


@dataclass(slots=True)
class RowRead:
    """A row: the values of its fields that are not empty, and what was found while reading them."""

    source: Source
    values: dict[str, Any]
    columns: Mapping[str, int]
    findings: list[Finding]

    def wrong(self, code: str, column: str, /, **params: Any) -> None:
        """Note a mistake in a column."""
        self.findings.append(Finding(code, column, self.cell(column), params))

    def warn(self, code: str, column: str, /, **params: Any) -> None:
        """Note what should be known but stops nothing."""
        self.findings.append(Finding(code, column, self.cell(column), params, warning=True))

    def cell(self, column: str) -> str:
        """Give the address of the cell of a field; of the first cell where the file has no such column."""
        return address(self.columns.get(column, 0), self.source.line)

    @property
    def is_wrong(self) -> bool:
        """Say whether anything found stops the row."""
        return any(not finding.warning for finding in self.findings)


def titles(fields: Sequence[Field]) -> str:
    """Give the headers as a person would be told them."""
    return ", ".join(f"“{each.title}”" for each in fields)
