"""What a kind of import is: its columns, and how its rows are compared with what the registry knows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias, TypeVar
from uuid import UUID

from services.registry.domain.imports.fields import Field, RowRead
from services.registry.domain.imports.planned import Planned
from services.registry.use_cases.changing import Desk

__all__ = ["Bounds", "Kind", "Plan", "in_pieces"]

T = TypeVar("T")
ROWS_AT_ONCE = 200


@dataclass(frozen=True)
class Bounds:
    """Within what a file is brought in: the client, its subtree, the day of the list that its codes are from."""

    client_id: str
    root: UUID | None
    codes_as_of: date | None


Plan: TypeAlias = Callable[[Desk, Bounds, Sequence[RowRead], bool], Awaitable[list[Planned]]]
"""Says what becomes of all rows of a file, in their order; the last argument says whether to write it, too.

Who has it written holds the lock of the log, and rolls back where a row cannot be taken.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of import; `needed` are groups of columns of which a file must have one each."""

    name: str
    title: str
    fields: Sequence[Field]
    needed: Sequence[Sequence[str]]
    plan: Plan


async def in_pieces(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """Give some items at a time, letting others have their turn in between: a file is seconds of work."""
    for begin in range(0, len(items), ROWS_AT_ONCE):
        yield items[begin : begin + ROWS_AT_ONCE]
        await asyncio.sleep(0)
