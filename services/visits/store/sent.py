"""What the rows of one request have in common."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

__all__ = ["Sent"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What the rows of one request have in common."""

    client_id: str
    batch_id: UUID | None
    received_at: datetime
    sent_at: datetime | None
    request_id: str
