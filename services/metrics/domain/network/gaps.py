"""Lists by name, a page at a time."""

import unicodedata
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from typing import NamedTuple, TypeVar
from uuid import UUID

__all__ = ["Mark", "page_of", "plain"]


class Mark(NamedTuple):
    """A place in a list by name: the name without marks and case, then the id."""

    name: str
    key: str


Item = TypeVar("Item")


def plain(name: str) -> str:
    """Give a name as it is sorted: without diacritics and case."""
    letters = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def page_of(
    items: Iterable[tuple[str, UUID, Item]], after: Mark | None, limit: int
) -> tuple[Sequence[Item], Mark | None, int]:
    """Give the items after a mark in the order of their names, the mark of the next page, and how many there are."""
    marked = [(Mark(plain(name), str(key)), item) for name, key, item in items]
    page = nsmallest(limit + 1, (each for each in marked if after is None or each[0] > after), key=lambda each: each[0])
    more = page[limit - 1][0] if len(page) > limit else None
    return [item for _, item in page[:limit]], more, len(marked)
