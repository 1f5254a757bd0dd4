"""GET: a record with its revisions, receipts by id and by batch, a reporter's own records."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from libs.common.db import transaction
from libs.common.http import parameters, tagged_response
from libs.common.problem import Problem
from libs.common.telemetry import get_logger
from libs.contracts.visits_bodies import MAX_BULK_ROWS, MAX_ROWS
from services.visits import store
from services.visits.api.kinds import RecordKind
from services.visits.api.resources import Resources, author_of
from services.visits.domain.codes import as_id
from services.visits.domain.directory import Directory
from services.visits.domain.place import team_id_of
from services.visits.store import Stored
from services.visits.use_cases.prepare import Author
from services.visits.use_cases.view import record_view

__all__ = ["limit_of", "may_see", "one", "own_records", "receipts", "uuid_of"]

logger = get_logger(__name__)

MAX_PAGE = 200


def may_see(row: Stored, author: Author, directory: Directory) -> bool:
    """Say whether a record lies within the author's reach: its own reports, or its subtree's visits.

    What a client itself sent it sees also while the team is not known yet.
    """
    if row.kind == "partner_report":
        return row.reporter_id == author.partner_id
    if author.root is None or row.client_id == author.client_id:
        return True
    team = directory.teams.get(row.reporter_id)
    unit = directory.units.get(team.unit_id) if team is not None else None
    return unit is not None and author.root in unit.within


async def one(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Show a record with its revisions, newest first."""
    author = author_of(resources.caller(request, kind.read_scope), kind)
    parameters(request)
    record_id: UUID = request.path_params["id"]
    async with transaction(resources.engine, readonly=True) as connection:
        rows = await store.history(connection, [record_id])
    if not rows or rows[0].kind != kind.kind or not may_see(rows[0], author, resources.directory):
        raise Problem("record_unknown", id=str(record_id))
    logger.info("record.read", client=author.client_id, record=str(record_id))
    return tagged_response(request, msgspec.json.encode(record_view(rows)))


async def receipts(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Give receipts again: by `id` (of a creation, correction or void; repeatable) or by `batch`."""
    author = author_of(resources.caller(request, kind.read_scope), kind)
    parameters(request, "id", "batch", repeatable="id")
    ids = [uuid_of(text, "id") for text in request.query_params.getlist("id")]
    batch = request.query_params.get("batch")
    if bool(ids) == (batch is not None) or len(ids) > MAX_ROWS:
        raise Problem("bad_parameter", name="id, batch", reason=f"id (1–{MAX_ROWS}) | batch")
    async with transaction(resources.engine, readonly=True) as connection:
        if batch is not None:
            found = await store.by_batch(connection, uuid_of(batch, "batch"), author.client_id, MAX_BULK_ROWS + 1)
        else:
            found = list((await store.by_change(connection, ids)).values())
    if len(found) > MAX_BULK_ROWS:
        raise Problem("result_too_large", limit=MAX_BULK_ROWS)
    seen = [row for row in found if row.kind == kind.kind and may_see(row, author, resources.directory)]
    rows = [resources.receipts.known(None, row) for row in seen]
    missing = sorted(set(ids) - {row.change_id for row in seen})
    return tagged_response(request, msgspec.json.encode({"rows": rows, "not_found": missing}))


async def own_records(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Page through a team's or the partner's own records as they stand now, newest received first."""
    author = author_of(resources.caller(request, kind.read_scope), kind)
    of_visits = kind.kind == "visit"
    asked = parameters(request, *(["team"] if of_visits else []), "limit", "cursor")
    reporter = _reporter(asked.get("team"), resources) if of_visits else author.partner_id
    assert reporter is not None
    limit = limit_of(asked.get("limit", "50"))
    after = _after(asked.get("cursor"))
    async with transaction(resources.engine, readonly=True, isolation="repeatable_read") as connection:
        ids = await store.page(connection, reporter, after, limit + 1)
        rows = await store.history(connection, [record_id for record_id, _ in ids[:limit]], newest_only=True)
    histories = {record_id: list(group) for record_id, group in groupby(rows, key=lambda row: row.record_id)}
    views = [
        record_view(histories[record_id])
        for record_id, _ in ids[:limit]
        if may_see(histories[record_id][0], author, resources.directory)
    ]
    following = _cursor(*ids[limit - 1]) if len(ids) > limit else None
    return tagged_response(request, msgspec.json.encode({"records": views, "next": following}))


def _reporter(reference: str | None, resources: Resources) -> UUID:
    if reference is None:
        raise Problem("bad_parameter", name="team", reason="mã hoặc id của tổ / a team's code or id")
    team_id = team_id_of(reference, resources.directory, "/team")
    if not isinstance(team_id, UUID):
        raise Problem(team_id.code, **team_id.params)
    return team_id


def limit_of(text: str) -> int:
    """Read how many entries a page has; raises Problem bad_parameter."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_PAGE):
        raise Problem("bad_parameter", name="limit", reason=f"1–{MAX_PAGE}")
    return int(text)


def uuid_of(text: str, name: str) -> UUID:
    """Read an id; raises Problem bad_parameter."""
    found = as_id(text)
    if found is None:
        raise Problem("bad_parameter", name=name, reason="UUID")
    return found


def _cursor(record_id: UUID, received_at: datetime) -> str:
    return urlsafe_b64encode(f"{received_at.isoformat()} {record_id}".encode()).decode().rstrip("=")


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, _, record_id = text.partition(" ")
        received_at = datetime.fromisoformat(moment)
        if received_at.tzinfo is None or not 2000 <= received_at.year < 2200:
            raise ValueError(moment)
        return received_at, UUID(record_id)
    except ValueError as error:
        raise Problem("bad_parameter", name="cursor", reason="cursor") from error
