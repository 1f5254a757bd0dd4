"""The log in PostgreSQL; the only place with SQL."""

from services.visits.store.appending import NewRevision, StoredBefore, insert
from services.visits.store.progress import append_progress, refresh_held_since
from services.visits.store.records import (
    Stored,
    by_batch,
    by_change,
    held,
    held_among,
    history,
    latest,
    lock_records,
    page,
)
from services.visits.store.sent import Sent

__all__ = [
    "NewRevision",
    "Sent",
    "Stored",
    "StoredBefore",
    "append_progress",
    "by_batch",
    "by_change",
    "held",
    "held_among",
    "history",
    "insert",
    "latest",
    "lock_records",
    "page",
    "refresh_held_since",
]
