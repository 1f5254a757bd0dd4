"""POST …:batch and …:bulk: every row answered for."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from libs.common.db import Connection, transaction
from libs.common.http import MAX_BODY_BYTES, json_response, parameters, read_body
from libs.common.problem import Fault, Problem
from libs.common.strict_json import Split, check_row, split
from libs.common.telemetry import request_id
from libs.common.tracing import span
from libs.contracts.visits_api import BatchEnvelope
from libs.contracts.visits_bodies import MAX_BULK_ROWS, MAX_ROWS
from services.visits.api.kinds import RecordKind
from services.visits.api.resources import Resources, author_of, code_list, json_only, parse, row_faults
from services.visits.domain.clock import Clock, local_day
from services.visits.domain.draft import Intake
from services.visits.domain.identity import tells_identity
from services.visits.domain.place import team_id_of
from services.visits.store import NewRevision, Sent, StoredBefore
from services.visits.use_cases.prepare import Author, Prepared, Preparing
from services.visits.use_cases.record import Outcome, creation, record_batch, say_held, say_synced
from services.visits.use_cases.rows import of_contract, read

__all__ = ["batch", "bulk"]

MAX_BULK_BYTES = 16 * MAX_BODY_BYTES
SLICE_ROWS = 100  # Some milliseconds.
STATUSES = ("accepted", "duplicate", "held", "rejected", "valid")


class _NotStored(Exception):
    """Rolls an atomic batch back."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Id(msgspec.Struct):
    id: UUID | None = None


class _Asked(NamedTuple):
    """Who asks for what, and when."""

    author: Author
    validate: bool
    atomic: bool
    received_at: datetime


async def batch(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Take in a batch: 200 with an outcome for each row; 409 where `atomic=true` and a row was not accepted."""
    asked = _asked(request, kind, resources)
    return await _take_in(asked, kind, resources, split(await read_body(request)), MAX_ROWS)


async def bulk(request: Request, kind: RecordKind, resources: Resources) -> Response:
    """Take in a large batch likewise, while others are served."""
    asked = _asked(request, kind, resources)
    with resources.bulk.place():
        # In a thread: whoever reads so many bytes in one go keeps everybody waiting.
        parts = await asyncio.to_thread(split, await resources.bulk.read(request, MAX_BULK_BYTES))
        return await _take_in(asked, kind, resources, parts, MAX_BULK_ROWS)


def _asked(request: Request, kind: RecordKind, resources: Resources) -> _Asked:
    author = author_of(resources.caller(request, kind.write_scope), kind)
    json_only(request)
    return _Asked(author, *_mode(request), resources.now())


async def _take_in(asked: _Asked, kind: RecordKind, resources: Resources, parts: Split, most: int) -> Response:
    if len(parts.rows) > most:
        raise Problem("too_many_rows", rows=len(parts.rows), limit=most)
    author, validate, atomic, received_at = asked
    envelope = parse(BatchEnvelope, parts.envelope)
    clock = Clock.compare(received_at, envelope.sent_at)
    intake = Intake(resources.keys, resources.directory, clock)
    synced = _synced(envelope, kind, author, intake)
    preparing = Preparing(intake, author, code_list(envelope.codes_as_of, author, received_at))
    with span("prepare", rows=len(parts.rows)):
        rows, creations = await _prepare(parts, kind, preparing)
    sent = Sent(author.client_id, envelope.batch_id or uuid4(), received_at, envelope.sent_at, request_id.get())

    async def store(*, all_new: bool) -> tuple[Outcome, datetime | None]:
        receipts = resources.receipts
        async with transaction(resources.engine) as connection:
            outcome = await record_batch(
                connection, rows, creations, sent, receipts, all_new=all_new, validate=validate
            )
            if atomic and not validate and not outcome.all_stored:
                raise _NotStored(outcome)
            return (outcome, None) if validate else await _progress(connection, outcome, synced, clock, sent, kind)

    try:
        try:
            outcome, through = await store(all_new=True)
        except StoredBefore:
            outcome, through = await store(all_new=False)
    except _NotStored as refused:
        problem = _atomic_problem(refused.outcome, resources)
        resources.received.rows(kind.kind, rows, problem.extra["rows"], author, local_day(received_at))
        raise problem from None
    if not validate:
        resources.received.rows(kind.kind, rows, outcome.rows, author, local_day(received_at))
    return json_response(_answer(outcome, sent, validate, through))


def _mode(request: Request) -> tuple[bool, bool]:
    asked = parameters(request, "mode", "atomic")
    mode, atomic = asked.get("mode", "commit"), asked.get("atomic", "false")
    if mode not in ("commit", "validate"):
        raise Problem("bad_parameter", name="mode", reason="commit | validate")
    if atomic not in ("true", "false"):
        raise Problem("bad_parameter", name="atomic", reason="true | false")
    return mode == "validate", atomic == "true"


async def _prepare(
    parts: Split, kind: RecordKind, preparing: Preparing
) -> tuple[list[Prepared], list[NewRevision | None]]:
    """Prepare the rows and make what is to be stored of them, some at a time: others are let in between."""
    rows, creations = [], []
    for index, raw in enumerate(parts.rows, 1):
        rows.append(row := _prepare_one(index - 1, raw, kind, preparing))
        creations.append(creation(row))
        if index % SLICE_ROWS == 0:
            await asyncio.sleep(0)
    return rows, creations


def _prepare_one(index: int, raw: bytes | list[Fault], kind: RecordKind, preparing: Preparing) -> Prepared:
    if isinstance(raw, list):
        return Prepared(index, None, (), faults=tuple(raw))
    quick = read(kind.decoder, raw)
    if quick is not None:
        return preparing.prepare(index, *quick)
    clean = check_row(raw)
    if isinstance(clean, list):
        return Prepared(index, None, (), faults=tuple(clean))
    try:
        row = kind.row.model_validate_json(clean)
    except ValidationError as error:
        return Prepared(index, _id_of(clean), (), faults=tuple(row_faults(error)))
    return preparing.prepare(index, *of_contract(kind.decoder.type, row))


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
        counts[row.status] += 1
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
    stored = {row.change_id for row in outcome.stored}
    rows = [resources.receipts.not_stored(row) if row.id in stored else row for row in outcome.rows]
    return Problem("batch_not_stored", extra={"rows": rows})
