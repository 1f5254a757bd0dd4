"""Units below commune level: created, renamed and ended by whoever has the commune in their subtree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from libs.common.db import Connection
from libs.common.problem import Fault, Problem
from libs.contracts.units_api import EndUnit, NewSubcommune, RenameUnit
from services.registry.domain import hamlets
from services.registry.domain.closure import closed, restated
from services.registry.domain.units import Unit
from services.registry.events import event_of
from services.registry.store import audit, log
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.reforms import Officer

__all__ = ["Row", "create", "end", "rename"]

Row = NewSubcommune | Sequence[Fault]
"""A row as it was read, or what is wrong with its form."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row; `body` is the unit as the log has it, where it was asked for."""

    id: UUID | None
    status: Literal["accepted", "duplicate", "rejected"]
    unit_id: UUID | None = None
    faults: Sequence[Fault] = ()


async def create(
    connection: Connection, keeper: Keeper, officer: Officer, rows: Sequence[Row], today: date
) -> list[Outcome]:
    """Begin units and answer for each row; those that are well are kept whatever is wrong with others."""
    await log.lock(connection)
    atlas = await keeper.newest(connection)
    made: dict[UUID, tuple[int, Unit]] = {}
    outcomes: list[Outcome] = []
    for index, row in enumerate(rows):
        outcomes.append(_judge(keeper, officer, row, today, made, index))
    new = {unit_id: unit for unit_id, (_, unit) in made.items()}
    states = closed({**atlas.units, **new}, new.keys())
    await log.append(connection, [event_of(unit, 1) for unit in states])
    if states:
        note = audit.Audited(
            officer.client_id,
            "units.created",
            "unit",
            str(states[0].record_id),
            officer.root,
            after={"units": len(new)},
        )
        await audit.note(connection, note)
    return outcomes


def _judge(
    keeper: Keeper, officer: Officer, row: Row, today: date, made: dict[UUID, tuple[int, Unit]], index: int
) -> Outcome:
    if not isinstance(row, NewSubcommune):
        return Outcome(None, "rejected", faults=row)
    asked = hamlets.Asked(row.id, row.parent, row.type, row.name, row.short_name, row.valid_from)
    unit = hamlets.begin(keeper.atlas, asked, officer.root, today)
    if isinstance(unit, Fault):
        return Outcome(row.id, "rejected", faults=[unit])
    known = keeper.atlas.units.get(unit.record_id)
    if known is not None:
        (placed,) = closed({**keeper.atlas.units, unit.record_id: unit}, [unit.record_id])
        return _again(row.id, placed, known, Fault("id_reused", "/id"))
    if unit.record_id in made:
        before, first = made[unit.record_id]
        return _again(row.id, unit, first, Fault("id_repeated_in_batch", "/id", {"index": before}))
    made[unit.record_id] = (index, unit)
    return Outcome(row.id, "accepted", unit.record_id)


def _again(client_made: UUID, unit: Unit, known: Unit, fault: Fault) -> Outcome:
    if hamlets.is_same(unit, known):
        return Outcome(client_made, "duplicate", known.record_id)
    return Outcome(client_made, "rejected", faults=[fault])


async def rename(
    connection: Connection, keeper: Keeper, officer: Officer, unit_id: UUID, asked: RenameUnit, today: date
) -> bytes:
    """Give a unit another name from a day on, and answer with the version that bears it; raises Problem."""
    unit = await _take(connection, keeper, officer, unit_id)
    to = hamlets.Renaming(asked.on, asked.name, asked.short_name, asked.type, asked.decision)
    versions = hamlets.rename(unit, to)
    *_, new = versions.values()
    known = keeper.atlas.units.get(new.record_id)
    if known is not None and (known.name, known.short_name, known.type) == (new.name, new.short_name, new.type):
        return keeper.told(known.record_id)  # Sent again.
    _check(keeper, unit, asked.revision, asked.on, today)
    if (new.name, new.short_name, new.type) == (unit.name, unit.short_name, unit.type):
        raise Problem("reform_changes_nothing", unit=unit.name)
    written = await _save(connection, keeper, officer, "unit.renamed", unit, versions)
    return written[new.record_id]


async def end(
    connection: Connection, keeper: Keeper, officer: Officer, unit_id: UUID, asked: EndUnit, today: date
) -> bytes:
    """End a unit that nothing succeeds, and answer with it; raises Problem."""
    unit = await _take(connection, keeper, officer, unit_id)
    if unit.valid_to == asked.on and not unit.successors and keeper.revision(unit_id) == asked.revision + 1:
        return keeper.told(unit.record_id)  # Sent again.
    _check(keeper, unit, asked.revision, asked.on, today)
    written = await _save(connection, keeper, officer, "unit.ended", unit, hamlets.end(unit, asked.on))
    return written[unit_id]


async def _take(connection: Connection, keeper: Keeper, officer: Officer, unit_id: UUID) -> Unit:
    await log.lock(connection)
    unit = (await keeper.newest(connection)).units.get(unit_id)
    if unit is None:
        raise Problem("not_found", path=f"/v1/units/{unit_id}")
    if officer.root is not None and officer.root not in unit.within:
        raise Problem("outside_subtree", unit=unit.name)
    if unit.level != "subcommune":
        raise Problem("not_a_subcommune")
    return unit


def _check(keeper: Keeper, unit: Unit, revision: int, on: date, today: date) -> None:
    current = keeper.revision(unit.record_id)
    if revision != current or unit.valid_to is not None:
        extra = {"unit": msgspec.Raw(keeper.told(unit.record_id))}
        raise Problem("stale_unit", current=current, replaces=revision, extra=extra)
    if on > today:
        raise Problem("change_in_the_future", faults=[Fault("change_in_the_future", "/on", {"day": on})], day=on)
    if unit.valid_from is not None and on <= unit.valid_from:
        fault = Fault("reform_before_unit_began", "/on", {"unit": unit.name, "day": unit.valid_from})
        raise Problem(fault.code, faults=[fault], **fault.params)


async def _save(
    connection: Connection, keeper: Keeper, officer: Officer, action: str, unit: Unit, changed: Mapping[UUID, Unit]
) -> dict[UUID, bytes]:
    states = restated(keeper.atlas.units, changed)
    events = [event_of(state, keeper.revision(state.record_id) + 1) for state in states]
    await log.append(connection, events)
    after = {"name": [*changed.values()][-1].name}
    note = audit.Audited(
        officer.client_id, action, "unit", str(unit.record_id), unit.parent_id, {"name": unit.name}, after
    )
    await audit.note(connection, note)
    return {event.record_id: event.body for event in events}
