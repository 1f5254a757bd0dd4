"""A record as it is shown: a person only by the kinds of reference, never by a pseudonym."""

from collections.abc import Sequence
from typing import Any

from services.visits import events
from services.visits.domain.draft import Line
from services.visits.store import Stored

__all__ = ["record_view"]

_KINDS = ("national_id", "phone", "ref", "receipt")


def record_view(rows: Sequence[Stored]) -> dict[str, Any]:
    """Show a record by its rows, newest first."""
    newest = rows[0]
    return {
        "id": newest.record_id,
        "kind": newest.kind,
        "reporter": newest.reporter_id,
        "state": newest.current_state,
        "revision": newest.current_revision,
        "revisions": [_revision_view(row) for row in rows],
    }


def _revision_view(row: Stored) -> dict[str, Any]:
    draft = events.draft_of(row.body, row.occurred_given)
    return {
        "revision": row.revision,
        "edition": row.edition,
        "change": row.change_id,
        "state": row.state,
        "received_at": row.received_at,
        "sent_at": row.sent_at,
        "batch": row.batch_id,
        "reason": row.reason,
        "unit": draft.unit_id,
        "occurred_at": draft.occurred_at,
        "day": draft.day.isoformat(),
        "flags": draft.flags,
        "waiting_for": row.waiting_for,
        "lines": [_line_view(line) for line in draft.lines],
        "position": f"visits:{row.position}",
    }


def _line_view(line: Line) -> dict[str, Any]:
    person = [kind for kind in _KINDS if line.person is not None and getattr(line.person, kind) is not None]
    return {
        "line": line.line,
        "measure": line.measure,
        "platform": line.platform,
        "stage": line.stage,
        "quantity": line.quantity,
        "person": person,
    }
