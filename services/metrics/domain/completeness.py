"""How far the reporters behind a number have sent everything."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

__all__ = ["Progress", "Synced", "complete_through"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a device says it has sent until when; without a device: since when records of the reporter are held."""

    progress_id: UUID
    revision: int
    reporter_id: UUID
    device: str | None
    synced_through: datetime | None
    held_since: datetime | None


@dataclass(frozen=True, slots=True)
class Synced:
    """What the devices of some reporters say together: how many reporters, the least they say, and what is held.

    `silent` where a device says nothing.
    """

    reporters: int
    silent: bool
    synced_through: datetime | None
    held_since: datetime | None


def complete_through(active: Set[UUID], told: Synced) -> datetime | None:
    """Give the time until which every active reporter has sent everything; None if one has never said.

    A reporter has sent what all its devices have sent, less what is held.
    """
    if not active or told.silent or told.reporters < len(active):
        return None
    return min((limit for limit in (told.synced_through, told.held_since) if limit is not None), default=None)
