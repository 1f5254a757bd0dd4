"""The log in PostgreSQL; the only place with SQL."""

from services.visits.store.appending import NewRevision, StoredBefore, insert
from services.visits.store.decisions import Decision, append_decision, decision_of
from services.visits.store.lifting import Behind, count_behind, read_behind, write_lifted
from services.visits.store.progress import append_progress, refresh_held_since
from services.visits.store.records import (
    Stored,
    by_batch,
    by_change,
    edition_at,
    held,
    held_among,
    history,
    latest,
    lock_records,
    page,
    to_choose,
)
from services.visits.store.sent import Sent

__all__ = [
    "Behind",
    "Decision",
    "NewRevision",
    "Sent",
    "Stored",
    "StoredBefore",
    "append_decision",
    "append_progress",
    "by_batch",
    "by_change",
    "count_behind",
    "decision_of",
    "edition_at",
    "held",
    "held_among",
    "history",
    "insert",
    "latest",
    "lock_records",
    "page",
    "read_behind",
    "refresh_held_since",
    "to_choose",
    "write_lifted",
]
