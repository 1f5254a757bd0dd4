"""The dense numbers of the map's units, remembered by a process that reads them again and again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from libs.common.db import Connection
from services.metrics.store.literal import plain
from services.metrics.store.names import Book

__all__ = ["UnitNumbers"]


@dataclass(slots=True)
class UnitNumbers:
    """Numbers by id; `version` tells one state of them from another.

    A number once seen never changes; one that is not there comes with a team or an appointment, which raise the
    network's revision.
    """

    known: dict[UUID, int] = field(default_factory=dict)
    version: int = 0
    _book: Book | None = None
    _read_at: tuple[object, int] | None = None

    async def read(
        self, connection: Connection, book: Book, revision: object, units: Iterable[UUID], map_: int
    ) -> None:
        """Learn the numbers that units have in this snapshot, at a revision of the network and of the map."""
        if book != self._book:
            self._book, self.known, self._read_at = book, {}, None
            self.version += 1
        if self._read_at == (revision, map_):
            return
        missing = [unit for unit in units if unit not in self.known]
        # As a table: an array that is read from text would be read again for each row.
        rows = await connection.fetch(
            "SELECT id, number FROM unnest($1::text::uuid[]) AS told (id) JOIN ids USING (id)", plain(missing)
        )
        if rows:
            self.known = {**self.known, **{unit_id: number for unit_id, number in rows}}
            self.version += 1
        self._read_at = revision, map_
