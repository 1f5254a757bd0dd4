"""Denominators and targets: rows decided one by one, what is new or changed appended as revisions, all in one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal, TypeAlias
from uuid import UUID

from libs.common.db import Connection
from libs.common.problem import Fault
from libs.contracts.reference import DenominatorV1, IndicatorV1, TargetV1
from libs.contracts.topics import type_of
from services.registry.domain.atlas import Atlas
from services.registry.domain.indicators import Indicator
from services.registry.domain.reference import (
    Denominator,
    DenominatorRow,
    Target,
    TargetRow,
    denominator_of,
    serves,
    target_of_row,
)
from services.registry.domain.units import Unit
from services.registry.events import Event, event_of
from services.registry.events.catalogue import indicator_of
from services.registry.events.reference import target_of
from services.registry.store import log
from services.registry.store.reads import Page
from services.registry.store.reference import ReferenceFilter, read_reference

__all__ = ["Outcome", "Status", "list_denominators", "list_targets", "write_denominators", "write_targets"]

Status = Literal["created", "changed", "same", "rejected"]
Faults: TypeAlias = Sequence[Fault]
MOST_ABOVE = 10  # Levels of the map and some: a chain of targets rises with each step.


@dataclass(frozen=True)
class Outcome:
    """What became of a row: what it is known by where it is good, what is wrong with it where it is not."""

    status: Status
    record_id: UUID | None
    revision: int | None
    faults: Faults = ()


async def write_denominators(
    connection: Connection,
    atlas: Atlas,
    rows: Sequence[DenominatorRow | Faults],
    *,
    root: UUID | None,
    store: bool = True,
) -> list[Outcome]:
    """Answer every row, and append what is new or changed; rows that are faults already stay rejected.

    `root` is the subtree of who writes, None the whole country; with `store` false nothing is appended. The caller's
    transaction holds the registry's lock until it commits.
    """
    await log.lock(connection)
    find = partial(_find, atlas)
    decided = [denominator_of(row, find, root) if isinstance(row, DenominatorRow) else row for row in rows]
    return await _append(connection, DenominatorV1, decided, store=store)


async def write_targets(
    connection: Connection,
    atlas: Atlas,
    rows: Sequence[TargetRow | Faults],
    *,
    root: UUID | None,
    today: date,
    store: bool = True,
) -> list[Outcome]:
    """Answer every row, and append what is new or changed, as `write_denominators`; a row may serve another one."""
    await log.lock(connection)
    find, indicators = partial(_find, atlas), await _indicators(connection)
    decided: list[Target | Faults] = [
        target_of_row(row, find, indicators, root, today) if isinstance(row, TargetRow) else row for row in rows
    ]
    stored = await _standing(connection, [each for each in decided if isinstance(each, Target)])
    return await _append(connection, TargetV1, _checked(decided, stored, atlas), store=store)


def _checked(decided: Sequence[Target | Faults], stored: Mapping[UUID, Target], atlas: Atlas) -> list[Target | Faults]:
    """Check what targets serve, again until nothing is refused that another one serves."""
    checked = list(decided)
    while True:
        standing = {**stored, **{each.record_id: each for each in checked if isinstance(each, Target)}}
        again = [
            (serves(each, standing, atlas.units) or each) if isinstance(each, Target) else each for each in checked
        ]
        if again == checked:
            return checked
        checked = again


async def list_denominators(connection: Connection, asked: ReferenceFilter, after: UUID | None, limit: int) -> Page:
    """Give a page of denominators."""
    return await read_reference(connection, DenominatorV1, asked, after, limit)


async def list_targets(connection: Connection, asked: ReferenceFilter, after: UUID | None, limit: int) -> Page:
    """Give a page of targets."""
    return await read_reference(connection, TargetV1, asked, after, limit)


def _find(atlas: Atlas, reference: str, day: date) -> Unit | None:
    try:
        return atlas.units.get(UUID(reference))
    except ValueError:
        return atlas.on(reference, day)


async def _indicators(connection: Connection) -> dict[str, Indicator]:
    heads = await log.heads(connection, type_of(IndicatorV1))
    return {indicator.code: indicator for indicator in (indicator_of(head.body) for head in heads.values())}


async def _standing(connection: Connection, targets: Sequence[Target]) -> dict[UUID, Target]:
    """Give the stored targets above some, generation by generation."""
    known: dict[UUID, Target] = {}
    wanted = {target.parent_id for target in targets if target.parent_id is not None}
    for _ in range(MOST_ABOVE):
        if not wanted:
            break
        heads = await log.heads(connection, type_of(TargetV1), wanted)
        found = {record_id: target_of(head.body) for record_id, head in heads.items()}
        known |= found
        wanted = {each.parent_id for each in found.values() if each.parent_id is not None} - known.keys()
    return known


async def _append(
    connection: Connection,
    contract: type[DenominatorV1] | type[TargetV1],
    decided: Sequence[Denominator | Target | Faults],
    *,
    store: bool,
) -> list[Outcome]:
    ids = [each.record_id for each in decided if isinstance(each, Denominator | Target)]
    heads = await log.heads(connection, type_of(contract), ids)
    first: dict[UUID, Denominator | Target] = {}
    outcomes: list[Outcome] = []
    events: list[Event] = []
    for each in decided:
        if not isinstance(each, Denominator | Target):
            outcomes.append(Outcome("rejected", None, None, each))
            continue
        if first.setdefault(each.record_id, each) != each:
            # Two values for one thing in one batch: which is right is not for us to say.
            outcomes.append(Outcome("rejected", None, None, [Fault("row_contradicted", "/value")]))
            continue
        outcome, event = _outcome(each, heads.get(each.record_id))
        outcomes.append(outcome)
        if event is not None and first[each.record_id] is each:
            events.append(event)
    if store:
        await log.append(connection, events)
    return outcomes


def _outcome(record: Denominator | Target, head: log.Head | None) -> tuple[Outcome, Event | None]:
    if head is None:
        return Outcome("created", record.record_id, 1), event_of(record, 1)
    if event_of(record, head.revision).body == head.body:
        return Outcome("same", record.record_id, head.revision), None
    revision = head.revision + 1
    return Outcome("changed", record.record_id, revision), event_of(record, revision)
