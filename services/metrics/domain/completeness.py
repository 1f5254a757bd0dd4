"""How far the reporters behind a number have sent everything."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

__all__ = ["Progress", "complete_through"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a device says it has sent until when; without a device: since when records of the reporter are held."""

    progress_id: UUID
    revision: int
    reporter_id: UUID
    device: str | None
    synced_through: datetime | None
    held_since: datetime | None


def complete_through(active: Set[UUID], told: Iterable[Progress]) -> datetime | None:
    """Give the time until which every active reporter has sent everything; None if one has never said.

    A reporter has sent what all its devices have sent, less what is held.
    """
    said: set[UUID] = set()
    limits: list[datetime] = []
    for progress in told:
        if progress.reporter_id not in active:
            continue
        if progress.held_since is not None:
            limits.append(progress.held_since)
        if progress.device is None:
            continue
        if progress.synced_through is None:
            return None
        said.add(progress.reporter_id)
        limits.append(progress.synced_through)
    return min(limits) if limits and said >= active else None
