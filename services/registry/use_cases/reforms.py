"""Reforms: drafted, changed, enacted at once or on their day, withdrawn; by whoever has seen the newest revision."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from libs.common.db import Connection
from libs.common.problem import Fault, Problem, first_faults
from libs.contracts.reforms_api import ReformAction, ReformChange, ReformInput
from services.registry.domain.atlas import Atlas
from services.registry.domain.reform.applying import Outcome, apply
from services.registry.domain.reform.reading import read_reform
from services.registry.domain.reform.standing import Action, Standing, allows
from services.registry.events import event_of
from services.registry.store import access, audit, log, reforms
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.decree import as_reform, described, operations_json, read_operations
from services.registry.use_cases.loading import save
from services.registry.use_cases.reform_views import view

__all__ = [
    "Done",
    "Officer",
    "change",
    "draft",
    "enact",
    "enact_due",
    "fail_due",
    "find",
    "may_see",
    "outcome_enacted",
    "outcome_of",
    "withdraw",
]

AT_ONCE = 200
"""Operations that are applied in some tens of milliseconds; more are in a thread, on a map that stays as it is."""


@dataclass(frozen=True)
class Officer:
    """Who acts: a client and the root of its subtree, None for the whole country."""

    client_id: str
    root: UUID | None


@dataclass(frozen=True)
class Done:
    """A reform as it stands now; with what it comes to, where that was just found out."""

    standing: Standing
    outcome: Outcome | None = None
    is_new: bool = False


async def draft(connection: Connection, keeper: Keeper, officer: Officer, asked: ReformInput) -> Done:
    """Keep a decree that can be carried out as a draft; raises Problem."""
    await log.lock(connection)
    digest = _digest(asked)
    known = await reforms.load(connection, asked.id)
    if known is not None:
        first = await reforms.find_deed(connection, asked.id, asked.id)
        if first is None or first.digest != digest:
            raise Problem("id_reused")
        await _see(connection, keeper, officer, known)
        return Done(known)
    now = datetime.now().astimezone()
    operations = operations_json(asked.operations)
    standing = Standing(
        asked.id, 1, "draft", asked.decree, asked.effective_date, operations, officer.client_id, now, now
    )
    outcome = await _checked(connection, keeper, officer, standing)
    kept = await reforms.insert(connection, standing)
    await _note(connection, officer, kept, "drafted", asked.id, digest)
    return Done(kept, outcome, is_new=True)


async def change(
    connection: Connection, keeper: Keeper, officer: Officer, reform_id: UUID, asked: ReformChange
) -> Done:
    """Give a draft other content; raises Problem."""
    standing, done = await _begin(connection, keeper, officer, reform_id, asked, "changed")
    if done:
        return Done(standing)
    changed = replace(
        standing,
        status="draft",
        decree=asked.decree,
        effective=asked.effective_date,
        operations=operations_json(asked.operations),
        failure=None,
    )
    outcome = await _checked(connection, keeper, officer, changed)
    return Done(await _keep(connection, officer, changed, "changed", asked), outcome)


async def withdraw(
    connection: Connection, keeper: Keeper, officer: Officer, reform_id: UUID, asked: ReformAction
) -> Done:
    """Give a reform up before its day; raises Problem."""
    standing, done = await _begin(connection, keeper, officer, reform_id, asked, "withdrawn")
    if done:
        return Done(standing)
    return Done(await _keep(connection, officer, replace(standing, status="withdrawn"), "withdrawn", asked), Outcome())


async def enact(
    connection: Connection, keeper: Keeper, officer: Officer, reform_id: UUID, asked: ReformAction, today: date
) -> Done:
    """Write what a reform makes of the map where its day has come, else have that done on its day; raises Problem."""
    found = await find(connection, reform_id)
    action: Action = "enacted" if found.effective <= today else "scheduled"
    standing, done = await _begin(connection, keeper, officer, reform_id, asked, action)
    if done:
        return Done(standing)
    outcome = await _checked(connection, keeper, officer, standing)
    if action == "scheduled":
        scheduled = replace(standing, status="scheduled", failure=None)
        return Done(await _keep(connection, officer, scheduled, action, asked), outcome)
    enacted = replace(standing, status="enacted", failure=None, begun=outcome.begun, ended=outcome.ended)
    written = await _write(connection, keeper, outcome)
    return Done(await _keep(connection, officer, enacted, action, asked, written))


async def enact_due(connection: Connection, keeper: Keeper, reform_id: UUID, today: date) -> Standing | None:
    """Enact a reform whose day has come, or note why it no longer can be; None where another process was first."""
    await log.lock(connection)
    standing = await find(connection, reform_id)
    if standing.status != "scheduled" or standing.effective > today:
        return None
    outcome = await outcome_of(connection, keeper, standing)
    calendar, asked = Officer(standing.client_id, None), ReformAction(id=uuid4(), revision=standing.revision)
    if outcome.faults:
        failure = msgspec.json.encode(described(first_faults(outcome.faults)))
        return await _keep(connection, calendar, replace(standing, status="failed", failure=failure), "failed", asked)
    enacted = replace(standing, status="enacted", begun=outcome.begun, ended=outcome.ended)
    return await _keep(connection, calendar, enacted, "enacted", asked, await _write(connection, keeper, outcome))


async def fail_due(connection: Connection, reform_id: UUID, fault: Fault) -> None:
    """Note that a reform could not be enacted on its day for a fault of ours."""
    await log.lock(connection)
    standing = await find(connection, reform_id)
    if standing.status == "scheduled":
        failed = replace(standing, status="failed", failure=msgspec.json.encode(described([fault])))
        asked = ReformAction(id=uuid4(), revision=standing.revision)
        await _keep(connection, Officer(standing.client_id, None), failed, "failed", asked)


async def find(connection: Connection, reform_id: UUID) -> Standing:
    """Give a reform; raises Problem not_found."""
    standing = await reforms.load(connection, reform_id)
    if standing is None:
        raise Problem("not_found", path=f"/v1/reforms/{reform_id}")
    return standing


async def outcome_of(connection: Connection, keeper: Keeper, standing: Standing) -> Outcome:
    """Say what a reform would make of the map as the caller's snapshot has it."""
    reform, faults = as_reform(
        standing.reform_id, standing.decree, standing.effective, read_operations(standing.operations)
    )
    if faults:
        return Outcome(tuple(faults))
    atlas = await keeper.newest(connection)
    if len(reform.operations) <= AT_ONCE:
        return apply(atlas, reform)
    return await asyncio.to_thread(apply, atlas.copy(), reform)


def outcome_enacted(atlas: Atlas, standing: Standing) -> Outcome:
    """Say what an enacted reform came to, by what its units are now."""
    ended = [atlas.units[unit_id] for unit_id in standing.ended]
    whole = {unit.record_id: edge.unit_id for unit in ended for edge in unit.successors if edge.share == "whole"}
    return Outcome(
        states=tuple(atlas.units[unit_id] for unit_id in (*standing.ended, *standing.begun)),
        begun=tuple(standing.begun),
        ended=tuple(standing.ended),
        reached=tuple((unit.record_id, whole.get(unit.record_id)) for unit in ended),
        abolished=frozenset(unit.record_id for unit in ended if not unit.successors),
    )


def may_see(atlas: Atlas, officer: Officer, standing: Standing) -> Fault | None:
    """Say what a reform names that lies outside an officer's subtree."""
    if officer.root is None:
        return None
    reform, _ = as_reform(standing.reform_id, standing.decree, standing.effective, read_operations(standing.operations))
    return _outside(atlas, officer, read_reform(atlas, reform).area)


def _outside(atlas: Atlas, officer: Officer, area: Sequence[tuple[UUID | None, str]]) -> Fault | None:
    for unit_id, pointer in area:
        if officer.root is not None and (unit_id is None or officer.root not in atlas.units[unit_id].within):
            unit = atlas.units[unit_id].name if unit_id is not None else "VN"
            return Fault("outside_subtree", pointer, {"unit": unit})
    return None


async def _checked(connection: Connection, keeper: Keeper, officer: Officer, standing: Standing) -> Outcome:
    """Apply a reform; raises Problem where it is not the officer's to enact, or cannot be."""
    outcome = await outcome_of(connection, keeper, standing)
    outside = _outside(keeper.atlas, officer, outcome.area)
    if outside is not None:
        raise Problem("outside_subtree", faults=[outside], **outside.params)
    if outcome.faults:
        raise Problem("reform_invalid", faults=first_faults(outcome.faults))
    return outcome


async def _see(connection: Connection, keeper: Keeper, officer: Officer, standing: Standing) -> None:
    """Raise Problem where a reform is not within the officer's subtree."""
    outside = may_see(await keeper.newest(connection), officer, standing)
    if outside is not None:
        raise Problem("outside_subtree", faults=[outside], **outside.params)


async def _begin(
    connection: Connection,
    keeper: Keeper,
    officer: Officer,
    reform_id: UUID,
    asked: ReformChange | ReformAction,
    action: Action,
) -> tuple[Standing, bool]:
    """Take the writers' lock and judge whether an action may be done, or has been; raises Problem with the state."""
    await log.lock(connection)
    standing = await find(connection, reform_id)
    await _see(connection, keeper, officer, standing)
    deed = await reforms.find_deed(connection, reform_id, asked.id)
    if deed is not None:
        if deed.digest != _digest(asked) or not _same_kind(deed.action, action):
            raise Problem("id_reused")
        return standing, True
    current = {"reform": view(standing)}
    if standing.revision != asked.revision:
        raise Problem("stale_reform", current=standing.revision, replaces=asked.revision, extra=current)
    if not allows(standing.status, action):
        raise Problem("reform_not_possible", status=standing.status, extra=current)
    return standing, False


def _same_kind(done: Action, asked: Action) -> bool:
    enacting = ("scheduled", "enacted")
    return done == asked or (done in enacting and asked in enacting)


async def _keep(
    connection: Connection,
    officer: Officer,
    standing: Standing,
    action: Action,
    asked: ReformChange | ReformAction,
    written: Sequence[UUID] = (),
) -> Standing:
    kept = await reforms.update(connection, replace(standing, revision=standing.revision + 1), written)
    await _note(connection, officer, kept, action, asked.id, _digest(asked))
    return kept


async def _note(
    connection: Connection, officer: Officer, standing: Standing, action: Action, action_id: UUID, digest: bytes
) -> None:
    reform_id, revision = standing.reform_id, standing.revision
    await reforms.note(connection, reforms.Deed(reform_id, revision, action, action_id, digest, officer.client_id))
    after = {"revision": revision, "status": standing.status, "decree": standing.decree}
    await audit.note(
        connection,
        audit.Audited(officer.client_id, f"reform.{action}", "reform", str(reform_id), officer.root, after=after),
    )


async def _write(connection: Connection, keeper: Keeper, outcome: Outcome) -> list[UUID]:
    """Append the states of the map, and clients that follow their unit into another; gives the units written."""
    # Under the lock the keeper knows every revision there is.
    events = [event_of(unit, keeper.revision(unit.record_id) + 1) for unit in outcome.states]
    await log.append(connection, events)
    reached = {unit_id: to for unit_id, to in outcome.reached if unit_id not in outcome.abolished}
    following = [
        replace(client, unit_id=to)
        for client in await access.list_clients(connection)
        if client.unit_id is not None and (to := reached.get(client.unit_id)) is not None
    ]
    if following:
        await save(connection, "clients", following)
    return [event.record_id for event in events]


def _digest(asked: Any) -> bytes:
    return hashlib.sha256(asked.model_dump_json(exclude_defaults=True).encode()).digest()
