"""A version of an administrative unit."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

__all__ = ["LEVELS", "Unit"]

LEVELS = ("province", "district", "commune", "subcommune")


@dataclass(frozen=True, slots=True)
class Unit:
    """A version of a unit; `path` leads from the province to itself, `within` names all that hold its territory.

    `successors` are the units that its territory, or a part of it, went to.
    """

    unit_id: UUID
    revision: int
    code: str | None
    level: str
    name: str
    valid_from: date | None
    valid_to: date | None
    path: tuple[UUID, ...]
    within: tuple[UUID, ...]
    successors: tuple[UUID, ...] = ()

    @property
    def parent(self) -> UUID | None:
        """Give the unit that it lies in, if any."""
        return self.path[-2] if len(self.path) > 1 else None

    def valid_on(self, day: date) -> bool:
        """Say whether it existed on a day; `valid_to` is the first day on which it does not."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)

    @property
    def last_day(self) -> date | None:
        """Give the last day on which it exists; None: there is no last one, or it never does."""
        if self.valid_to is None or self.valid_to <= (self.valid_from or date.min):
            return None
        return self.valid_to - timedelta(days=1)

    def ended_by(self, day: date) -> bool:
        """Say whether it was there before a day, and is no more."""
        return self.valid_to is not None and self.valid_to <= day
