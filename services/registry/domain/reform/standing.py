"""A reform as it stands: drafted, scheduled for its day, enacted, failed on its day, or withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

__all__ = ["STATUSES", "Action", "Standing", "Status", "allows"]

Status = Literal["draft", "scheduled", "enacted", "failed", "withdrawn"]
STATUSES: tuple[Status, ...] = ("draft", "scheduled", "enacted", "failed", "withdrawn")

Action = Literal["drafted", "changed", "scheduled", "enacted", "failed", "withdrawn"]

_FROM: dict[Action, tuple[Status, ...]] = {
    "changed": ("draft", "failed"),
    "scheduled": ("draft", "failed"),
    "enacted": ("draft", "failed", "scheduled"),
    "failed": ("scheduled",),
    "withdrawn": ("draft", "scheduled", "failed"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A reform at a revision. `operations` and `failure` are JSON as they were told; `begun`, `ended` are units."""

    reform_id: UUID
    revision: int
    status: Status
    decree: str
    effective: date
    operations: bytes
    client_id: str
    created_at: datetime
    changed_at: datetime
    failure: bytes | None = None
    begun: Sequence[UUID] = ()
    ended: Sequence[UUID] = ()


def allows(status: Status, action: Action) -> bool:
    """Say whether something can be done with a reform that stands so; what failed may be mended and tried again."""
    return status in _FROM[action]
