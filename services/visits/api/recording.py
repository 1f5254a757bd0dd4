"""POST …:batch: every row answered for."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from libs.common.db import Connection, transaction
from libs.common.http import json_response, parameters, read_body
from libs.common.problem import Fault, Problem
from libs.common.strict_json import Split, split
from libs.common.telemetry import request_id
from libs.contracts.visits_api import BatchEnvelope
from services.visits.api.kinds import RecordKind
from services.visits.api.resources import Resources, author_of, json_only, parse, row_faults
from services.visits.domain.clock import Clock
from services.visits.domain.draft import Intake
from services.visits.domain.identity import tells_identity
from services.visits.domain.place import team_id_of
from services.visits.store import Sent
from services.visits.use_cases.prepare import Author, Prepared, prepare
from services.visits.use_cases.record import Outcome, record_batch, say_held, say_synced

__all__ = ["batch"]

MAX_ROWS = 500
STATUSES = ("accepted", "duplicate", "held", "rejected", "valid")


class _NotStored(Exception):
    """Rolls an atomic batch back."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Id(msgspec.Struct):
    id: UUID | None = None


async def batch(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Take in a batch: 200 with an outcome for each row; 409 where `atomic=true` and a row was not accepted."""
    caller = resources.caller(request, kind.write_scope)
    author = author_of(caller, kind)
    json_only(request)
    validate, atomic = _mode(request)
    received_at = resources.now()
    parts = split(await read_body(request))
    if len(parts.rows) > MAX_ROWS:
        raise Problem("too_many_rows", rows=len(parts.rows), limit=MAX_ROWS)
    envelope = parse(BatchEnvelope, parts.envelope)
    clock = Clock.compare(received_at, envelope.sent_at)
    intake = Intake(resources.keys, resources.directory, clock)
    synced = _synced(envelope, kind, author, intake)
    rows = _prepare(parts, kind, intake, author)
    sent = Sent(author.client_id, envelope.batch_id or uuid4(), received_at, envelope.sent_at, request_id.get())
    try:
        async with transaction(resources.engine) as connection:
            outcome = await record_batch(connection, rows, sent, resources.receipts, validate=validate)
            if atomic and not validate and not outcome.all_stored:
                raise _NotStored(outcome)
            through = None
            if not validate:
                outcome, through = await _progress(connection, outcome, synced, clock, sent, kind)
    except _NotStored as refused:
        raise _atomic_problem(refused.outcome, resources) from None
    return json_response(_answer(outcome, sent, validate, through))


def _mode(request: Request) -> tuple[bool, bool]:
    asked = parameters(request, "mode", "atomic")
    mode, atomic = asked.get("mode", "commit"), asked.get("atomic", "false")
    if mode not in ("commit", "validate"):
        raise Problem("bad_parameter", name="mode", reason="commit | validate")
    if atomic not in ("true", "false"):
        raise Problem("bad_parameter", name="atomic", reason="true | false")
    return mode == "validate", atomic == "true"


def _prepare(parts: Split, kind: RecordKind, intake: Intake, author: Author) -> list[Prepared]:
    return [_prepare_one(index, row, kind, intake, author) for index, row in enumerate(parts.rows)]


def _prepare_one(index: int, raw: bytes | list[Fault], kind: RecordKind, intake: Intake, author: Author) -> Prepared:
    if isinstance(raw, list):
        return Prepared(index, None, None, faults=tuple(raw))
    try:
        row = kind.row.model_validate_json(raw)
    except ValidationError as error:
        return Prepared(index, _id_of(raw), None, faults=tuple(row_faults(error)))
    return prepare(index, row, row.model_dump_json(exclude_unset=True).encode(), intake, author)


def _id_of(raw: bytes) -> UUID | None:
    """Read the id of a row whose form is wrong, so that its receipt can be matched."""
    try:
        return msgspec.json.decode(raw, type=_Id).id
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _synced(
    envelope: BatchEnvelope, kind: RecordKind, author: Author, intake: Intake
) -> tuple[str, datetime, UUID | None] | None:
    """Give the device, until when it has sent everything, and the reporter it names; raises Problem malformed."""
    if envelope.synced_through is None:
        return None
    if envelope.device is None:
        raise Problem("malformed", faults=[Fault("device_missing", "/device")])
    if tells_identity(envelope.device):
        raise Problem("malformed", faults=[Fault("identity_in_text", "/device")])
    if intake.clock.is_future(envelope.synced_through):
        raise Problem("malformed", faults=[Fault("synced_in_the_future", "/synced_through")])
    reporter: UUID | Fault | None = author.partner_id if kind.kind == "partner_report" else None
    if kind.kind == "visit" and envelope.reporter is not None:
        reporter = _team(envelope.reporter, author, intake)
    if isinstance(reporter, Fault):
        raise Problem("malformed", faults=[reporter])
    return envelope.device, intake.clock.synced_through(envelope.synced_through), reporter


def _team(reference: str, author: Author, intake: Intake) -> UUID | Fault:
    """Resolve the team that a claim of completeness is about, within the caller's subtree."""
    team_id = team_id_of(reference, intake.directory, "/reporter")
    if isinstance(team_id, Fault):
        return team_id
    team = intake.directory.teams.get(team_id)
    unit = intake.directory.units.get(team.unit_id) if team is not None else None
    if author.root is not None and (unit is None or author.root not in unit.within):
        return Fault("outside_subtree", "/reporter", {"unit": reference})
    return team_id


async def _progress(
    connection: Connection,
    outcome: Outcome,
    synced: tuple[str, datetime, UUID | None] | None,
    clock: Clock,
    sent: Sent,
    kind: RecordKind,
) -> tuple[Outcome, datetime | None]:
    """Note what is held and until when everything has been sent, behind the rows it speaks of.

    A rejected row was sent but is not stored: "everything" would not be true of it, so nothing is noted then.
    """
    positions = await say_held(connection, outcome.held_reporters, sent, kind.kind)
    through = None
    if synced is not None and not outcome.any_rejected:
        device, through, named = synced
        reporters = {named} if named is not None else outcome.reporters
        if not reporters:
            raise Problem("malformed", faults=[Fault("reporter_missing", "/reporter")])
        positions += await say_synced(connection, reporters, device, through, sent, kind.kind)
    highest = max([p for p in (outcome.position, *positions) if p is not None], default=None)
    return replace(outcome, position=highest), through


def _answer(outcome: Outcome, sent: Sent, validate: bool, through: datetime | None) -> dict[str, Any]:
    counts = dict.fromkeys(STATUSES, 0)
    for row in outcome.rows:
        counts[row["status"]] += 1
    return {
        "batch_id": sent.batch_id,
        "mode": "validate" if validate else "commit",
        "received_at": sent.received_at,
        "position": f"visits:{outcome.position}" if outcome.position else None,
        "synced_through": through,
        "counts": counts,
        "rows": outcome.rows,
    }


def _atomic_problem(outcome: Outcome, resources: Resources) -> Problem:
    """Tell of an atomic batch that nothing of it was stored, and which rows were the reason."""
    rows = []
    for row in outcome.rows:
        if row["id"] in outcome.appended:
            fault = resources.catalogue.describe(Fault("batch_not_stored"))
            row = {"index": row["index"], "id": row["id"], "status": "rejected", "errors": [fault]}
        rows.append(row)
    return Problem("batch_not_stored", extra={"rows": rows})
