"""Held records: counted when what they wait for has come, expired with a reason when it never does."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from libs.common.db import Connection
from libs.common.problem import Fault
from services.visits import events, store
from services.visits.domain.codes import given
from services.visits.domain.directory import Directory
from services.visits.domain.draft import Draft
from services.visits.domain.place import Settled, Waiting, occasion, settle
from services.visits.store import NewRevision, Sent, Stored
from services.visits.use_cases.record import say_held

__all__ = ["HELD_FOR", "Root", "edition", "place_of", "settle_held"]

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
    made = [
        (row.client_id, made) for row in standing if (made := _next_edition(row, directory, root_of, now)) is not None
    ]
    sent = _sent("visits", now)
    over = [row for _, row in made if row.state != "held"]
    await store.insert(connection, over, sent)
    # What is held stays its sender's, whose scope is looked at in the end.
    for client_id in sorted({client_id for client_id, row in made if row.state == "held"}):
        again = [row for sender, row in made if sender == client_id and row.state == "held"]
        await store.insert(connection, again, _sent(client_id, now))
    for kind in sorted({row.kind for row in over}):
        await say_held(connection, {row.reporter_id for row in over if row.kind == kind}, sent, kind)
    return len(over)


def _sent(client_id: str, now: datetime) -> Sent:
    return Sent(client_id=client_id, batch_id=None, received_at=now, sent_at=None, request_id="")


def _next_edition(row: Stored, directory: Directory, root_of: Root, now: datetime) -> NewRevision | None:
    draft = events.draft_of(row.body, row.occurred_given)
    try:
        root = root_of(row.client_id)
    except LookupError:
        return edition(row, draft, "expired", "client_suspended")
    draft, place = place_of(draft, directory, root)
    if isinstance(place, Settled):
        return edition(row, replace(draft, unit_id=place.unit_id), "recorded")
    if isinstance(place, list):
        return edition(row, draft, "expired", place[0].code)
    if now - draft.received_at > HELD_FOR:
        return edition(row, draft, "expired", "expired_while_held")
    # What was waited for has come, and now it is something else: whoever asks is told.
    return edition(row, draft, "held", waiting_for=place.waiting_for) if place.waiting_for != row.waiting_for else None


def place_of(draft: Draft, directory: Directory, root: UUID | None) -> tuple[Draft, Settled | Waiting | list[Fault]]:
    """Make every check that was skipped; gives the draft with what is to be known of it by now, and its place."""
    team_id = draft.reporter_id if draft.kind == "visit" else None
    unit = given(draft.unit_id, draft.flags) if draft.unit_id is not None else None
    place = settle(team_id, unit, draft.day, directory, root)
    waiting, flags = occasion(draft.wave_id, draft.model_id, draft.day, directory)
    if waiting and not isinstance(place, list):
        place = Waiting((*(place.waiting_for if isinstance(place, Waiting) else ()), *waiting))
    return draft.flagged(*flags), place


def edition(
    row: Stored, draft: Draft, state: str, reason: str | None = None, waiting_for: tuple[str, ...] = ()
) -> NewRevision:
    """Make the next edition of a record that is held; only one that is recorded is told of."""
    return NewRevision(
        record_id=row.record_id,
        revision=row.revision,
        edition=row.edition + 1,
        kind=row.kind,
        state=state,
        held=state != "recorded",
        change_id=row.change_id,
        digest=row.digest,
        key_level=row.key_level,
        reporter_id=row.reporter_id,
        type=events.RECORD_TYPE,
        occurred_given=row.occurred_given,
        occurred_at=row.occurred_at,
        reason=reason,
        waiting_for=waiting_for,
        body=events.record_body(
            draft, row.record_id, row.revision, edition=row.edition + 1, state=state, unit_id=draft.unit_id
        ),
    )
