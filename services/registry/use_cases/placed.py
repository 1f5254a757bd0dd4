"""Rosters, campaign waves and models, one at a time; the caller commits."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

from libs.common.problem import Fault, Problem
from libs.contracts.help_api import ChangeModel, ChangeRoster, ChangeWave, CreateModel, CreateRoster, CreateWave
from libs.contracts.model import Contract
from libs.contracts.network import MemberV1, ModelV1, RosterV1, WaveV1
from libs.contracts.registry import TeamV1, TopicV1
from libs.contracts.topics import type_of
from services.registry.domain.contacts import is_mobile
from services.registry.domain.rosters import Duty, Model, Placed, Roster, Wave, placed_faults
from services.registry.domain.units import Unit
from services.registry.events import model_of, roster_of, team_of, wave_of
from services.registry.store import access, log
from services.registry.use_cases.changing import (
    Asked,
    Desk,
    Outcome,
    begin,
    finish,
    members_contacts,
    refuse,
    seen_before,
    unit_named,
)
from services.registry.use_cases.teams import contacts_of

__all__ = ["KINDS", "Change", "Create", "Kind", "change", "create"]

Create: TypeAlias = CreateRoster | CreateWave | CreateModel
Change: TypeAlias = ChangeRoster | ChangeWave | ChangeModel
BESIDE = {"id", "replaces", "unit", "mobile_numbers_confirmed"}


@dataclass(frozen=True)
class Kind:
    """A kind of record: its noun, its event, how it is read back, and the fields that bound its days."""

    noun: str
    contract: type[Contract]
    read: Callable[[bytes], Placed]
    make: Callable[..., Placed]
    first: str
    last: str
    optional: frozenset[str]


KINDS: dict[str, Kind] = {
    "roster": Kind(
        "roster", RosterV1, roster_of, Roster, "valid_from", "valid_to", frozenset({"valid_from", "valid_to"})
    ),
    "wave": Kind("wave", WaveV1, wave_of, Wave, "first_day", "last_day", frozenset({"place"})),
    "model": Kind("model", ModelV1, model_of, Model, "launched_on", "ended_on", frozenset({"place", "ended_on"})),
}


async def create(desk: Desk, asked: Asked, kind: Kind, told: Create) -> Outcome:
    """Make a record; raises Problem. The same sent again gives the record as it is now."""
    await log.lock(desk.connection)
    if (seen := await seen_before(desk, asked)) is not None:
        head = await log.newest(desk.connection, type_of(kind.contract), seen)
        if head is None:
            raise Problem("id_reused", id=str(told.id))
        return Outcome("duplicate", seen, head.body)
    if await log.exists(desk.connection, told.id):
        raise Problem("id_reused", id=str(told.id))
    values = _values(told)
    unit = unit_named(desk.atlas, told.unit, _first_day(desk, kind, values))
    desk.need_reach(asked.root, unit)
    record = kind.make(record_id=told.id, unit_id=unit.record_id, **values)
    await _check(desk, asked, record, None, unit, told)
    return await finish(desk, asked, record, None, f"{kind.noun}.created", unit.record_id)


async def change(desk: Desk, asked: Asked, kind: Kind, record_id: UUID, told: Change) -> Outcome:
    """Change a record; raises Problem."""

    async def may(body: bytes) -> bool:
        return desk.reaches(asked.root, kind.read(body).unit_id)

    head = await begin(desk, asked, type_of(kind.contract), record_id, told.replaces, may)
    if isinstance(head, Outcome):
        return head
    before = kind.read(head.body)
    values = {name: value for name, value in _values(told).items() if value is not None or name in kind.optional}
    after: Placed = replace(before, **values)
    unit = desk.atlas.units[before.unit_id]
    if told.unit is not None:
        unit = unit_named(desk.atlas, told.unit, _first_day(desk, kind, {kind.first: getattr(after, kind.first)}))
        desk.need_reach(asked.root, unit)
        after = replace(after, unit_id=unit.record_id)
    await _check(desk, asked, after, before, unit, told)
    return await finish(desk, asked, after, head, f"{kind.noun}.changed", unit.record_id)


def _first_day(desk: Desk, kind: Kind, values: dict[str, Any]) -> date:
    day = values.get(kind.first)
    return day if isinstance(day, date) else desk.today


def _values(told: Create | Change) -> dict[str, Any]:
    """Give what was told as domain values, by field; what a change left out is not among them."""
    names = set(type(told).model_fields) if isinstance(told, Create) else told.model_fields_set
    values: dict[str, Any] = {name: getattr(told, name) for name in names - BESIDE}
    if "contacts" in values:
        values["contacts"] = contacts_of(values["contacts"])
    if "duties" in values:
        values["duties"] = tuple(Duty(each.opens, each.closes, each.weekday, each.day) for each in values["duties"])
    for name in ("teams", "members", "partners", "topics"):
        if name in values:
            values[name] = tuple(dict.fromkeys(values[name]))
    return values


async def _check(
    desk: Desk, asked: Asked, record: Placed, before: Placed | None, unit: Unit, told: Create | Change
) -> None:
    """Raise Problem for what is wrong with a record."""
    contacts = record.contacts if isinstance(record, Roster) else ()
    known = before.contacts if isinstance(before, Roster) else ()
    confirmed = getattr(told, "mobile_numbers_confirmed", False)
    confirmed = confirmed or all(each in known for each in contacts if is_mobile(each))
    faults = list(placed_faults(record, unit, desk.today, confirmed=confirmed))
    if not faults:
        faults += await members_contacts(desk, contacts, unit.record_id)
    new = _references(record) - (_references(before) if before is not None else set())
    faults += await _reference_faults(desk, asked, record, new)
    refuse(faults)


def _references(record: Placed) -> set[tuple[str, UUID | str]]:
    named = {name: getattr(record, name, ()) for name in ("teams", "members", "partners", "topics")}
    return {(name, each) for name, all_of in named.items() for each in all_of}


async def _reference_faults(
    desk: Desk, asked: Asked, record: Placed, new: Collection[tuple[str, UUID | str]]
) -> list[Fault]:
    """Give a fault for each thing newly named that is not there, or that the client may not name."""
    by_name = {
        name: [each for what, each in new if what == name] for name in ("teams", "members", "partners", "topics")
    }
    teams = await log.heads_of(
        desk.connection, type_of(TeamV1), [each for each in by_name["teams"] if isinstance(each, UUID)]
    )
    members = await log.heads_of(
        desk.connection, type_of(MemberV1), [each for each in by_name["members"] if isinstance(each, UUID)]
    )
    reached = {key for key, head in teams.items() if desk.reaches(asked.root, team_of(head.body).unit_id)}
    partners = (
        {each.partner_id for each in (await access.list_partners(desk.connection)).values()}
        if by_name["partners"]
        else set()
    )
    topics = await _topics(desk) if by_name["topics"] else set()
    known: dict[str, Collection[UUID | str]] = {
        "teams": reached,
        "members": members.keys(),
        "partners": partners,
        "topics": topics,
    }
    codes = {
        "teams": "unknown_team",
        "members": "unknown_member",
        "partners": "unknown_partner",
        "topics": "unknown_topic",
    }
    return [
        Fault(
            codes[name], f"/{name}/{list(getattr(record, name)).index(each)}", {"team": each, "code": each, "id": each}
        )
        for name, told in by_name.items()
        for each in told
        if each not in known[name]
    ]


async def _topics(desk: Desk) -> set[str]:
    found = await log.heads(desk.connection, type_of(TopicV1))
    return {TopicV1.model_validate_json(head.body).code for head in found.values()}
