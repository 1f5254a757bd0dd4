"""Records that something seems wrong with: a bounded set, looked at again and again until they are healed."""

from collections.abc import Callable, Iterable
from itertools import islice
from uuid import UUID

__all__ = ["MOST", "Suspects"]

MOST = 10_000


class Suspects:
    """Ids since when they are suspect; where there is no room for one more, `lossy` says so from then on."""

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._since: dict[UUID, float] = {}
        self.lossy = False

    def __len__(self) -> int:
        return len(self._since)

    def add(self, record_id: UUID) -> None:
        """Take in one; who is in already stays with its time, at the end of the queue."""
        since = self._since.pop(record_id, None)
        if since is None and len(self._since) >= self._most:
            self.lossy = True
            return
        self._since[record_id] = self._clock() if since is None else since

    def discard(self, record_ids: Iterable[UUID]) -> None:
        """Let go whoever is healed."""
        for record_id in record_ids:
            self._since.pop(record_id, None)

    def next(self, limit: int) -> list[UUID]:
        """Give those that were looked at longest ago."""
        return list(islice(self._since, limit))

    def lasting(self, seconds: float) -> int:
        """Count those that have been suspect for so long."""
        before = self._clock() - seconds
        return sum(since <= before for since in self._since.values())
