"""Held records: counted when what they wait for has come, expired with a reason when it never does."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from libs.common.db import Connection
from services.visits import events, store
from services.visits.domain.directory import Directory
from services.visits.domain.draft import Draft
from services.visits.domain.place import Settled, Waiting, settle
from services.visits.store import NewRevision, Sent, Stored
from services.visits.use_cases.record import say_held

__all__ = ["HELD_FOR", "settle_held"]

HELD_FOR = timedelta(days=30)

Root = Callable[[str], UUID | None]
"""Gives the root of a client's subtree as it is now; raises LookupError for a client that is not known."""


async def settle_held(
    connection: Connection, rows: Sequence[Stored], directory: Directory, root_of: Root, now: datetime
) -> int:
    """Append the next edition of each record whose wait is over; the caller commits. Gives their number.

    Every check that was skipped when the record came is made now, the sender's scope included.
    """
    ready = [row.record_id for row in rows if _next_edition(row, directory, root_of, now) is not None]
    if not ready:
        return 0
    # A void or correction may have come since these rows were read: alone with the records, look again.
    await store.lock_records(connection, ready)
    standing = await store.held_among(connection, ready)
    over = [made for row in standing if (made := _next_edition(row, directory, root_of, now)) is not None]
    sent = Sent(client_id="visits", batch_id=None, received_at=now, sent_at=None, request_id="")
    await store.insert(connection, over, sent)
    for kind in sorted({row.kind for row in over}):
        await say_held(connection, {row.reporter_id for row in over if row.kind == kind}, sent, kind)
    return len(over)


def _next_edition(row: Stored, directory: Directory, root_of: Root, now: datetime) -> NewRevision | None:
    draft = events.draft_of(row.body, row.occurred_given)
    place = _place(draft, row.client_id, directory, root_of)
    if isinstance(place, Settled):
        return _edition(row, replace(draft, unit_id=place.unit_id), "recorded", None)
    if isinstance(place, str):
        return _edition(row, draft, "expired", place)
    if now - row.received_at > HELD_FOR:
        return _edition(row, draft, "expired", "expired_while_held")
    return None


def _place(draft: Draft, client_id: str, directory: Directory, root_of: Root) -> Settled | Waiting | str:
    try:
        root = root_of(client_id)
    except LookupError:
        return "client_suspended"
    team_id = draft.reporter_id if draft.kind == "visit" else None
    place = settle(team_id, draft.unit_id, draft.day, directory, root)
    return place[0].code if isinstance(place, list) else place


def _edition(row: Stored, draft: Draft, state: str, reason: str | None) -> NewRevision:
    return NewRevision(
        record_id=row.record_id,
        revision=row.revision,
        edition=row.edition + 1,
        kind=row.kind,
        state=state,
        held=state != "recorded",
        change_id=row.change_id,
        digest=row.digest,
        reporter_id=row.reporter_id,
        type=events.RECORD_TYPE,
        occurred_given=row.occurred_given,
        occurred_at=row.occurred_at,
        reason=reason,
        waiting_for=(),
        body=events.record_body(
            draft, row.record_id, row.revision, edition=row.edition + 1, state=state, unit_id=draft.unit_id
        ),
    )
