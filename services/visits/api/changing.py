"""POST …/{id}:correct and …/{id}:void."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from libs.common.db import transaction
from libs.common.http import json_response, parameters, read_body
from libs.common.problem import Fault, Problem
from libs.common.strict_json import check
from libs.common.telemetry import request_id
from libs.contracts.visits_api import Void
from services.visits import events, store
from services.visits.api.kinds import RecordKind
from services.visits.api.reading import may_see
from services.visits.api.resources import Resources, author_of, code_list, json_only, parse
from services.visits.domain.clock import Clock, local_day
from services.visits.domain.draft import Draft, Intake
from services.visits.domain.identity import tells_identity
from services.visits.store import Sent, Stored
from services.visits.use_cases import change
from services.visits.use_cases.change import Change
from services.visits.use_cases.prepare import Prepared, Preparing, kept_persons
from services.visits.use_cases.receipts import Receipt
from services.visits.use_cases.rows import of_correction

__all__ = ["correct", "void"]


async def correct(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Replace a record's content: 200 with a receipt, 409 with the record as it is where the revision is stale."""
    caller = resources.caller(request, kind.write_scope)
    author = author_of(caller, kind)
    json_only(request)
    parameters(request)
    record_id: UUID = request.path_params["id"]
    body = parse(kind.correction, check(await read_body(request)))
    _no_identity(body.reason)
    received_at = resources.now()
    codes = code_list(body.codes_as_of, author, received_at)
    clock = Clock.compare(received_at, body.sent_at)
    content = b"correct\x00" + record_id.bytes + body.model_dump_json(exclude_unset=True, exclude={"sent_at"}).encode()
    digests = resources.keys.digests(content)
    sent = Sent(author.client_id, None, received_at, body.sent_at, request_id.get())

    def prepared(replaced: Draft) -> Prepared:
        intake = Intake(resources.keys, resources.directory, clock, kept=kept_persons(replaced))
        row = of_correction(body, replaced.reporter_id)
        return Preparing(intake, author, codes, replaced.reporter_id).prepare(0, row, content)

    async with transaction(resources.engine) as connection:
        current = await store.latest(connection, record_id)
        if current is None or not may_see(current, author, resources.directory):
            raise Problem("record_unknown", id=str(record_id))
        asked = Change(record_id, kind.kind, body.id, body.replaces, digests, body.reason)
        receipt = await change.correct(connection, asked, prepared, sent, resources.receipts)
    _count(current, receipt, kind, resources)
    return json_response(receipt)


async def void(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Take a record back: 200 with a receipt, 409 with the record as it is where the revision is stale."""
    caller = resources.caller(request, kind.write_scope)
    author = author_of(caller, kind)
    json_only(request)
    parameters(request)
    record_id: UUID = request.path_params["id"]
    body = parse(Void, check(await read_body(request)))
    _no_identity(body.reason)
    content = b"void\x00" + record_id.bytes + body.model_dump_json(exclude_unset=True).encode()
    sent = Sent(author.client_id, None, resources.now(), None, request_id.get())
    async with transaction(resources.engine) as connection:
        current = await store.latest(connection, record_id)
        if current is None or not may_see(current, author, resources.directory):
            raise Problem("record_unknown", id=str(record_id))
        asked = Change(record_id, kind.kind, body.id, body.replaces, resources.keys.digests(content), body.reason)
        receipt = await change.void(connection, asked, sent, resources.receipts)
    _count(current, receipt, kind, resources)
    return json_response(receipt)


def _count(before: Stored, receipt: Receipt, kind: RecordKind, resources: Resources) -> None:
    """Count a change, at the unit of the record as it was."""
    unit_id, _ = events.place_of(before.body)
    resources.received.change(kind.kind, receipt.status, unit_id, local_day(resources.now()))


def _no_identity(reason: str | None) -> None:
    """Refuse a reason that names somebody; raises Problem identity_in_text."""
    if reason is not None and tells_identity(reason):
        raise Problem("identity_in_text", faults=[Fault("identity_in_text", "/reason")])
