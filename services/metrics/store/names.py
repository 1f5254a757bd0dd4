"""Units, reporters and codes by the dense numbers that stand for them in facts and cells."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from libs.common.db import Connection

__all__ = ["BOOK", "Book", "Names", "number_names", "open_book"]

Name = TypeVar("Name", UUID, str)


BOOK = """(SELECT oid::bigint FROM pg_database WHERE datname = current_database()), 'ids'::regclass::oid::bigint,
    pg_postmaster_start_time()"""
"""The columns of a Book."""


class Book(NamedTuple):
    """Which numbers these are: another database, table or life of the server may have others, or have lost some."""

    database: int
    table: int
    started: datetime


@dataclass(frozen=True, slots=True)
class Names:
    """Numbers by name; the two kinds are numbered each by itself."""

    ids: dict[UUID, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)


class _Memory:
    """What was read of one book: a number once committed never changes."""

    def __init__(self) -> None:
        self._book: Book | None = None
        self._names = Names()

    def of(self, book: Book) -> Names:
        if book != self._book:
            self._book, self._names = book, Names()
        return self._names


_memory = _Memory()


async def open_book(connection: Connection) -> Book:
    """Say which numbers this connection's are."""
    row = await connection.fetchrow(f"SELECT {BOOK}")
    assert row is not None
    return Book(*row)


async def number_names(connection: Connection, book: Book, ids: Set[UUID], codes: Set[str]) -> Names:
    """Give the numbers of names, made where there were none, in a transaction that has written already."""
    known = _memory.of(book)
    return Names(
        await _number(connection, "ids", "id", "uuid", ids, known.ids),
        await _number(connection, "codes", "code", "text", codes, known.codes),
    )


async def _number(
    connection: Connection, table: str, column: str, type_: str, wanted: Set[Name], known: dict[Name, int]
) -> dict[Name, int]:
    missing = wanted - known.keys()
    if not missing:
        return known
    # What this transaction made may still be rolled back, and is not remembered.
    select = f"""SELECT {column}, number, xmin <> pg_current_xact_id()::xid AS lasting FROM {table}
        WHERE {column} = ANY($1::{type_}[])"""
    found: list[Any] = await connection.fetch(select, list(missing))
    known |= {name: number for name, number, lasting in found if lasting}
    if len(found) == len(missing):
        return known | {name: number for name, number, _ in found}
    made: list[Any] = await connection.fetch(
        f"""INSERT INTO {table} ({column}) SELECT * FROM unnest($1::{type_}[]) AS told (name) ORDER BY name
            ON CONFLICT DO NOTHING RETURNING {column}, number, false""",
        list(missing - {name for name, *_ in found}),
    )
    if len(found) + len(made) < len(missing):
        # Another transaction made them meanwhile; the insert has waited for its end.
        made = await connection.fetch(select, list(missing))
    return known | {name: number for name, number, _ in [*found, *made]}
