"""Keep the atlas by the log: each reader first takes in what has been appended since, in its own snapshot."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from libs.common.db import Connection
from libs.common.log import BEGINNING, Position
from libs.contracts.registry import UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.atlas import Atlas
from services.registry.events import event_of, unit_of
from services.registry.store import log

__all__ = ["Keeper"]

AT_ONCE = 500  # Some tens of milliseconds; others get their turn in between.
UNIT = type_of(UnitV1)


@dataclass(slots=True)
class Keeper:
    """The atlas of this process; a row that is read again, or older than what is known, changes nothing."""

    atlas: Atlas = field(default_factory=Atlas)
    _reached: Position = BEGINNING
    _revisions: dict[UUID, int] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def revision(self, unit_id: UUID) -> int:
        """Give the newest revision of a unit that is known here; 0 for one that is not."""
        return self._revisions.get(unit_id, 0)

    def told(self, unit_id: UUID) -> bytes:
        """Give a unit that is known here as the log has it."""
        return event_of(self.atlas.units[unit_id], self._revisions[unit_id]).body

    async def newest(self, connection: Connection) -> Atlas:
        """Give the atlas with all that others have committed in the caller's snapshot, or somewhat more."""
        async with self._reading:
            while page := await log.after(connection, self._reached, UNIT, AT_ONCE):
                for row in page:
                    if row.body is not None and row.revision > self._revisions.get(row.record_id, 0):
                        self.atlas.take(unit_of(row.body))
                        self._revisions[row.record_id] = row.revision
                self._reached = page[-1].position
            return self.atlas
