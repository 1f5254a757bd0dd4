"""GET /v1/records/held and POST /v1/records/{id}:resolve."""

from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from libs.common.auth import Caller
from libs.common.db import transaction
from libs.common.http import json_response, parameters, read_body, tagged_response
from libs.common.problem import Problem
from libs.common.strict_json import check
from libs.common.telemetry import request_id
from libs.contracts.visits_api import Resolution
from services.visits import store
from services.visits.api.kinds import PARTNER_REPORTS, VISITS
from services.visits.api.reading import limit_of, may_see, uuid_of
from services.visits.api.resources import Resources, json_only, parse
from services.visits.store import Sent, Stored
from services.visits.use_cases import resolve as use_case
from services.visits.use_cases.prepare import Author
from services.visits.use_cases.resolve import Asked
from services.visits.use_cases.view import record_view

__all__ = ["OFFICER_SCOPE", "held", "resolve"]

OFFICER_SCOPE = "records:settle"
_WRITE_SCOPES = {kind.kind: kind.write_scope for kind in (VISITS, PARTNER_REPORTS)}


async def resolve(request: Request, resources: Resources) -> Response:
    """Settle the unit of a held record: 200 with a receipt, 409 with the record as it is where nothing waits.

    Allowed to whoever may correct the record, and to officers for records that lie in their subtree.
    """
    caller = resources.caller(request, OFFICER_SCOPE, *_WRITE_SCOPES.values())
    json_only(request)
    parameters(request)
    record_id: UUID = request.path_params["id"]
    body = parse(Resolution, check(await read_body(request)))
    author = Author(caller.client_id, caller.unit_id, caller.partner_id)
    content = b"resolve\x00" + record_id.bytes + body.model_dump_json(exclude_unset=True).encode()
    sent = Sent(author.client_id, None, resources.now(), None, request_id.get())
    async with transaction(resources.engine) as connection:
        current = await store.latest(connection, record_id)
        if current is None:
            raise Problem("record_unknown", id=str(record_id))
        asked = Asked(
            record_id=record_id,
            decision_id=body.id,
            replaces=body.replaces,
            unit=body.unit,
            digest=resources.keys.digests(content)[0],  # Of ids alone: nothing in it to be hidden anew,
            author=author,
            as_sender=_as_sender(caller, author, current, resources),
            as_officer=OFFICER_SCOPE in caller.scopes,
        )
        receipt = await use_case.resolve(
            connection, asked, resources.directory, resources.guard.root_of, sent, resources.receipts
        )
    return json_response(receipt)


async def held(request: Request, resources: Resources) -> Response:
    """Page through what an officer may settle: records that wait for their unit, each with its candidates.

    A page may hold fewer than asked for, also none; the last has no `next`.
    """
    caller = resources.caller(request, OFFICER_SCOPE)
    asked = parameters(request, "limit", "cursor")
    limit = limit_of(asked.get("limit", "50"))
    after = uuid_of(asked["cursor"], "cursor") if "cursor" in asked else None
    async with transaction(resources.engine, readonly=True) as connection:
        rows = await store.to_choose(connection, limit, after)
    receipts = resources.receipts
    shown = [
        {**record_view([row]), "candidates": receipts.candidates(row.waiting_for, row.occurred_at)}
        for row in rows
        if use_case.lies_within(row, caller.unit_id, resources.directory)
    ]
    following = str(rows[-1].record_id) if len(rows) == limit else None
    return tagged_response(request, msgspec.json.encode({"records": shown, "next": following}))


def _as_sender(caller: Caller, author: Author, current: Stored, resources: Resources) -> bool:
    return _WRITE_SCOPES[current.kind] in caller.scopes and may_see(current, author, resources.directory)
